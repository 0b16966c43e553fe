use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::HookFailure;

/// How far the newest generation of a certificate has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no generation yet.
    #[default]
    Nothing,
    /// It is complete on disk; `live` is to lead to it.
    Stored {
        /// Its number.
        generation: u32,
        /// When to switch: at once, or after a failure.
        due: Timestamp,
        /// Why the last try to switch failed.
        failure: Option<String>,
    },
    /// `live` leads to it; the hook has not succeeded since.
    Switched {
        /// Its number.
        generation: u32,
        /// When `live` was switched.
        at: Timestamp,
        /// When the hook is to run: at once, or after a failure.
        due: Timestamp,
        /// How often the hook failed since the switch.
        failures: u32,
        /// How it failed last.
        failure: Option<HookFailure>,
    },
    /// Nothing is left to do.
    Deployed {
        /// Its number.
        generation: u32,
        /// When the hook succeeded, or `live` was switched where there is no hook.
        at: Timestamp,
    },
}

/// Version of the stored form. Raise it when an old daemon would misread a new state.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<S> {
    version: u32,
    state: S,
}

/// A stored state that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a later release.
    #[error(
        "deployment state of version {0}; this release reads version {VERSION}: was the daemon downgraded?"
    )]
    Version(u32),
    /// No state at all.
    #[error("deployment state is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl State {
    /// The generation it is about.
    pub fn generation(&self) -> Option<u32> {
        match self {
            State::Nothing => None,
            State::Stored { generation, .. }
            | State::Switched { generation, .. }
            | State::Deployed { generation, .. } => Some(*generation),
        }
    }

    /// When something is to be done next; `None` when nothing is.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            State::Nothing | State::Deployed { .. } => None,
            State::Stored { due, .. } | State::Switched { due, .. } => Some(*due),
        }
    }

    /// The form for the store.
    ///
    /// # Errors
    /// None in practice: every state has a JSON form.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Envelope {
            version: VERSION,
            state: self,
        })
    }

    /// Reads what [`State::encode`] wrote.
    ///
    /// # Errors
    /// When a later release wrote it, or when it is damaged.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let envelope: Envelope<serde_json::Value> = serde_json::from_str(text)?;
        match envelope.version {
            VERSION => Ok(serde_json::from_value(envelope.state)?),
            later => Err(DecodeError::Version(later)),
        }
    }
}
