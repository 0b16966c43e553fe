use std::{fmt, str::FromStr, time::Duration};

use crate::{acme, schedule::Limits, secret_source::SecretSource};

/// A CA and how the daemon behaves towards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityOptions {
    /// How it is spoken to.
    pub acme: acme::Options,
    /// Kind of key for a new account; one that there is keeps its own.
    pub account_key: acme::Algorithm,
    /// The account elsewhere at the CA that a new account is bound to (RFC 8555 7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// How old the account's key may get before it is rolled over (RFC 8555 7.3.5); `None`: as old as the operator
    /// lets it.
    pub rollover: Option<Duration>,
    /// What the CA allows: the engine refuses before it would.
    pub limits: Limits,
    /// A CA for trials, whose certificates nobody trusts.
    pub staging: bool,
}

/// What a CA gives to people who have an account there already (RFC 8555 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// Names the account.
    pub kid: String,
    /// Proves that it is ours: base64url text.
    pub hmac_key: SecretSource,
    /// How the proof is made.
    pub algorithm: MacAlgorithm,
}

/// How an external account's key proves (RFC 7518 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacAlgorithm {
    /// HMAC with SHA-256: what every CA takes.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// A text that is no such algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no MAC algorithm: use one of hs256, hs384, hs512")]
pub struct UnknownMacAlgorithm(String);

impl MacAlgorithm {
    /// Every algorithm, as configured.
    pub const ALL: [MacAlgorithm; 3] = [MacAlgorithm::Hs256, MacAlgorithm::Hs384, MacAlgorithm::Hs512];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            MacAlgorithm::Hs256 => "hs256",
            MacAlgorithm::Hs384 => "hs384",
            MacAlgorithm::Hs512 => "hs512",
        }
    }
}

impl FromStr for MacAlgorithm {
    type Err = UnknownMacAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownMacAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownMacAlgorithm(text.to_owned()))
    }
}

impl fmt::Display for MacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
