use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// One daemon per state directory, by a lock that the kernel drops with the
/// process: nothing to go stale.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

/// Why the lock is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "state directory {} is in use by {holder}: let it end or stop it (the service with `systemctl stop dns01d`), or give this one another `state-directory`", directory.display()
    )]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("lock file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl StateLock {
    /// Takes the lock of a state directory, or says who holds it. `ours` is what others are told of us.
    pub(super) fn take(directory: &Path, ours: &str) -> Result<Self, LockError> {
        let path = directory.join("lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // a note only: the lock is the truth
                let _ = (&file).take(200).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    holder => holder.to_owned(),
                };
                return Err(LockError::Held {
                    directory: directory.to_owned(),
                    holder,
                });
            }
            Err(errno) => return Err(io(errno.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{ours} with process number {}", std::process::id()).map_err(io)?;
        Ok(StateLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_told_who_holds_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let first = StateLock::take(directory.path(), "dns01d").unwrap();
        let error = StateLock::take(directory.path(), "dns01d")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("process number {}", std::process::id())),
            "{error}"
        );
        drop(first);
        StateLock::take(directory.path(), "dns01d").unwrap();
    }
}
