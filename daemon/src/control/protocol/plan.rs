use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::types::CertificateName;

/// `GET /v1/certificates/NAME/why`: why a certificate stands as it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Which certificate.
    pub certificate: CertificateName,
    /// In plain words, the decision first and what it rests on after it.
    pub sentences: Vec<String>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// What it leads to.
    pub next: Option<Planned>,
}

/// `GET /v1/next` and `GET /v1/plan?until=TIME`: what will happen if nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Up to when it looks; `None`: the next of each.
    pub until: Option<Timestamp>,
    /// The earliest first.
    pub planned: Vec<Planned>,
    /// How many more there are than are listed.
    #[serde(default)]
    pub left_out: u64,
}

/// Something that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// When; in the past when it is due and waits for its turn.
    pub at: Timestamp,
    /// What.
    pub what: PlannedKind,
    /// For a certificate its name, for `clean-up` the provider instance, for `rollover` the CA.
    pub subject: String,
    /// Why then, in plain words.
    pub because: String,
}

/// What is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedKind {
    /// A certificate is ordered.
    Renew,
    /// The CA is asked when to renew (RFC 9773).
    PollAri,
    /// Files are switched, or a hook runs again.
    Deploy,
    /// Challenge records are removed.
    CleanUp,
    /// An account gets a new key.
    Rollover,
    /// A certificate is revoked.
    Revoke,
    /// Standing records of a certificate are looked at.
    Standing,
    /// A canary of a provider instance is sent into a zone.
    Canary,
    /// A kind of a later release.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for PlannedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PlannedKind::Renew => "renew",
            PlannedKind::PollAri => "ask when",
            PlannedKind::Deploy => "deploy",
            PlannedKind::CleanUp => "clean up",
            PlannedKind::Rollover => "roll over",
            PlannedKind::Revoke => "revoke",
            PlannedKind::Standing => "look at records of",
            PlannedKind::Canary => "send a canary through",
            PlannedKind::Unknown => "something",
        })
    }
}
