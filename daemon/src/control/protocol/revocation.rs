use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::{
    engine::{self, RevocationWish},
    revocation::RevocationReason,
};

/// Body of `POST /v1/revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeWish {
    /// Which certificate.
    pub certificate: Revocable,
    /// Why (RFC 5280 5.3.1).
    pub reason: RevocationReason,
    /// Whether a new one, on a new key, takes its place first where that is safe.
    pub replace: bool,
    /// The certificate's own key, where the account that it came from is gone; PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretText>,
}

/// A certificate as people name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocable {
    /// By its name in the configuration or, where there is none like it, its serial number in hexadecimal.
    Named(String),
    /// Itself, in PEM form.
    Pem(String),
}

impl From<RevokeWish> for RevocationWish {
    fn from(wish: RevokeWish) -> Self {
        RevocationWish {
            certificate: match wish.certificate {
                Revocable::Named(text) => engine::Revocable::Named(text),
                Revocable::Pem(text) => engine::Revocable::Pem(text),
            },
            reason: wish.reason,
            replace: wish.replace,
            key: wish.key.map(|SecretText(key)| key),
        }
    }
}

/// How a revocation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Why.
    pub reason: RevocationReason,
    /// What confirms it, in plain words: the CA's list, its renewal information; `None` when nothing does yet.
    pub confirmed: Option<String>,
    /// Whether another certificate is live in its place.
    pub replaced: bool,
}

/// In a status: the newest certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedSince {
    /// Since when.
    pub at: Timestamp,
    /// Why, as far as it is known.
    pub reason: Option<RevocationReason>,
    /// What confirms it, in plain words.
    pub confirmed: Option<String>,
}
