use openssl::{pkey::PKey, x509::X509};
use rustix::{fs, io::Errno};

use super::{
    Error, Operation,
    directory::Directory,
    generation::{self, CERTIFICATE, CHAIN, FULL_CHAIN, Generation, KEY},
    leftovers::NEXT_LIVE,
};

pub(super) const GENERATIONS: &str = "generations";
pub(super) const LIVE: &str = "live";

/// What `live` leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The generation.
    pub generation: Generation,
    /// `cert.pem`.
    pub certificate: String,
    /// Whether the key is known to be the certificate's.
    pub key: KeyCheck,
}

/// Whether key and certificate belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// They do.
    Matches,
    /// The key belongs to another user now (`owner`), and the daemon may not read it.
    Unreadable,
}

/// The number that `live` leads to; `None` when there is no `live`.
pub(super) fn target(root: &Directory) -> Result<Option<u32>, Error> {
    let foreign = || Error::ForeignLive(root.path.join(LIVE));
    match fs::readlinkat(&root.fd, LIVE, Vec::new()) {
        Ok(target) => target
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix(GENERATIONS)?.strip_prefix('/'))
            .and_then(generation::number)
            .map(Some)
            .ok_or_else(foreign),
        Err(Errno::NOENT) => Ok(None),
        // EINVAL: there is something, but no symbolic link
        Err(Errno::INVAL) => Err(foreign()),
        Err(errno) => Err(root.failed(LIVE, Operation::Read, errno)),
    }
}

/// Makes `live` lead to `number`, in one step for every reader, durably.
pub(super) fn switch(root: &Directory, number: u32) -> Result<(), Error> {
    // relative, so that the directory can be moved, mounted elsewhere or seen from a container
    let target = format!("{GENERATIONS}/{}", generation::name(number));
    root.remove_file(NEXT_LIVE)?;
    fs::symlinkat(&target, &root.fd, NEXT_LIVE)
        .map_err(|errno| root.failed(NEXT_LIVE, Operation::Link, errno))?;
    root.rename(NEXT_LIVE, LIVE)?;
    root.flush()
}

/// Opens generation `number` and sees that all its files are there.
pub(super) fn open(generations: &Directory, number: u32) -> Result<Directory, Error> {
    let name = generation::name(number);
    let missing = |path| Error::Incomplete { number, path };
    let directory = generations
        .subdirectory(&name)?
        .ok_or_else(|| missing(generations.path.join(&name)))?;
    let names = directory.names()?;
    match [KEY, CERTIFICATE, CHAIN, FULL_CHAIN]
        .iter()
        .find(|file| !names.iter().any(|name| name == *file))
    {
        Some(file) => Err(missing(directory.path.join(file))),
        None => Ok(directory),
    }
}

/// Reads a generation back and checks that its key is its certificate's.
pub(super) fn read(directory: &Directory, number: u32) -> Result<Live, Error> {
    let path = |name| directory.path.join(name);
    let missing = |name| Error::Incomplete {
        number,
        path: path(name),
    };

    let certificate = generation::read_file(directory, CERTIFICATE)?.ok_or_else(|| missing(CERTIFICATE))?;
    let damaged = || Error::Damaged {
        path: path(CERTIFICATE),
        kind: "certificate",
    };
    let text = String::from_utf8(certificate.to_vec()).map_err(|_| damaged())?;
    let public = X509::from_pem(&certificate)
        .and_then(|parsed| parsed.public_key())
        .map_err(|_| damaged())?;

    let full_chain = generation::read_file(directory, FULL_CHAIN)?.ok_or_else(|| missing(FULL_CHAIN))?;
    if !full_chain.starts_with(&certificate) {
        return Err(Error::Damaged {
            path: path(FULL_CHAIN),
            kind: "certificate",
        });
    }

    let key = match generation::read_file(directory, KEY) {
        Ok(Some(pem)) => {
            let key = PKey::private_key_from_pem(&pem).map_err(|_| Error::Damaged {
                path: path(KEY),
                kind: "private key",
            })?;
            if !key.public_eq(&public) {
                return Err(Error::Mismatch(directory.path.clone()));
            }
            KeyCheck::Matches
        }
        Ok(None) => return Err(missing(KEY)),
        Err(Error::Io {
            errno: Errno::ACCESS, ..
        }) => KeyCheck::Unreadable,
        Err(error) => return Err(error),
    };
    let generation = Generation {
        number,
        path: directory.path.clone(),
    };
    Ok(Live {
        generation,
        certificate: text,
        key,
    })
}
