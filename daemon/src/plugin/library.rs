//! A plugin library on disk: opened once, checked on that descriptor, loaded through it.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};

use super::elf::{self, ElfFault};

/// Permission bits by which somebody else could change the file.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// An open library that passed the checks.
#[derive(Debug)]
pub struct Library {
    path: PathBuf,
    file: File,
    identity: Identity,
}

/// Tells one state of one file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    // set by the kernel at every change of content, owner or mode, and by nobody else
    changed: (i64, i64),
}

/// Why a library is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// It cannot be opened or read.
    #[error("{}: {what}", path.display())]
    Unreadable {
        /// The library.
        path: PathBuf,
        /// The system's words.
        what: String,
    },
    /// A relative path depends on where the daemon was started.
    #[error("{}: the path of a library must be absolute", path.display())]
    Relative {
        /// As configured.
        path: PathBuf,
    },
    /// A directory, device or socket.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The library.
        path: PathBuf,
    },
    /// Somebody who is neither root nor this daemon could change the plugin.
    #[error("{} is owned by uid {owner}: a plugin must belong to root or to the daemon's user (uid {ours})", path.display())]
    Owner {
        /// The library, or a directory above it.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// The same, by permission bits.
    #[error("{} is writable by its group or by everybody (mode {mode:04o}): `chmod go-w {}`", path.display(), path.display())]
    Writable {
        /// The library, or a directory above it.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a shared library at all.
    #[error("{} is not a shared library (no ELF header)", path.display())]
    NotElf {
        /// The library.
        path: PathBuf,
    },
    /// A program or an object file.
    #[error("{} is an ELF file but not a shared library: link it with -shared", path.display())]
    NotLibrary {
        /// The library.
        path: PathBuf,
    },
    /// Built for another machine.
    #[error("{} is for {machine}; this machine is {}", path.display(), std::env::consts::ARCH)]
    Machine {
        /// The library.
        path: PathBuf,
        /// What it was built for.
        machine: String,
    },
    /// Not the file that the operator pinned.
    #[error("{} has sha256 {found}, and the configuration pins {pinned}", path.display())]
    Pin {
        /// The library.
        path: PathBuf,
        /// In hexadecimal.
        found: String,
        /// In hexadecimal.
        pinned: String,
    },
}

impl Library {
    /// Opens and checks a library. Blocks on the disk; reads all of it when a pin is given.
    ///
    /// # Errors
    /// What an operator must change first.
    pub fn open(path: &Path, pin: Option<&[u8; 32]>) -> Result<Library, LibraryError> {
        if !path.is_absolute() {
            return Err(LibraryError::Relative {
                path: path.to_owned(),
            });
        }
        let unreadable = |error: io::Error| LibraryError::Unreadable {
            path: path.to_owned(),
            what: reason(&error),
        };
        // NONBLOCK: opening a fifo must not wait for its writer
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?;
        let file = File::from(file);
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(LibraryError::NotAFile {
                path: path.to_owned(),
            });
        }
        check_rights(path, &metadata, false)?;
        check_parents(path).map_err(|fault| match fault {
            ParentFault::Rights(error) => error,
            ParentFault::Io(error) => unreadable(error),
        })?;

        let mut header = [0; elf::HEADER];
        let known = file.read_at(&mut header, 0).map_err(unreadable)?;
        let path = path.to_owned();
        match elf::check(&header[..known]) {
            Ok(()) => {}
            Err(ElfFault::NotElf) => return Err(LibraryError::NotElf { path }),
            Err(ElfFault::NotLibrary) => return Err(LibraryError::NotLibrary { path }),
            Err(ElfFault::Machine(machine)) => return Err(LibraryError::Machine { path, machine }),
        }
        let identity = Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        let library = Library { path, file, identity };
        if let Some(pin) = pin {
            library.check_pin(pin)?;
        }
        Ok(library)
    }

    /// Where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Equal for an unchanged file.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The same open file once more.
    ///
    /// # Errors
    /// [`LibraryError::Unreadable`] when there are no descriptors left.
    pub fn duplicate(&self) -> Result<Library, LibraryError> {
        let file = self.file.try_clone().map_err(|error| LibraryError::Unreadable {
            path: self.path.clone(),
            what: reason(&error),
        })?;
        Ok(Library {
            path: self.path.clone(),
            file,
            identity: self.identity,
        })
    }

    /// The descriptor that passed the checks.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Its SHA-256 as `sha256sum` prints it. Reads all of it.
    ///
    /// # Errors
    /// [`LibraryError::Unreadable`].
    pub fn sha256(&self) -> Result<String, LibraryError> {
        Ok(hexadecimal(&self.digest()?))
    }

    fn check_pin(&self, pin: &[u8; 32]) -> Result<(), LibraryError> {
        let found = self.digest()?;
        if found == *pin {
            return Ok(());
        }
        Err(LibraryError::Pin {
            path: self.path.clone(),
            found: hexadecimal(&found),
            pinned: hexadecimal(pin),
        })
    }

    fn digest(&self) -> Result<[u8; 32], LibraryError> {
        digest(&self.file).map_err(|error| LibraryError::Unreadable {
            path: self.path.clone(),
            what: reason(&error),
        })
    }
}

fn digest(mut file: &File) -> io::Result<[u8; 32]> {
    let mut hasher = openssl::sha::Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    file.rewind()?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

enum ParentFault {
    Rights(LibraryError),
    Io(io::Error),
}

/// Whoever can write to a directory above the file can put another in its place. Checked on the real path
/// and on the one given, because links on the way could be turned.
fn check_parents(path: &Path) -> Result<(), ParentFault> {
    let real = path.canonicalize().map_err(ParentFault::Io)?;
    for directory in path.ancestors().skip(1).chain(real.ancestors().skip(1)) {
        let metadata = directory.metadata().map_err(ParentFault::Io)?;
        check_rights(directory, &metadata, true).map_err(ParentFault::Rights)?;
    }
    Ok(())
}

fn check_rights(path: &Path, metadata: &std::fs::Metadata, directory: bool) -> Result<(), LibraryError> {
    let ours = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != ours {
        return Err(LibraryError::Owner {
            path: path.to_owned(),
            owner: metadata.uid(),
            ours,
        });
    }
    // in a sticky directory (/tmp) nobody can replace what belongs to root or to us
    let sticky = directory && metadata.mode() & STICKY != 0;
    if metadata.mode() & OTHERS_WRITE != 0 && !sticky {
        return Err(LibraryError::Writable {
            path: path.to_owned(),
            mode: metadata.mode() & 0o7777,
        });
    }
    Ok(())
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!(
                "the daemon's user (uid {}) may not read it",
                rustix::process::geteuid().as_raw()
            )
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
