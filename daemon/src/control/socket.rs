use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use nix::unistd::Group;
use rustix::{
    fs::{AtFlags, CWD, Gid, Mode},
    io::Errno,
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use super::Options;

/// People at a terminal, a few scripts: more wait in line.
const BACKLOG: i32 = 64;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A daemon is there already.
    #[error("another process listens on {}: is a second dns01d running?", .0.display())]
    InUse(PathBuf),
    /// Something else has the name.
    #[error("{} exists and is no socket: move it away, or choose another path for the control socket", .0.display())]
    NotASocket(PathBuf),
    /// `group` names no group.
    #[error("there is no group `{0}` on this machine: create it, or correct the control socket's `group`")]
    UnknownGroup(String),
    /// `group` names a group that the daemon may not give files to.
    #[error(
        "the control socket cannot be given to the group `{group}`: {source}; make the daemon a member of it \
         (with systemd by `SupplementaryGroups=`), or remove the control socket's `group`"
    )]
    Group {
        /// As configured.
        group: String,
        /// How it failed.
        source: io::Error,
    },
    /// The name does not fit into a socket address.
    #[error("the control socket's path {} is too long: the system allows 107 octets", .0.display())]
    TooLong(PathBuf),
    /// A system call failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// systemd handed over something that cannot be used.
    #[error(
        "the socket handed over by systemd cannot be used: {0}; the socket unit needs `ListenStream=` with a path"
    )]
    Activation(io::Error),
}

/// The listening socket that systemd handed over, if it did.
///
/// Call it once, early: it takes over the descriptor.
///
/// # Errors
/// [`SocketError::Activation`] when the descriptor is no unix stream socket.
pub fn activated() -> Result<Option<UnixListener>, SocketError> {
    listenfd::ListenFd::from_env()
        .take_unix_listener(0)
        .map_err(SocketError::Activation)
}

/// The number of the group in the options.
pub(super) fn group(options: &Options) -> Result<Option<u32>, SocketError> {
    let Some(name) = options.group.as_deref() else {
        return Ok(None);
    };
    if let Some(number) = name.parse().ok().filter(|&number| number != u32::MAX) {
        return Ok(Some(number));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(Some(group.gid.as_raw())),
        Ok(None) | Err(_) => Err(SocketError::UnknownGroup(name.to_owned())),
    }
}

/// A socket file of ours; removed when dropped, unless it is another's by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Listens at the path of the options.
///
/// The socket has its group and mode before anyone can connect: it is made
/// under another name, and nobody connects to a socket that does not listen.
pub(super) fn listen(
    options: &Options,
    group: Option<u32>,
) -> Result<(UnixListener, SocketFile), SocketError> {
    let path = options.socket.as_path();
    make_parent(path)?;
    clear_stale(path)?;

    let mut making = path.as_os_str().to_owned();
    making.push(".new");
    let making = PathBuf::from(making);
    let failed = |operation, at: &Path| {
        let path = at.to_owned();
        move |errno: Errno| SocketError::Io {
            operation,
            path,
            source: errno.into(),
        }
    };

    let address = SocketAddrUnix::new(&making).map_err(|_| SocketError::TooLong(path.to_owned()))?;
    match fs::remove_file(&making) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(SocketError::Io {
                operation: "remove",
                path: making,
                source,
            });
        }
        Ok(()) | Err(_) => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(failed("make a socket for", path))?;
    net::bind(&socket, &address).map_err(failed("make the socket", &making))?;

    let mode = if group.is_some() { 0o660 } else { 0o600 };
    rustix::fs::chmodat(CWD, &making, Mode::from_raw_mode(mode), AtFlags::empty())
        .map_err(failed("set the mode of", &making))?;
    if let Some(group) = group {
        rustix::fs::chownat(
            CWD,
            &making,
            None,
            Some(Gid::from_raw(group)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(|errno| SocketError::Group {
            group: options.group.clone().unwrap_or_default(),
            source: errno.into(),
        })?;
    }
    net::listen(&socket, BACKLOG).map_err(failed("listen on", path))?;
    rustix::fs::renameat(CWD, &making, CWD, path).map_err(failed("name the socket", path))?;

    let file = SocketFile::at(path)?;
    Ok((listener(socket), file))
}

fn listener(socket: OwnedFd) -> UnixListener {
    UnixListener::from(socket)
}

/// Removes a socket on which nobody listens.
fn clear_stale(path: &Path) -> Result<(), SocketError> {
    let io = |operation| {
        move |source| SocketError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("look at")(error)),
        Ok(data) if !data.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        // a full backlog is a listener too
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SocketError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io("remove the stale socket"))
        }
        Err(error) => Err(io("connect to")(error)),
    }
}

/// Makes the directory of the socket, as systemd's `RuntimeDirectory=` would.
fn make_parent(path: &Path) -> Result<(), SocketError> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(|source| SocketError::Io {
        operation: "make the directory",
        path: parent.to_owned(),
        source,
    })
}

impl SocketFile {
    fn at(path: &Path) -> Result<Self, SocketError> {
        let identity = identity(path).map_err(|source| SocketError::Io {
            operation: "look at",
            path: path.to_owned(),
            source,
        })?;
        Ok(SocketFile {
            path: path.to_owned(),
            identity,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // a stale socket is replaced at the next start in any case
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|data| (data.dev(), data.ino()))
}
