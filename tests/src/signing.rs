//! Signed zones, good ones and others, made by BIND's own tools.

use std::process::Command;

use crate::primary::{directory, run, zone_file};
use crate::process::{ProcessError, write};

/// ECDSA P-256: short, and what most zones use.
const ALGORITHM: &str = "13";

/// When signatures hold, in the words of dnssec-signzone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From an hour ago, for a month.
    Now,
    /// They ended yesterday.
    Expired,
}

/// A zone with its signatures.
#[derive(Clone, Debug)]
pub struct SignedZone {
    /// Its apex.
    pub name: String,
    /// The whole file, for [`fixed`](crate::bind::BindOptions::fixed).
    pub text: String,
    /// What its parent says of its key: the record's data.
    pub ds: String,
}

impl SignedZone {
    /// Makes a key, and signs the zone with it.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub fn new(name: &str, records: &str, validity: Validity) -> Result<Self, ProcessError> {
        let dir = directory("dns01-signing")?;
        let tool = |program: &str| {
            let mut command = Command::new(program);
            command.current_dir(dir.path());
            command
        };
        write(&dir.path().join("zone"), &zone_file(records))?;
        let mut key = tool("dnssec-keygen");
        key.args(["-q", "-a", ALGORITHM, "-f", "KSK", name]);
        run(key)?;
        let (start, end) = match validity {
            Validity::Now => ("now-3600", "now+2592000"),
            Validity::Expired => ("now-172800", "now-86400"),
        };
        let mut sign = tool("dnssec-signzone");
        // -S: with the keys that are there; -z: one of them for everything; -P: whatever comes out
        sign.args([
            "-S", "-z", "-P", "-o", name, "-s", start, "-e", end, "-f", "signed", "zone",
        ]);
        run(sign)?;
        let read = |file: &str| {
            std::fs::read_to_string(dir.path().join(file)).map_err(|source| ProcessError::Prepare {
                what: format!("the signed zone {name}"),
                source,
            })
        };
        let set = read(&format!("dsset-{name}."))?;
        let ds = set
            .lines()
            .find_map(|line| line.split_once(" DS "))
            .map(|(_, data)| data.trim().to_owned());
        Ok(SignedZone {
            name: name.to_owned(),
            text: read("signed")?,
            ds: ds.unwrap_or_default(),
        })
    }

    /// The same DS with another digest: of a key that the zone does not have.
    pub fn wrong_ds(&self) -> String {
        let (digest, last) = self.ds.split_at(self.ds.len().saturating_sub(1));
        format!("{digest}{}", if last == "0" { "1" } else { "0" })
    }
}
