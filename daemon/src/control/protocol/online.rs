//! `dns01d check --online`: what an issuance would meet, looked at without the CA.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub use crate::preflight::Verdict;
use crate::types::{CaName, CertificateName, DnsName, InstanceName};

/// Body of `POST /v1/online`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineWish {
    /// Names of certificates, or names in them; all certificates when there are none.
    pub names: Vec<String>,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnlineLine {
    /// Something was looked at. Findings of one part come together.
    Finding(Finding),
    /// Something takes its time: for people who wait.
    Waiting {
        /// What it belongs to.
        part: Part,
        /// For what.
        text: String,
    },
    /// The last line, and no other.
    Done(OnlineReport),
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it belongs to.
    pub part: Part,
    /// Which step: kebab-case.
    pub subject: String,
    /// What it means for a certificate.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// One by one, where there are several: servers, for example.
    #[serde(default)]
    pub details: Vec<String>,
    /// What to do, with the command or the record.
    pub remedy: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// What findings belong to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The configuration as a whole.
    Configuration,
    /// A provider instance.
    Provider(InstanceName),
    /// A zone that records go into.
    Zone(DnsName),
    /// A CA.
    Ca(CaName),
    /// A name to prove; a wildcard is proved at the name that it is of.
    Name(DnsName),
    /// A certificate.
    Certificate(CertificateName),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Configuration => f.write_str("configuration"),
            Part::Provider(name) => write!(f, "provider {name}"),
            Part::Zone(name) => write!(f, "zone {name}"),
            Part::Ca(name) => write!(f, "CA {name}"),
            Part::Name(name) => write!(f, "name {name}"),
            Part::Certificate(name) => write!(f, "certificate {name}"),
        }
    }
}

/// What all findings come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineReport {
    /// One for each certificate that was asked for, or that a name belongs to.
    pub certificates: Vec<Prospect>,
    /// How long all of it took.
    pub took: Duration,
}

/// Whether a certificate would be issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// Which one.
    pub certificate: CertificateName,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// Those that are not fine, the worst first.
    pub because: Vec<Because>,
    /// How many of its names were looked at.
    pub looked_at: usize,
    /// How many it has, wildcards counted with the names that they are of.
    pub names: usize,
}

/// A finding that counts for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// What it belongs to.
    pub part: Part,
    /// What it means.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub remedy: Option<String>,
}
