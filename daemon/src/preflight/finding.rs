use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::types::Identifier;

/// What was looked at, what was seen, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The identifier; for [`Subject::Dnssec`] the zone's apex, for [`Subject::Size`] the challenge's owner name.
    pub name: Identifier,
    /// What was looked at.
    pub subject: Subject,
    /// What it means for an order.
    pub verdict: Verdict,
    /// What was seen, in one line.
    pub seen: String,
    /// What to do, where something can be done; the exact record, where it is one.
    pub remedy: Option<String>,
    /// How long the look took.
    pub took: Duration,
}

/// What a CA looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Which CAs may issue (RFC 8659, RFC 8657).
    Caa,
    /// Whether the zone's signatures hold (RFC 4035).
    Dnssec,
    /// How large the answer with the challenge's record becomes.
    Size,
}

/// What a finding means for an order. Later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is in the way.
    Fine,
    /// It could not be looked at. The trouble may be this machine's alone, so that it stops nothing.
    Unknown,
    /// A CA may stumble over it.
    Warning,
    /// The CA would refuse.
    Blocks,
}

impl Subject {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Subject::Caa => "CAA",
            Subject::Dnssec => "DNSSEC",
            Subject::Size => "size",
        }
    }
}

impl Verdict {
    /// For people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Unknown => "unknown",
            Verdict::Warning => "warning",
            Verdict::Blocks => "blocks",
        }
    }
}

impl Finding {
    /// The finding told of several names at once.
    pub fn shown_for(&self, names: &str) -> String {
        let told = format!("{} of {names}: {}", self.subject.as_str(), self.seen);
        match &self.remedy {
            Some(remedy) => format!("{told}: {remedy}"),
            None => told,
        }
    }
}

/// `CAA of example.org: what was seen: what to do`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_for(&self.name.to_string()))
    }
}
