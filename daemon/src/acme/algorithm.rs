use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::pki::KeyType;

/// How an account signs (RFC 7518 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default, which RFC 8555 6.2 obliges every CA to take.
    #[default]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA with SHA-256, for keys that come from older clients and for CAs that want RSA.
    Rs256,
}

/// A text that is no algorithm of an account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no algorithm of an account's key: use one of es256, es384, rs256")]
pub struct UnknownAlgorithm(String);

impl Algorithm {
    /// Every algorithm, as configured.
    pub const ALL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Es256 => "es256",
            Algorithm::Es384 => "es384",
            Algorithm::Rs256 => "rs256",
        }
    }

    /// The key that is made for it.
    pub(super) fn key_type(self) -> KeyType {
        match self {
            Algorithm::Es256 => KeyType::EcdsaP256,
            Algorithm::Es384 => KeyType::EcdsaP384,
            Algorithm::Rs256 => KeyType::Rsa2048,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownAlgorithm(text.to_owned()))
    }
}

impl TryFrom<String> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(text: String) -> Result<Self, UnknownAlgorithm> {
        text.parse()
    }
}

impl From<Algorithm> for String {
    fn from(algorithm: Algorithm) -> String {
        algorithm.as_str().to_owned()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
