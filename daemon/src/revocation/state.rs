use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a revocation has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Another certificate is to be live first.
    Replacing,
    /// The CA is to be asked.
    Revoking {
        /// Failures in a row.
        failures: u32,
        /// The last of them.
        error: Option<String>,
    },
    /// The CA has revoked it, and its list does not say so yet.
    Confirming {
        /// When the CA took it.
        revoked_at: Timestamp,
        /// How often the list was looked at.
        looks: u32,
    },
    /// The end.
    Revoked {
        /// When the CA took it.
        revoked_at: Timestamp,
        /// What confirms it, in plain words; `None` when nothing did for long.
        confirmed: Option<String>,
    },
    /// The CA will not do it.
    Refused {
        /// When it said so.
        at: Timestamp,
        /// Why.
        error: String,
    },
}

impl State {
    /// A word for people and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Replacing => "replacing",
            State::Revoking { .. } => "revoking",
            State::Confirming { .. } => "confirming",
            State::Revoked { .. } => "revoked",
            State::Refused { .. } => "refused",
        }
    }

    /// Nothing more happens.
    pub fn is_final(&self) -> bool {
        match self {
            State::Revoked { .. } | State::Refused { .. } => true,
            State::Replacing | State::Revoking { .. } | State::Confirming { .. } => false,
        }
    }
}
