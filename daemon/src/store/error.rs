use std::path::PathBuf;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("state database {}: {source}{}", path.display(), advice(source))]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file could not be made or opened.
    #[error("state database {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Written by a newer dns01d.
    #[error(
        "state database {} has schema version {found}, this dns01d knows up to {known}: run the newer dns01d, or restore the backup made before the upgrade", path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Written by an older dns01d that still runs.
    #[error(
        "state database {} has schema version {found}, and dns01d runs with it; this one would bring it to {known}: restart the daemon first", path.display()
    )]
    Older {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A value that cannot be read back: a damaged row.
    #[error("the stored {what} of `{subject}` cannot be read: {reason}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// Whose it is.
        subject: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// The writer has ended; the daemon is shutting down.
    #[error("the state database is closed")]
    Closed,
}

impl StoreError {
    /// True when the file is no database any more, or a torn one.
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            StoreError::File { .. }
            | StoreError::Newer { .. }
            | StoreError::Older { .. }
            | StoreError::Damaged { .. }
            | StoreError::Closed => false,
        }
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => {
            " (the disk is full: nothing was lost; free some space, the daemon goes on by itself)"
        }
        Some(rusqlite::ErrorCode::ReadOnly) => {
            " (the state directory must be writable for the daemon's user)"
        }
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            " (the file is damaged: stop the daemon, move it away and start again; certificates on disk are kept and adopted)"
        }
        _ => "",
    }
}
