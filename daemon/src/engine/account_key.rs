use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{acme::AccountKey, secret::Secret};

/// Why an account key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountKeyError {
    /// The file system refused.
    #[error("account key {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Others may read it.
    #[error("account key {} has mode {mode:04o}: chmod 0600 it, and replace the key if somebody may have read it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error("account key {} cannot be read: {reason}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is an account but its key is gone.
    #[error(
        "account key {} is gone although the account {account} is in use: restore it from a backup; to register anew, give this CA another name in the configuration", path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// The account that it belongs to.
        account: String,
    },
}

/// Reads the key at `path`; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<AccountKey>, AccountKeyError> {
    let io = |source| AccountKeyError::Io {
        path: path.to_owned(),
        source,
    };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(AccountKeyError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let pem = Secret::new(fs::read_to_string(path).map_err(io)?);
    AccountKey::from_pem(&pem)
        .map(Some)
        .map_err(|error| AccountKeyError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Writes the key; durable when this returns.
pub(super) fn write(path: &Path, pem: &Secret) -> Result<(), AccountKeyError> {
    let io = |source| AccountKeyError::Io {
        path: path.to_owned(),
        source,
    };
    let directory = path.parent().unwrap_or(Path::new("/"));
    let building = path.with_extension("new");
    // left by a kill before the rename: never used, so nothing is lost
    match fs::remove_file(&building) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&building)
        .map_err(io)?;
    file.write_all(pem.expose().as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&building, path).map_err(io)?;
    fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io)
}

/// Puts the key at `from` in the place of the one at `to`; durable when this returns.
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), AccountKeyError> {
    let io = |source| AccountKeyError::Io {
        path: to.to_owned(),
        source,
    };
    fs::rename(from, to).map_err(io)?;
    fs::File::open(to.parent().unwrap_or(Path::new("/")))
        .and_then(|directory| directory.sync_all())
        .map_err(io)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_read_back_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(read(&path).unwrap().is_none());
        let key = AccountKey::generate(crate::acme::Algorithm::Es256).unwrap();
        fs::write(path.with_extension("new"), "left by a kill").unwrap();
        write(&path, &key.to_pem().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().thumbprint(), key.thumbprint());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            read(&path),
            Err(AccountKeyError::Mode { mode: 0o640, .. })
        ));
    }
}
