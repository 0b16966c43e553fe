use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::{
    Account, Error, Operation, Polled, Problem,
    directory::lenient,
    jws::Payload,
    printable::{MAX_WORD, printable},
};
use crate::types::ChallengeUrl;

/// A way to prove a name (RFC 8555 7.1.5 and 8).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// Which way.
    #[serde(rename = "type")]
    pub kind: ChallengeKind,
    /// Where to answer.
    pub url: ChallengeUrl,
    /// How far it is.
    pub status: ChallengeStatus,
    /// When the CA saw the proof.
    #[serde(default)]
    pub validated: Option<Timestamp>,
    /// Why it failed; may be there while the CA still retries.
    #[serde(default)]
    pub error: Option<Problem>,
    /// What the proof is made from; dns-persist-01 has none.
    #[serde(default)]
    pub token: Option<Token>,
    /// Names of the CA for a standing record (draft-ietf-acme-dns-persist-01).
    #[serde(default, deserialize_with = "lenient", rename = "issuer-domain-names")]
    pub issuer_domain_names: Vec<String>,
    /// The account as a standing record has to name it (draft-ietf-acme-dns-persist-01).
    #[serde(default, deserialize_with = "lenient", rename = "accounturi")]
    pub account_uri: Option<String>,
}

/// Kinds of challenges.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum ChallengeKind {
    /// RFC 8555 8.4.
    #[serde(rename = "dns-01")]
    Dns01,
    /// draft-ietf-acme-dns-account-label.
    #[serde(rename = "dns-account-01")]
    DnsAccount01,
    /// draft-ietf-acme-dns-persist-01.
    #[serde(rename = "dns-persist-01")]
    DnsPersist01,
    /// Every other one.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChallengeKind::Dns01 => "dns-01",
            ChallengeKind::DnsAccount01 => "dns-account-01",
            ChallengeKind::DnsPersist01 => "dns-persist-01",
            ChallengeKind::Other(text) => return f.write_str(&printable(text, MAX_WORD)),
        })
    }
}

/// Status of a challenge (RFC 8555 7.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChallengeStatus {
    /// Waits for our answer.
    Pending,
    /// The CA is looking.
    Processing,
    /// Proved.
    Valid,
    /// Failed for good.
    Invalid,
    /// A status that RFC 8555 does not have.
    #[serde(untagged)]
    Unknown(String),
}

/// Text from the CA that goes into a proof.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token(String);

/// Why a text is no [`Token`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the challenge's token is not base64url, or longer than 512 characters")]
pub struct TokenError;

impl Token {
    /// The token as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// RFC 8555 8.4: "It MUST NOT contain any characters outside the base64url alphabet". A
    /// weak CA may choose a short one; that is its risk.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let valid = (1..=512).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if valid {
            Ok(Token(text.to_owned()))
        } else {
            Err(TokenError)
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Account {
    /// Tells the CA that the proof is in place (RFC 8555 7.5.1). Not to be repeated once the
    /// challenge has left `pending`: some CAs refuse that.
    ///
    /// # Errors
    /// The CA's refusal.
    pub async fn answer(&self, challenge: &ChallengeUrl) -> Result<Polled<Challenge>, Error> {
        let empty = serde_json::Map::new();
        self.fetch(Operation::Challenge, challenge.as_str(), Payload::json(&empty))
            .await
    }
}
