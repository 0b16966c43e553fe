//! Whether a generation could be written, before there is one.

use std::path::Path;

use rustix::{
    fs::{self, Access, AtFlags},
    io::Errno,
};

use super::{
    Error, Operation, directory::Directory, live::GENERATIONS, ownership::Ownership, write::Outputs,
};

impl Outputs {
    /// Whether files could be written now: their owners are known, and the directory, or the nearest one that there
    /// is, lets us. Changes nothing.
    ///
    /// # Errors
    /// What [`Outputs::write`] would fail with, as far as that can be told without writing. A full disk cannot.
    pub fn check(&self) -> Result<(), Error> {
        Ownership::resolve(self.options())?;
        let directory = &self.options().directory;
        let Some(root) = Directory::open(directory)? else {
            return nearest(directory);
        };
        root.check_trusted()?;
        writable(directory, Operation::Write)?;
        match root.subdirectory(GENERATIONS)? {
            Some(generations) => writable(&generations.path, Operation::Write),
            None => Ok(()),
        }
    }
}

/// Where directories that are not there would be made.
fn nearest(path: &Path) -> Result<(), Error> {
    let mut above = path.ancestors().skip(1);
    loop {
        let Some(parent) = above.next() else {
            return Err(failed(path, Operation::MakeDirectory, Errno::NOENT));
        };
        match fs::stat(parent) {
            Ok(stat) if fs::FileType::from_raw_mode(stat.st_mode).is_dir() => {
                return writable(parent, Operation::MakeDirectory);
            }
            Ok(_) => return Err(failed(parent, Operation::Open, Errno::NOTDIR)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(parent, Operation::Open, errno)),
        }
    }
}

fn writable(directory: &Path, operation: Operation) -> Result<(), Error> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    fs::accessat(fs::CWD, directory, access, AtFlags::EACCESS)
        .map_err(|errno| failed(directory, operation, errno))
}

fn failed(path: &Path, operation: Operation, errno: Errno) -> Error {
    Error::Io {
        path: path.to_owned(),
        operation,
        errno,
    }
}
