//! `dns01d revoke` and `dns01d compromise`.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use openssl::x509::X509;

use super::commands::follow;
use crate::{
    control::{
        Client,
        protocol::{Revocable, RevokeWish, SecretText},
    },
    revocation::RevocationReason,
    secret::Secret,
    types::CertificateName,
};

/// A chain of certificates, or a key, is far smaller.
const MAX_FILE: u64 = 64 << 10;

/// What is to be revoked.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A certificate's name in the configuration, its serial number, or a file with it (PEM or DER; with a `/` in
    /// it, or ending in .pem, .crt, .cer or .der)
    #[arg(value_name = "NAME|SERIAL|FILE")]
    what: String,
    /// Why: unspecified, key-compromise, affiliation-changed, superseded or cessation-of-operation
    #[arg(long)]
    reason: RevocationReason,
    /// Revoke it at once, and put no other in its place
    #[arg(long)]
    no_replace: bool,
    /// The certificate's own key, where the account that it came from is gone
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object per step
    #[arg(long)]
    json: bool,
}

pub(super) async fn revoke(client: &Client, arguments: Arguments) -> ExitCode {
    let unreadable = |file: &Path, error: io::Error| {
        eprintln!("dns01d: {}: {error}", file.display());
        ExitCode::FAILURE
    };
    let certificate = if is_file(&arguments.what) {
        let file = PathBuf::from(&arguments.what);
        match certificate(&file) {
            Ok(pem) => Revocable::Pem(pem),
            Err(error) => return unreadable(&file, error),
        }
    } else {
        Revocable::Named(arguments.what)
    };
    let key = match &arguments.key {
        None => None,
        // the daemon may not read what the operator may
        Some(file) => match read(file).and_then(text) {
            Ok(text) => Some(SecretText(Secret::new(text))),
            Err(error) => return unreadable(file, error),
        },
    };
    let wish = RevokeWish {
        certificate,
        reason: arguments.reason,
        replace: !arguments.no_replace,
        key,
    };
    follow(client.revoke(&wish).await, arguments.json).await
}

pub(super) async fn compromise(client: &Client, name: &CertificateName, json: bool) -> ExitCode {
    let wish = RevokeWish {
        certificate: Revocable::Named(name.to_string()),
        reason: RevocationReason::KeyCompromise,
        replace: true,
        key: None,
    };
    follow(client.revoke(&wish).await, json).await
}

fn is_file(what: &str) -> bool {
    let ending = Path::new(what).extension().and_then(|ending| ending.to_str());
    what.contains('/') || ending.is_some_and(|ending| ["pem", "crt", "cer", "der"].contains(&ending))
}

/// In PEM form, whatever the file has.
fn certificate(file: &Path) -> io::Result<String> {
    let octets = read(file)?;
    match X509::from_der(&octets) {
        Ok(certificate) => text(certificate.to_pem().map_err(io::Error::other)?),
        Err(_) => text(octets),
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(file)?.take(MAX_FILE).read_to_end(&mut octets)?;
    Ok(octets)
}

fn text(octets: Vec<u8>) -> io::Result<String> {
    String::from_utf8(octets).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not in PEM form"))
}

#[cfg(test)]
mod tests {
    use super::is_file;

    #[test]
    fn a_file_is_told_from_a_name_and_a_serial_number() {
        for file in ["./a", "/etc/ssl/a", "a.pem", "a.b.crt", "a.cer", "a.der"] {
            assert!(is_file(file), "{file}");
        }
        for other in ["internal", "internal.example.org", "03AB1F", "03:ab:1f", "pem"] {
            assert!(!is_file(other), "{other}");
        }
    }
}
