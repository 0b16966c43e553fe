//! A TLS certificate for servers on loopback, with a root of its own.

use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::X509Ref;

use super::authority::{Authority, Leaf, p256};
use crate::clock;

/// Longer than any test, short enough for every client's rules.
const LIFETIME: Duration = Duration::from_secs(365 * 86400);

/// Certificate and key for `localhost`, 127.0.0.1 and ::1, all PEM.
#[derive(Clone, Debug)]
pub struct ServerIdentity {
    /// What a client must trust.
    pub root_pem: String,
    /// The certificate alone; the root signed it.
    pub certificate_pem: String,
    /// Its key, PKCS#8.
    pub key_pem: String,
}

impl ServerIdentity {
    /// A fresh root and a certificate under it.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn loopback() -> Result<Self, ErrorStack> {
        let now = clock::now();
        let root = Authority::root("dns01 lab HTTPS root", now)?;
        let key = p256()?;
        let leaf = Leaf {
            names: &["localhost", "127.0.0.1", "::1"].map(str::to_owned),
            not_before: now,
            not_after: now + LIFETIME,
            high_serial: false,
            crl_url: None,
        };
        let certificate = root.leaf(&leaf, &*PKey::public_key_from_der(&key.public_key_to_der()?)?)?;
        Ok(ServerIdentity {
            root_pem: pem(root.certificate())?,
            certificate_pem: pem(&certificate)?,
            key_pem: String::from_utf8_lossy(&key.private_key_to_pem_pkcs8()?).into_owned(),
        })
    }
}

pub(super) fn pem(certificate: &X509Ref) -> Result<String, ErrorStack> {
    Ok(String::from_utf8_lossy(&certificate.to_pem()?).into_owned())
}
