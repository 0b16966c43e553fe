use std::{path::PathBuf, time::Duration};

use rustix::io::Errno;

/// What was being done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Making a directory.
    MakeDirectory,
    /// Opening or creating.
    Open,
    /// Locking against a second writer.
    Lock,
    /// Listing a directory.
    List,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Flushing to the disk.
    Flush,
    /// Looking at owner and mode.
    Inspect,
    /// Setting the mode.
    SetMode,
    /// Setting the group.
    SetGroup,
    /// Setting the owner.
    SetOwner,
    /// Making a symbolic link.
    Link,
    /// Renaming.
    Rename,
    /// Removing.
    Remove,
}

/// Why certificates could not be written to, switched in or read from a directory.
///
/// Whatever it is, `live` leads where it led before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error("cannot {} {}: {}{}", operation.words(), path.display(), Reason(*errno), advice(*operation, *errno))]
    Io {
        /// Of what.
        path: PathBuf,
        /// Which.
        operation: Operation,
        /// How.
        errno: Errno,
    },
    /// The directory is given by a path that depends on where the daemon was started.
    #[error("the output directory {} is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// `owner` names nobody.
    #[error("there is no user `{0}` on this machine: create it, or correct `owner`")]
    UnknownOwner(String),
    /// `group` names no group.
    #[error("there is no group `{0}` on this machine: create it, or correct `group`")]
    UnknownGroup(String),
    /// Users and groups cannot be looked up.
    #[error("cannot look up `{name}` among the users and groups of this machine: {}", Reason(*errno))]
    Lookup {
        /// Whom.
        name: String,
        /// How it failed.
        errno: Errno,
    },
    /// Somebody else could exchange the files.
    #[error(
        "{} is owned by uid {uid} with mode {mode:04o}, so others could exchange keys in it: \
         make it owned by root or the daemon's user, and writable by nobody else",
        path.display()
    )]
    Untrusted {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its mode.
        mode: u32,
    },
    /// A second writer holds the directory.
    #[error("{} is in use by another process: is a second dns01d writing there?", .0.display())]
    Busy(PathBuf),
    /// `live` is not what this daemon made.
    #[error(
        "{} is not a symbolic link to a generation: move it away, the daemon makes it anew",
        .0.display()
    )]
    ForeignLive(PathBuf),
    /// `live` leads to a generation that is not there or lacks a file.
    #[error("{} is missing from generation {number}", path.display())]
    Incomplete {
        /// The generation.
        number: u32,
        /// The first missing file.
        path: PathBuf,
    },
    /// A file that is not what it should be.
    #[error("{} is damaged: it is not the {kind} it should be", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
    },
    /// Key and certificate are of different pairs.
    #[error("the key and the certificate in {} do not belong together", .0.display())]
    Mismatch(PathBuf),
    /// No number is left.
    #[error("{} holds generation 4294967295: no number is left, remove it", .0.display())]
    Exhausted(PathBuf),
}

/// A second look costs the CA nothing, and space that returns is to be used within a minute.
const RETRY: Duration = Duration::from_secs(30);

impl Error {
    /// When trying again may help: every cause is one that an operator can remove while we run.
    pub fn retry(&self) -> Duration {
        RETRY
    }
}

impl Operation {
    fn words(self) -> &'static str {
        match self {
            Operation::MakeDirectory => "make the directory",
            Operation::Open => "open",
            Operation::Lock => "lock",
            Operation::List => "list",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Flush => "flush",
            Operation::Inspect => "look at",
            Operation::SetMode => "set the mode of",
            Operation::SetGroup => "set the group of",
            Operation::SetOwner => "set the owner of",
            Operation::Link => "make the link",
            Operation::Rename => "rename",
            Operation::Remove => "remove",
        }
    }
}

/// An errno as the system says it, without Rust's `(os error N)`.
struct Reason(Errno);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = std::io::Error::from(self.0).to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}

/// What to do about it, where that is known; begins with its own separator.
fn advice(operation: Operation, errno: Errno) -> &'static str {
    match (operation, errno) {
        (_, Errno::NOSPC) => "; the live certificate is untouched: free some space",
        (_, Errno::DQUOT) => "; the live certificate is untouched: raise the quota of the daemon's user",
        (_, Errno::ROFS) => "; with systemd, add the directory to ReadWritePaths=",
        (Operation::SetGroup, Errno::PERM) => {
            "; give the daemon CAP_CHOWN, or make its user a member of that group"
        }
        (Operation::SetOwner, Errno::PERM) => {
            "; only CAP_CHOWN allows that: leave `owner` out, and give readers access by `group`"
        }
        (Operation::SetMode, Errno::PERM) => "; the file belongs to somebody else",
        (_, Errno::ACCESS | Errno::PERM) => {
            "; let the daemon's user write there, or run it as a user that may"
        }
        (_, Errno::LOOP | Errno::NOTDIR) => {
            "; it must be a real directory, not a symbolic link or a file: symbolic links are not followed there"
        }
        (_, Errno::IO) => "; the disk reports an error: see the kernel's log",
        (_, Errno::MFILE | Errno::NFILE) => "; raise the limit of open files",
        _ => "",
    }
}
