use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a certificate is revoked (RFC 5280 5.3.1): those that a subscriber may give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RevocationReason {
    /// No reason given.
    #[default]
    Unspecified,
    /// Somebody else has, or may have, the private key. CAs block the key for ever.
    KeyCompromise,
    /// The holder is no longer who the certificate says.
    AffiliationChanged,
    /// Another certificate has taken its place.
    Superseded,
    /// The site is no longer run, or the name is no longer the holder's.
    CessationOfOperation,
}

/// A text that is no reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no reason for revocation: use one of unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation"
)]
pub struct UnknownRevocationReason(String);

impl RevocationReason {
    /// Every reason.
    pub const ALL: [RevocationReason; 5] = [
        RevocationReason::Unspecified,
        RevocationReason::KeyCompromise,
        RevocationReason::AffiliationChanged,
        RevocationReason::Superseded,
        RevocationReason::CessationOfOperation,
    ];

    /// The name, as an operator writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RevocationReason::Unspecified => "unspecified",
            RevocationReason::KeyCompromise => "key-compromise",
            RevocationReason::AffiliationChanged => "affiliation-changed",
            RevocationReason::Superseded => "superseded",
            RevocationReason::CessationOfOperation => "cessation-of-operation",
        }
    }

    /// The number in a CRL (RFC 5280 5.3.1).
    pub fn code(self) -> u8 {
        match self {
            RevocationReason::Unspecified => 0,
            RevocationReason::KeyCompromise => 1,
            RevocationReason::AffiliationChanged => 3,
            RevocationReason::Superseded => 4,
            RevocationReason::CessationOfOperation => 5,
        }
    }
}

impl FromStr for RevocationReason {
    type Err = UnknownRevocationReason;

    fn from_str(text: &str) -> Result<Self, UnknownRevocationReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownRevocationReason(text.to_owned()))
    }
}

impl TryFrom<String> for RevocationReason {
    type Error = UnknownRevocationReason;

    fn try_from(text: String) -> Result<Self, UnknownRevocationReason> {
        text.parse()
    }
}

impl From<RevocationReason> for String {
    fn from(reason: RevocationReason) -> String {
        reason.as_str().to_owned()
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
