use std::{
    fs::File,
    io::{Read, Write},
    path::PathBuf,
};

use rustix::{
    fs::{self, FileType, Mode, OFlags},
    io::Errno,
};
use zeroize::Zeroizing;

use crate::{pki::Chain, secret::Secret};

use super::{Error, Operation, Options, directory::Directory, ownership::Ownership};

pub(super) const KEY: &str = "key.pem";
pub(super) const CERTIFICATE: &str = "cert.pem";
pub(super) const CHAIN: &str = "chain.pem";
pub(super) const FULL_CHAIN: &str = "fullchain.pem";

/// The files of a complete generation.
pub(super) fn file_names(with_key: bool) -> &'static [&'static str] {
    match with_key {
        true => &[KEY, CERTIFICATE, CHAIN, FULL_CHAIN],
        false => &[CERTIFICATE, CHAIN, FULL_CHAIN],
    }
}

/// No key or chain comes near it: whatever is larger is not ours and is not read into memory.
const MAX_FILE: u64 = 1 << 20;

/// What a generation is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Private key, PEM; `None` where it never comes here.
    pub key: Option<Secret>,
    /// The certificate of `key`, PEM, one block.
    pub certificate: String,
    /// The issuers in order, PEM, without the root; may be empty.
    pub chain: String,
}

/// A complete generation on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Higher is newer; never used twice while any generation is kept.
    pub number: u32,
    /// Its directory, absolute.
    pub path: PathBuf,
}

/// The directory name of a generation.
pub(super) fn name(number: u32) -> String {
    format!("{number:06}")
}

/// The number that `text` is the name of.
pub(super) fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&parsed| name(parsed) == text)
}

/// The numbers of all generations, oldest first.
pub(super) fn numbers(generations: &Directory) -> Result<Vec<u32>, Error> {
    let mut numbers: Vec<u32> = generations
        .names()?
        .iter()
        .filter_map(|text| number(text))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

impl Files {
    /// The files of a key and the chain that was issued for it.
    pub fn new(key: Option<Secret>, chain: &Chain) -> Self {
        Files {
            key,
            certificate: chain.cert_pem().to_owned(),
            chain: chain.chain_pem().to_owned(),
        }
    }

    /// Name, content and mode of each file.
    fn contents(&self, options: &Options) -> Vec<(&'static str, Zeroizing<Vec<u8>>, u32)> {
        let certificate = ended(&self.certificate);
        let chain = ended(&self.chain);
        let full_chain = [&certificate[..], &chain[..]].concat();
        let key = self
            .key
            .as_ref()
            .map(|key| (KEY, ended(key.expose()), options.key_mode));
        let public = [
            (CERTIFICATE, certificate, options.mode),
            (CHAIN, chain, options.mode),
            (FULL_CHAIN, full_chain.into(), options.mode),
        ];
        key.into_iter().chain(public).collect()
    }

    /// Writes and flushes the files into an empty directory; flushing that is left to the caller.
    pub(super) fn write(
        &self,
        into: &Directory,
        options: &Options,
        ownership: Ownership,
    ) -> Result<(), Error> {
        for (name, content, mode) in self.contents(options) {
            write_file(into, name, &content, mode, ownership)?;
        }
        Ok(())
    }

    /// True when `directory` holds exactly these contents. A file that cannot be read counts as different.
    pub(super) fn are_in(&self, directory: &Directory, options: &Options) -> bool {
        self.contents(options).iter().all(
            |(name, content, _)| matches!(read_file(directory, name), Ok(Some(found)) if found == *content),
        )
    }
}

/// The bytes of a PEM text, with the final line end that concatenation needs.
fn ended(pem: &str) -> Zeroizing<Vec<u8>> {
    // sized once: a buffer that grows leaves copies of the key behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(pem.len() + 1));
    bytes.extend_from_slice(pem.as_bytes());
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// Creates, fills and flushes a file. It has its owner, group and mode before it has content.
pub(super) fn write_file(
    directory: &Directory,
    name: &str,
    content: &[u8],
    mode: u32,
    ownership: Ownership,
) -> Result<(), Error> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::openat(&directory.fd, name, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno| directory.failed(name, Operation::Open, errno))?;
    ownership.apply(&fd, &directory.path.join(name), mode)?;

    let mut file = File::from(fd);
    file.write_all(content)
        .map_err(|error| directory.failed(name, Operation::Write, errno(&error)))?;
    file.sync_all()
        .map_err(|error| directory.failed(name, Operation::Flush, errno(&error)))
}

/// Opens a regular file for reading; `None` when there is none.
pub(super) fn open_file(directory: &Directory, name: &str) -> Result<Option<File>, Error> {
    // NONBLOCK: a FIFO in its place must not hold us
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match fs::openat(&directory.fd, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(directory.failed(name, Operation::Open, errno)),
    };
    let stat = fs::fstat(&fd).map_err(|errno| directory.failed(name, Operation::Inspect, errno))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some(File::from(fd))),
        _ => Ok(None),
    }
}

/// Reads a file whole; `None` when there is none.
pub(super) fn read_file(directory: &Directory, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(file) = open_file(directory, name)? else {
        return Ok(None);
    };
    let failed = |error: std::io::Error| directory.failed(name, Operation::Read, errno(&error));
    let size = file.metadata().map_err(failed)?.len().min(MAX_FILE);
    let mut content = Zeroizing::new(Vec::with_capacity(size as usize + 1));
    file.take(MAX_FILE).read_to_end(&mut content).map_err(failed)?;
    Ok(Some(content))
}

/// The system's number for what went wrong; EIO for the few errors that std makes up itself.
fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
