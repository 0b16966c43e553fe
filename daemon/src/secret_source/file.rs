use std::{
    fs::{File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use super::{MAX_SECRET, SecretError, Weakness};

/// Who vouches for the rights of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nobody: owner and mode are looked at.
    Checked,
    /// systemd, which protects its credentials by an ACL; the mode then shows
    /// the ACL's mask as rights of a group that has none.
    Systemd,
}

/// Opens the file and looks at what was opened, so that nobody can swap it in between.
pub(super) fn open(path: &Path, trust: Trust) -> Result<File, SecretError> {
    let failed = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    // without NONBLOCK a named pipe would hold us here for ever
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
    let file = File::from(file);
    let data = file.metadata().map_err(failed)?;
    let unfit = |weakness| SecretError::Unfit {
        origin: format!("file {}", path.display()),
        weakness,
    };
    if !data.is_file() {
        return Err(unfit(Weakness::NotAFile));
    }
    if trust == Trust::Checked {
        keeps_secrets(&data).map_err(unfit)?;
    }
    if data.len() > MAX_SECRET {
        return Err(unfit(Weakness::TooLarge));
    }
    Ok(file)
}

pub(super) fn read(path: &Path, trust: Trust) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let file = open(path, trust)?;
    // one allocation: a growing buffer would leave copies of the secret behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET as usize + 1));
    file.take(MAX_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SecretError::File {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > MAX_SECRET {
        let origin = format!("file {}", path.display());
        return Err(SecretError::Unfit {
            origin,
            weakness: Weakness::TooLarge,
        });
    }
    Ok(bytes)
}

/// Who wants to read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub uid: u32,
    pub groups: Vec<u32>,
}

impl Reader {
    fn this_process() -> Self {
        let mut groups = vec![rustix::process::getegid().as_raw()];
        // a failure leaves us with fewer groups: stricter
        groups.extend(
            rustix::process::getgroups()
                .unwrap_or_default()
                .iter()
                .map(|gid| gid.as_raw()),
        );
        Reader {
            uid: rustix::process::geteuid().as_raw(),
            groups,
        }
    }
}

/// Who may do what with a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// Whether a file of these properties may hold a secret; the rule of [`SecretSource::File`].
///
/// [`SecretSource::File`]: super::SecretSource::File
///
/// # Errors
/// Who else can read or change it.
pub fn keeps_secrets(file: &Metadata) -> Result<(), Weakness> {
    let rights = Rights {
        mode: file.mode() & 0o7777,
        uid: file.uid(),
        gid: file.gid(),
    };
    protected(rights, &Reader::this_process())
}

/// The rule: 0600 or less, or 0640 where root owns the file and its group is one
/// of the daemon's. Root, who runs `dns01d check` for a daemon of another user,
/// cannot know that user's groups: any group passes.
pub(super) fn protected(rights: Rights, reader: &Reader) -> Result<(), Weakness> {
    let Rights { mode, uid, gid } = rights;
    if mode & 0o007 != 0 {
        return Err(Weakness::World { mode });
    }
    if mode & 0o030 != 0 {
        return Err(Weakness::GroupWrites { mode });
    }
    if uid != 0 && uid != reader.uid && reader.uid != 0 {
        return Err(Weakness::Owner { uid });
    }
    if mode & 0o040 != 0 {
        let own_group = reader.uid == 0 || reader.groups.contains(&gid);
        if uid != 0 || !own_group {
            return Err(Weakness::GroupReads { mode, gid });
        }
    }
    Ok(())
}
