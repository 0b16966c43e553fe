use rustix::{fs, io::Errno};
use zeroize::Zeroizing;

use crate::{
    pki::{Chain, PrivateKey},
    secret::Secret,
};

use super::{
    Error, Operation,
    directory::Directory,
    generation::{self, CERTIFICATE, CHAIN, FULL_CHAIN, Generation, KEY},
    leftovers::NEXT_LIVE,
};

pub(super) const GENERATIONS: &str = "generations";
pub(super) const LIVE: &str = "live";

/// What `live` leads to.
#[derive(Clone, Debug)]
pub struct Live {
    /// The generation.
    pub generation: Generation,
    /// `fullchain.pem`.
    pub chain: Chain,
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
    /// The key never comes here.
    Elsewhere,
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
pub(super) fn open(generations: &Directory, number: u32, with_key: bool) -> Result<Directory, Error> {
    let name = generation::name(number);
    let missing = |path| Error::Incomplete { number, path };
    let directory = generations
        .subdirectory(&name)?
        .ok_or_else(|| missing(generations.path.join(&name)))?;
    let names = directory.names()?;
    match generation::file_names(with_key)
        .iter()
        .find(|file| !names.iter().any(|name| name == *file))
    {
        Some(file) => Err(missing(directory.path.join(file))),
        None => Ok(directory),
    }
}

/// Reads a generation back and checks that its key is its certificate's.
pub(super) fn read(directory: &Directory, number: u32, with_key: bool) -> Result<Live, Error> {
    let chain = read_chain(directory, number)?;
    let key = match with_key {
        true => check_key(directory, number, &chain)?,
        false => KeyCheck::Elsewhere,
    };
    let generation = Generation {
        number,
        path: directory.path.clone(),
    };
    Ok(Live {
        generation,
        chain,
        key,
    })
}

fn check_key(directory: &Directory, number: u32, chain: &Chain) -> Result<KeyCheck, Error> {
    match read_text(directory, number, KEY, "private key") {
        Ok(pem) => {
            let key = PrivateKey::from_pem(&Secret::new(pem))
                .map_err(|_| damaged(directory, KEY, "private key"))?;
            if !chain.is_for(&key.public()) {
                return Err(Error::Mismatch(directory.path.clone()));
            }
            Ok(KeyCheck::Matches)
        }
        Err(Error::Io {
            errno: Errno::ACCESS, ..
        }) => Ok(KeyCheck::Unreadable),
        Err(error) => Err(error),
    }
}

/// The key of a generation, PEM.
pub(super) fn read_key(directory: &Directory, number: u32) -> Result<Secret, Error> {
    read_text(directory, number, KEY, "private key").map(Secret::new)
}

/// Reads the three files of certificates, which must agree.
fn read_chain(directory: &Directory, number: u32) -> Result<Chain, Error> {
    let read = |name| read_text(directory, number, name, "certificate");
    let full_chain = read(FULL_CHAIN)?;
    let chain = Chain::parse(&full_chain).map_err(|_| damaged(directory, FULL_CHAIN, "certificate chain"))?;
    if full_chain
        .strip_prefix(&read(CERTIFICATE)?)
        .is_none_or(|rest| rest != chain.chain_pem())
    {
        return Err(damaged(directory, CERTIFICATE, "certificate of fullchain.pem"));
    }
    if read(CHAIN)? != chain.chain_pem() {
        return Err(damaged(directory, CHAIN, "chain of fullchain.pem"));
    }
    Ok(chain)
}

fn read_text(directory: &Directory, number: u32, name: &str, kind: &'static str) -> Result<String, Error> {
    let bytes = generation::read_file(directory, name)?.ok_or_else(|| Error::Incomplete {
        number,
        path: directory.path.join(name),
    })?;
    text(bytes).ok_or_else(|| damaged(directory, name, kind))
}

/// The text itself, without a copy of it left in memory.
fn text(mut bytes: Zeroizing<Vec<u8>>) -> Option<String> {
    String::from_utf8(std::mem::take(&mut *bytes)).ok()
}

fn damaged(directory: &Directory, name: &str, kind: &'static str) -> Error {
    Error::Damaged {
        path: directory.path.join(name),
        kind,
    }
}
