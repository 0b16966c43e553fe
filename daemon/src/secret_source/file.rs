use std::{fs::File, io::Read as _, path::Path};

use rustix::fs::{FileType, Mode, OFlags, Stat};
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
    let failed = |errno: rustix::io::Errno| SecretError::File {
        path: path.to_owned(),
        source: errno.into(),
    };
    // without NONBLOCK a named pipe would hold us here for ever
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    let unfit = |weakness| SecretError::Unfit {
        origin: format!("file {}", path.display()),
        weakness,
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(unfit(Weakness::NotAFile));
    }
    if trust == Trust::Checked {
        protected(&stat, &Reader::this_process()).map_err(unfit)?;
    }
    if u64::try_from(stat.st_size).is_ok_and(|size| size > MAX_SECRET) {
        return Err(unfit(Weakness::TooLarge));
    }
    Ok(file.into())
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

/// The rule: 0600 or less, or 0640 where root owns the file and its group is one
/// of the daemon's. Root, who runs `dns01d check` for a daemon of another user,
/// cannot know that user's groups: any group passes.
pub(super) fn protected(stat: &Stat, reader: &Reader) -> Result<(), Weakness> {
    let mode = stat.st_mode & 0o7777;
    if mode & 0o007 != 0 {
        return Err(Weakness::World { mode });
    }
    if mode & 0o030 != 0 {
        return Err(Weakness::GroupWrites { mode });
    }
    if stat.st_uid != 0 && stat.st_uid != reader.uid && reader.uid != 0 {
        return Err(Weakness::Owner { uid: stat.st_uid });
    }
    if mode & 0o040 != 0 {
        let own_group = reader.uid == 0 || reader.groups.contains(&stat.st_gid);
        if stat.st_uid != 0 || !own_group {
            return Err(Weakness::GroupReads {
                mode,
                gid: stat.st_gid,
            });
        }
    }
    Ok(())
}
