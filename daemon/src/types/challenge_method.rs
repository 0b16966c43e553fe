use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A way to prove a name through DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ChallengeMethod {
    /// RFC 8555 8.4: a record for each order, at a name that all accounts share.
    Dns01,
    /// draft-ietf-acme-dns-account-label: a record for each order, at a name of this account alone.
    DnsAccount01,
    /// draft-ietf-acme-dns-persist-01: one record that stays.
    DnsPersist01,
}

/// A text that is no such way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no challenge through DNS: use one of dns-01, dns-account-01, dns-persist-01")]
pub struct UnknownChallengeMethod(String);

impl ChallengeMethod {
    /// Every method, as configured.
    pub const ALL: [ChallengeMethod; 3] = [
        ChallengeMethod::Dns01,
        ChallengeMethod::DnsAccount01,
        ChallengeMethod::DnsPersist01,
    ];

    /// The challenge's type, as CAs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChallengeMethod::Dns01 => "dns-01",
            ChallengeMethod::DnsAccount01 => "dns-account-01",
            ChallengeMethod::DnsPersist01 => "dns-persist-01",
        }
    }
}

impl FromStr for ChallengeMethod {
    type Err = UnknownChallengeMethod;

    fn from_str(text: &str) -> Result<Self, UnknownChallengeMethod> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| UnknownChallengeMethod(text.to_owned()))
    }
}

impl TryFrom<String> for ChallengeMethod {
    type Error = UnknownChallengeMethod;

    fn try_from(text: String) -> Result<Self, UnknownChallengeMethod> {
        text.parse()
    }
}

impl From<ChallengeMethod> for String {
    fn from(method: ChallengeMethod) -> String {
        method.as_str().to_owned()
    }
}

impl fmt::Display for ChallengeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
