//! TSIG (RFC 8945): the server's keys, and the exchanges that they sign.

mod session;
mod wire;

pub(super) use session::{Checked, Session, check};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{DnsError, fqdn, plain};

/// A fresh key's secret: as long as the output of its hash (RFC 8945 section 8).
const SECRET_BYTES: usize = 32;

/// What a fresh key uses.
const ALGORITHM: &str = "hmac-sha256";

/// Hashes that RFC 8945 section 6 keeps, without SHA-1 and MD5.
const ALGORITHMS: &[&str] = &["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// A key that may sign updates.
#[derive(Clone)]
pub struct TsigKey {
    name: String,
    algorithm: String,
    secret: String,
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TsigKey({}, {}, ..)", self.name, self.algorithm)
    }
}

impl TsigKey {
    /// Reads `name:algorithm:base64`.
    ///
    /// # Errors
    /// [`DnsError::Key`].
    pub fn parse(text: &str) -> Result<Self, DnsError> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let bad = |reason: String| DnsError::Key {
            key: name.to_owned(),
            reason,
        };
        let (Some(algorithm), Some(secret)) = (parts.next(), parts.next()) else {
            return Err(bad("a part is missing".to_owned()));
        };
        let name = plain(&fqdn(name)?);
        let algorithm = algorithm.to_lowercase();
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            return Err(bad(format!(
                "algorithm {algorithm} is not one of {}",
                ALGORITHMS.join(", ")
            )));
        }
        STANDARD
            .decode(secret)
            .map_err(|_| bad("the secret is not base64".to_owned()))?;
        Ok(TsigKey {
            name,
            algorithm,
            secret: secret.to_owned(),
        })
    }

    /// A fresh key.
    ///
    /// # Errors
    /// [`DnsError::Key`].
    pub fn generate(name: &str) -> Result<Self, DnsError> {
        let mut secret = [0; SECRET_BYTES];
        openssl::rand::rand_bytes(&mut secret).map_err(|error| DnsError::Key {
            key: name.to_owned(),
            reason: error.to_string(),
        })?;
        Self::parse(&format!("{name}:{ALGORITHM}:{}", STANDARD.encode(secret)))
    }

    /// Its name, lower case, no final dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its algorithm: `hmac-sha256`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The secret alone, base64.
    pub fn secret_base64(&self) -> &str {
        &self.secret
    }

    /// What [`TsigKey::parse`] reads, and `nsupdate -y` in another order.
    pub fn text(&self) -> String {
        format!("{}:{}:{}", self.name, self.algorithm, self.secret)
    }

    /// A `key { }` clause of BIND's configuration, which is also a key file of `nsupdate -k`.
    pub fn bind_text(&self) -> String {
        let TsigKey {
            name,
            algorithm,
            secret,
        } = self;
        format!("key \"{name}\" {{\n  algorithm {algorithm};\n  secret \"{secret}\";\n}};\n")
    }

    fn secret_bytes(&self) -> Vec<u8> {
        // `parse` has decoded it once
        STANDARD.decode(&self.secret).unwrap_or_default()
    }

    fn wire_name(&self) -> Vec<u8> {
        wire(&self.name)
    }

    fn wire_algorithm(&self) -> Vec<u8> {
        wire(&self.algorithm)
    }
}

/// A name that `fqdn` has accepted, in canonical wire form.
fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
