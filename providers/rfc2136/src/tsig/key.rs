//! Names, algorithms and secrets of keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::Name;
use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

/// HMAC of a key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// hmac-sha224
    HmacSha224,
    /// hmac-sha256, the one that every server has
    HmacSha256,
    /// hmac-sha384
    HmacSha384,
    /// hmac-sha512
    HmacSha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// Its name in the configuration and, as a domain name, in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// Bytes of its MAC.
    #[must_use]
    pub const fn mac_len(self) -> usize {
        match self {
            Self::HmacSha224 => 28,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }

    /// Its name as messages carry it.
    pub(super) fn wire(self) -> Vec<u8> {
        let name = self.name().as_bytes();
        let mut wire = vec![name.len() as u8];
        wire.extend_from_slice(name);
        wire.push(0);
        wire
    }

    pub(super) fn digest(self) -> MessageDigest {
        match self {
            Self::HmacSha224 => MessageDigest::sha224(),
            Self::HmacSha256 => MessageDigest::sha256(),
            Self::HmacSha384 => MessageDigest::sha384(),
            Self::HmacSha512 => MessageDigest::sha512(),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no algorithm of ours, with the reason.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownAlgorithm {
    /// HMAC-MD5 or HMAC-SHA1.
    #[error("{0} is refused: its hash is broken; make a new key with hmac-sha256")]
    Weak(String),
    /// GSS-TSIG, RFC 3645.
    #[error(
        "{0} is not supported: it needs Kerberos, which a provider has not; make a key of its own for dns01d on the \
         server (hmac-sha256) that may change TXT at the challenge names, or, where the server takes GSS-TSIG only \
         (Active Directory), point a CNAME at each `_acme-challenge` name into a zone on a server that takes such keys"
    )]
    Gss(String),
    /// Anything else.
    #[error("{0} is none of hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512")]
    Unknown(String),
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Case and a trailing dot do not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        if let Some(found) = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name) {
            return Ok(found);
        }
        Err(match name.as_str() {
            "hmac-md5" | "hmac-md5.sig-alg.reg.int" | "hmac-sha1" | "hmac-sha" => {
                UnknownAlgorithm::Weak(text.to_owned())
            }
            "gss-tsig" | "gss.microsoft.com" | "gss" => UnknownAlgorithm::Gss(text.to_owned()),
            _ => UnknownAlgorithm::Unknown(text.to_owned()),
        })
    }
}

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// Not a domain name.
    #[error("the name of the key is not a domain name")]
    Name,
    /// Not base64.
    #[error("the secret of the key is not base64: copy the text between the quotes of the key file")]
    Base64,
    /// Nothing in it.
    #[error("the secret of the key is empty")]
    Empty,
}

/// A shared secret with its name and its one algorithm.
///
/// The secret is wiped when dropped; `Debug` does not show it.
#[derive(Clone)]
pub struct Key {
    pub(super) name: Vec<u8>,
    pub(super) algorithm: Algorithm,
    pub(super) secret: Zeroizing<Vec<u8>>,
    label: String,
}

impl Key {
    /// A key from its raw secret.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn new(name: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let parsed = Name::from_ascii(name).map_err(|_| KeyError::Name)?;
        if parsed.num_labels() == 0 {
            return Err(KeyError::Name);
        }
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        let mut wire = Vec::with_capacity(parsed.len() + 1);
        for label in parsed.to_lowercase().iter() {
            // a label has 63 bytes at most
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        let label = parsed.to_ascii().trim_end_matches('.').to_owned();
        Ok(Self {
            name: wire,
            algorithm,
            secret: Zeroizing::new(secret.to_vec()),
            label,
        })
    }

    /// A key from its secret as key files hold it. White space does not matter.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn from_base64(name: &str, algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        let text: Zeroizing<String> = Zeroizing::new(secret.split_ascii_whitespace().collect());
        let bytes = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| KeyError::Base64)?);
        Self::new(name, algorithm, &bytes)
    }

    /// Its name, without the trailing dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.label
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {} ..)", self.label, self.algorithm)
    }
}
