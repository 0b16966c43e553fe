use std::{
    ffi::OsStr,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use rustix::{
    fs::{self, AtFlags, Dir, FlockOperation, Mode, OFlags},
    io::Errno,
};

use super::{Error, Operation};

/// Everyone may pass: the files' own modes decide who reads.
const MODE: u32 = 0o755;
/// Another writer of the same directory needs tens of milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// An open directory. What is done in it is done relative to its descriptor;
/// the path only tells people where it was.
#[derive(Debug)]
pub(super) struct Directory {
    pub fd: OwnedFd,
    pub path: PathBuf,
}

impl Directory {
    /// Opens an absolute path, making what is missing of it durably.
    pub fn open_or_make(path: &Path) -> Result<Self, Error> {
        match Self::open(path)? {
            Some(directory) => Ok(directory),
            None => Self::make(path),
        }
    }

    /// Opens an absolute path; `None` when nothing is there.
    ///
    /// Parents may be symbolic links, the last component may not.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        if !path.is_absolute() {
            return Err(Error::Relative(path.to_owned()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(fs::CWD, path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Directory {
                fd,
                path: path.to_owned(),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::Io {
                path: path.to_owned(),
                operation: Operation::Open,
                errno,
            }),
        }
    }

    fn make(path: &Path) -> Result<Self, Error> {
        let (Some(parent), Some(Component::Normal(name))) = (path.parent(), path.components().next_back())
        else {
            return Err(Error::Io {
                path: path.to_owned(),
                operation: Operation::MakeDirectory,
                errno: Errno::INVAL,
            });
        };
        // a parent may be reached through a symbolic link, so ask for it as the path says
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = match fs::openat(fs::CWD, parent, flags, Mode::empty()) {
            Ok(fd) => Directory {
                fd,
                path: parent.to_owned(),
            },
            Err(Errno::NOENT) => Self::make(parent)?,
            Err(errno) => {
                return Err(Error::Io {
                    path: parent.to_owned(),
                    operation: Operation::Open,
                    errno,
                });
            }
        };
        parent.subdirectory_or_make(name)
    }

    /// Opens `name` below; `None` when nothing is there. A symbolic link is refused.
    pub fn subdirectory(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&self.fd, name.as_ref(), flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Directory {
                fd,
                path: self.path.join(name.as_ref()),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed(name, Operation::Open, errno)),
        }
    }

    /// Opens `name` below, making it durably if it is not there.
    pub fn subdirectory_or_make(&self, name: impl AsRef<OsStr>) -> Result<Self, Error> {
        let name = name.as_ref();
        if let Some(directory) = self.subdirectory(name)? {
            return Ok(directory);
        }
        match self.make_new(name, MODE) {
            Ok(directory) => {
                self.flush()?;
                Ok(directory)
            }
            // made by somebody else in between, which is as good
            Err(Error::Io {
                errno: Errno::EXIST, ..
            }) => self
                .subdirectory(name)?
                .ok_or_else(|| self.failed(name, Operation::Open, Errno::NOENT)),
            Err(error) => Err(error),
        }
    }

    /// Makes `name`, which must not exist, with exactly `mode` whatever the umask.
    pub fn make_new(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<Self, Error> {
        let name = name.as_ref();
        fs::mkdirat(&self.fd, name, Mode::RWXU)
            .map_err(|errno| self.failed(name, Operation::MakeDirectory, errno))?;
        let made = self
            .subdirectory(name)?
            .ok_or_else(|| self.failed(name, Operation::Open, Errno::NOENT))?;
        made.set_mode(mode)?;
        Ok(made)
    }

    pub fn set_mode(&self, mode: u32) -> Result<(), Error> {
        fs::fchmod(&self.fd, Mode::from_raw_mode(mode))
            .map_err(|errno| self.failed_here(Operation::SetMode, errno))
    }

    /// Refuses a directory in which somebody but root and the daemon could exchange files.
    pub fn check_trusted(&self) -> Result<(), Error> {
        let stat = fs::fstat(&self.fd).map_err(|errno| self.failed_here(Operation::Inspect, errno))?;
        let own_uid = rustix::process::geteuid().as_raw();
        let own_gid = rustix::process::getegid().as_raw();
        let writable_by_group = stat.st_mode & 0o020 != 0 && stat.st_gid != 0 && stat.st_gid != own_gid;
        let writable_by_all = stat.st_mode & 0o002 != 0;
        if (stat.st_uid != 0 && stat.st_uid != own_uid) || writable_by_group || writable_by_all {
            return Err(Error::Untrusted {
                path: self.path.clone(),
                uid: stat.st_uid,
                mode: stat.st_mode & 0o7777,
            });
        }
        Ok(())
    }

    /// Keeps other writers out until the descriptor is closed. The kernel
    /// releases the lock of a killed process, so it cannot leak.
    pub fn lock(&self) -> Result<(), Error> {
        let mut waited = Duration::ZERO;
        loop {
            match fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::WOULDBLOCK) if waited < LOCK_PATIENCE => {
                    sleep(LOCK_LOOK);
                    waited += LOCK_LOOK;
                }
                Err(Errno::WOULDBLOCK) => return Err(Error::Busy(self.path.clone())),
                Err(errno) => return Err(self.failed_here(Operation::Lock, errno)),
            }
        }
    }

    /// The names in the directory, without `.` and `..`; names that are no UTF-8 are not ours and left out.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let failed = |errno| self.failed_here(Operation::List, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            match entry.map_err(failed)?.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        fs::renameat(&self.fd, from, &self.fd, to).map_err(|errno| self.failed(to, Operation::Rename, errno))
    }

    /// Removes a file or link; it may be gone already.
    pub fn remove_file(&self, name: &str) -> Result<(), Error> {
        self.remove(name, AtFlags::empty())
    }

    /// Removes a directory with the files in it; it may be gone already.
    pub fn remove_directory(&self, name: &str) -> Result<(), Error> {
        let Some(directory) = self.subdirectory(name)? else {
            return Ok(());
        };
        for file in directory.names()? {
            directory.remove_file(&file)?;
        }
        self.remove(name, AtFlags::REMOVEDIR)
    }

    fn remove(&self, name: &str, flags: AtFlags) -> Result<(), Error> {
        match fs::unlinkat(&self.fd, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed(name, Operation::Remove, errno)),
        }
    }

    /// Makes names durable that were made, renamed or removed here.
    pub fn flush(&self) -> Result<(), Error> {
        fs::fsync(&self.fd).map_err(|errno| self.failed_here(Operation::Flush, errno))
    }

    pub fn failed(&self, name: impl AsRef<OsStr>, operation: Operation, errno: Errno) -> Error {
        Error::Io {
            path: self.path.join(name.as_ref()),
            operation,
            errno,
        }
    }

    fn failed_here(&self, operation: Operation, errno: Errno) -> Error {
        Error::Io {
            path: self.path.clone(),
            operation,
            errno,
        }
    }
}
