use std::{io, path::PathBuf, time::Duration};

use super::MAX_SECRET;

/// A secret could not be had. Never holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be opened or read.
    #[error("cannot read the secret file {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the source holds cannot be used, or is not protected.
    #[error("{origin}: {weakness}")]
    Unfit {
        /// Which source.
        origin: String,
        /// What is wrong with it.
        weakness: Weakness,
    },
    /// There are no credentials outside of the service.
    #[error("credential {name}: systemd gave this process no credentials directory")]
    NoCredentials {
        /// The credential.
        name: String,
    },
    /// The program cannot be started.
    #[error("cannot run the secret command {program}: {source}")]
    Start {
        /// Which program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// The program cannot be watched.
    #[error("the secret command {program} was lost: {source}")]
    Lost {
        /// Which program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// The program said that it failed.
    #[error("the secret command {program} failed: {status}")]
    Failed {
        /// Which program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The program did not end in time and was killed.
    #[error("the secret command {program} did not end within {} s and was killed", timeout.as_secs_f64())]
    TimedOut {
        /// Which program.
        program: String,
        /// The time it had.
        timeout: Duration,
    },
}

/// Why a source is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// A directory, device, pipe or socket.
    #[error("is not a regular file")]
    NotAFile,
    /// Others may read it.
    #[error("everybody on this machine can {} it (mode {mode:04o})", if mode & 2 == 0 { "read" } else { "change" })]
    World {
        /// Its mode.
        mode: u32,
    },
    /// A group may change it.
    #[error("its group can change it (mode {mode:04o})")]
    GroupWrites {
        /// Its mode.
        mode: u32,
    },
    /// A group may read it that is not the daemon's own, or whose file somebody else owns.
    #[error(
        "a group can read it that is not the daemon's, or its owner is not root (mode {mode:04o}, group {gid})"
    )]
    GroupReads {
        /// Its mode.
        mode: u32,
        /// Its group.
        gid: u32,
    },
    /// Somebody else can change it at will.
    #[error("it belongs to user {uid}, who is neither root nor the daemon's user")]
    Owner {
        /// Its owner.
        uid: u32,
    },
    /// More than [`MAX_SECRET`].
    #[error("is larger than {} KiB", MAX_SECRET >> 10)]
    TooLarge,
    /// Nothing, or only a newline.
    #[error("is empty")]
    Empty,
    /// Not UTF-8, or with a NUL byte.
    #[error("is not text in UTF-8")]
    NotText,
}

impl SecretError {
    /// What the operator can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            SecretError::Unfit { origin, weakness } => match weakness {
                Weakness::World { .. } | Weakness::GroupWrites { .. } => {
                    let path = origin.strip_prefix("file ")?;
                    Some(format!(
                        "run `chmod 0600 {path}`; take the secret for known and replace it"
                    ))
                }
                Weakness::GroupReads { .. } => {
                    let path = origin.strip_prefix("file ")?;
                    Some(format!(
                        "run `chmod 0600 {path}`, or give it to root and the daemon's group with mode 0640"
                    ))
                }
                Weakness::Owner { .. } => {
                    let path = origin.strip_prefix("file ")?;
                    Some(format!(
                        "run `chown root {path}`, or give it to the daemon's user"
                    ))
                }
                Weakness::NotAFile | Weakness::TooLarge | Weakness::Empty | Weakness::NotText => None,
            },
            SecretError::NoCredentials { name } => Some(format!(
                "write `LoadCredential={name}:/path/to/secret` in the unit of the service"
            )),
            SecretError::Failed { .. } | SecretError::TimedOut { .. } => Some(
                "run it by hand as the daemon's user to see what it says; its error output is not kept"
                    .into(),
            ),
            SecretError::File { path, source } => match source.kind() {
                io::ErrorKind::NotFound => Some(format!(
                    "make it with `install -m 0600 /dev/null {0}` and write the secret into it, or write where it is",
                    path.display()
                )),
                io::ErrorKind::PermissionDenied => Some(format!(
                    "the daemon's user (uid {}) must be able to read it: give it the file with mode 0600, or root and the daemon's group with mode 0640",
                    rustix::process::geteuid().as_raw()
                )),
                _ => None,
            },
            SecretError::Start { .. } | SecretError::Lost { .. } => None,
        }
    }
}
