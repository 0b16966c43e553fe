use std::{os::fd::AsFd, path::Path};

use nix::unistd::{Group, User};
use rustix::{
    fs::{self, Gid, Mode, Uid},
    io::Errno,
};

use super::{Error, Operation, Options};

/// Who owns the files, with names resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ownership {
    pub uid: Option<Uid>,
    pub gid: Option<Gid>,
}

impl Ownership {
    /// Looks the names up now, so that a group made after the start is found.
    pub fn resolve(options: &Options) -> Result<Self, Error> {
        Ok(Ownership {
            uid: options.owner.as_deref().map(user).transpose()?,
            gid: options.group.as_deref().map(group).transpose()?,
        })
    }

    /// Gives `file` its group, mode and owner; true when something had to change.
    ///
    /// The order never lets anybody read what the end state forbids: rights
    /// only shrink before the group changes. The owner comes last, because
    /// CAP_CHOWN alone cannot set the mode of a file that belongs to another.
    pub fn apply(self, file: impl AsFd, path: &Path, mode: u32) -> Result<bool, Error> {
        let failed = |operation| {
            move |errno| Error::Io {
                path: path.to_owned(),
                operation,
                errno,
            }
        };
        let now = fs::fstat(&file).map_err(failed(Operation::Inspect))?;
        let current = now.st_mode & 0o7777;
        let mut changed = false;

        if current & mode != current {
            fs::fchmod(&file, Mode::from_raw_mode(current & mode)).map_err(failed(Operation::SetMode))?;
            changed = true;
        }
        if let Some(gid) = self.gid.filter(|gid| gid.as_raw() != now.st_gid) {
            fs::fchown(&file, None, Some(gid)).map_err(failed(Operation::SetGroup))?;
            changed = true;
        }
        if current & mode != mode {
            fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(failed(Operation::SetMode))?;
            changed = true;
        }
        if let Some(uid) = self.uid.filter(|uid| uid.as_raw() != now.st_uid) {
            fs::fchown(&file, Some(uid), None).map_err(failed(Operation::SetOwner))?;
            changed = true;
        }
        Ok(changed)
    }
}

/// What chown takes for "leave it as it is"; no id of anybody.
const NOBODY_AT_ALL: u32 = u32::MAX;

fn user(name: &str) -> Result<Uid, Error> {
    if let Ok(number) = name.parse() {
        return match number {
            NOBODY_AT_ALL => Err(Error::UnknownOwner(name.to_owned())),
            number => Ok(Uid::from_raw(number)),
        };
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(Uid::from_raw(user.uid.as_raw())),
        Ok(None) => Err(Error::UnknownOwner(name.to_owned())),
        Err(errno) => Err(lookup(name, errno)),
    }
}

fn group(name: &str) -> Result<Gid, Error> {
    if let Ok(number) = name.parse() {
        return match number {
            NOBODY_AT_ALL => Err(Error::UnknownGroup(name.to_owned())),
            number => Ok(Gid::from_raw(number)),
        };
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(Gid::from_raw(group.gid.as_raw())),
        Ok(None) => Err(Error::UnknownGroup(name.to_owned())),
        Err(errno) => Err(lookup(name, errno)),
    }
}

fn lookup(name: &str, errno: nix::errno::Errno) -> Error {
    Error::Lookup {
        name: name.to_owned(),
        errno: Errno::from_raw_os_error(errno as i32),
    }
}
