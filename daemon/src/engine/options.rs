use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use crate::{
    deployment::HookOptions,
    outputs,
    pki::{ChainPreference, KeyType},
    types::{CaName, CertificateName, ChallengeMethod, Identifier},
};

/// A certificate that the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its key in the configuration.
    pub name: CertificateName,
    /// Sorted, without duplicates, at least one.
    pub identifiers: Vec<Identifier>,
    /// The CAs to ask, the preferred one first; at least one, none twice.
    pub cas: Vec<CaName>,
    /// Profile by CA (draft-ietf-acme-profiles); a CA that is not there is asked without one.
    pub profiles: BTreeMap<CaName, String>,
    /// Whose key is certified.
    pub key: KeySource,
    /// Ways to prove the names, the preferred one first; at least one, none twice.
    pub challenges: Vec<ChallengeMethod>,
    /// For how long a standing record is to be good (dns-persist-01, `persistUntil`); `None`: without an end.
    pub standing_lifetime: Option<Duration>,
    /// Which of the chains that the CA offers.
    pub chain: ChainPreference,
    /// Lifetime to ask for (notAfter, RFC 8555 7.4); `None`: the CA's own.
    pub lifetime: Option<Duration>,
    /// Where its files go.
    pub output: outputs::Options,
    /// What runs after each switch.
    pub hook: Option<HookOptions>,
}

/// Whose key is certified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// One of this kind that is made here, anew for each issuance.
    Generate(KeyType),
    /// The one that signed the request in this file; it never comes here.
    Request(PathBuf),
}

impl KeySource {
    /// The kind of a key that is made here.
    pub fn kind(&self) -> Option<KeyType> {
        match self {
            KeySource::Generate(kind) => Some(*kind),
            KeySource::Request(_) => None,
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Generate(kind) => kind.fmt(f),
            KeySource::Request(path) => write!(f, "of the request {}", path.display()),
        }
    }
}

/// Limits of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most orders worked at once.
    pub concurrency: usize,
    /// Between two canaries of a provider instance in a zone; `None`: none are sent.
    pub canary: Option<Duration>,
}

/// A renewal is a month before the end of a certificate, so that three canaries at least tell of what changed. Tokens
/// that expire do so after weeks, and hosts that retire an API write letters for months.
pub const DEFAULT_CANARY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Enough to hide every wait of a hundred certificates, few enough for a small CA.
pub const DEFAULT_CONCURRENCY: usize = 16;

/// What every CA offers; the others are drafts.
pub const DEFAULT_CHALLENGES: [ChallengeMethod; 1] = [ChallengeMethod::Dns01];
