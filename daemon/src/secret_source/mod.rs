//! Where a secret comes from: a file, a systemd credential, or a command.
//!
//! A source is read each time the secret is needed and nothing is kept, so that
//! a rotated secret is used by the next process that needs it. Reading blocks:
//! call it from `tokio::task::spawn_blocking`. No error holds what was read.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::secret::Secret;

mod command;
mod error;
mod file;

#[cfg(test)]
mod tests;

pub use error::{SecretError, Weakness};
pub use file::keeps_secrets;

/// Largest secret. Keys, tokens and whole service-account files stay far below.
pub const MAX_SECRET: u64 = 64 << 10;
/// A password manager that waits for a person never ends; a network vault answers in seconds.
pub const DEFAULT_COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Names the directory that systemd made for this service's credentials (systemd.exec(5)).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that nobody else can read; see [`Weakness`] for what is refused.
    File(PathBuf),
    /// A credential that systemd hands to the service (`LoadCredential=`).
    Credential(CredentialName),
    /// The standard output of a program.
    Command(Command),
}

/// Name of a systemd credential: one component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialName(String);

/// A program that prints a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; no shell. At least the program.
    pub argv: Vec<String>,
    /// Killed with its process group after this.
    pub timeout: Duration,
}

impl SecretSource {
    /// Reads the secret, without one newline at its end.
    ///
    /// # Errors
    /// When the source is missing, readable by others, too large, empty or no text.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let bytes = match self {
            SecretSource::File(path) => file::read(path, file::Trust::Checked)?,
            SecretSource::Credential(name) => file::read(&name.path()?, file::Trust::Systemd)?,
            SecretSource::Command(command) => command::output(command)?,
        };
        text(bytes).map_err(|weakness| SecretError::Unfit {
            origin: self.to_string(),
            weakness,
        })
    }

    /// Looks whether [`SecretSource::read`] can work, without reading a secret
    /// and without running a program.
    ///
    /// # Errors
    /// As [`SecretSource::read`], where it can be known.
    pub fn inspect(&self) -> Result<(), SecretError> {
        match self {
            SecretSource::File(path) => file::open(path, file::Trust::Checked).map(drop),
            SecretSource::Credential(name) => file::open(&name.path()?, file::Trust::Systemd).map(drop),
            SecretSource::Command(command) => command::inspect(command),
        }
    }
}

impl CredentialName {
    /// The name as systemd allows it: a file name without separators.
    pub fn new(name: &str) -> Option<Self> {
        let good = !name.is_empty()
            && name.len() <= 255
            && name != "."
            && name != ".."
            && name
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '/' | ':'));
        good.then(|| CredentialName(name.to_owned()))
    }

    fn path(&self) -> Result<PathBuf, SecretError> {
        self.path_below(std::env::var_os(CREDENTIALS_DIRECTORY))
    }

    fn path_below(&self, directory: Option<OsString>) -> Result<PathBuf, SecretError> {
        match directory {
            Some(directory) if !directory.is_empty() => Ok(Path::new(&directory).join(&self.0)),
            _ => Err(SecretError::NoCredentials { name: self.0.clone() }),
        }
    }
}

/// Drops one final newline, which editors and `echo` add, and nothing more:
/// a secret may well begin or end with a space.
fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, Weakness> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Weakness::Empty);
    }
    // a plugin receives it as a C string
    if bytes.contains(&0) {
        return Err(Weakness::NotText);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Weakness::NotText)?;
    Ok(Secret::new(text.to_owned()))
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "file {}", path.display()),
            SecretSource::Credential(name) => write!(f, "credential {}", name.0),
            // arguments may hold what must not be logged
            SecretSource::Command(command) => {
                write!(f, "command {}", command.argv.first().map_or("", String::as_str))
            }
        }
    }
}
