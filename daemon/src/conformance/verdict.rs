//! What a check comes to, while it runs.

use crate::plugin::CallError;

/// What was seen, where the promise is kept.
pub(super) type Seen = Result<String, Trouble>;

/// Why a check does not simply pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The promise is broken; what was seen.
    Failed(String),
    /// There is nothing to check; why.
    Moot(String),
    /// The tester wants to stop.
    Interrupted,
}

/// A plugin that cannot be called keeps no promise.
impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        let words = match &error {
            CallError::Died(death) if !death.last_words.is_empty() => {
                format!("{error}; it had said: {}", death.last_words.join(" | "))
            }
            _ => error.to_string(),
        };
        Trouble::Failed(words)
    }
}

/// The promise is broken.
pub(super) fn failed<T>(seen: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Failed(seen.into()))
}

/// There is nothing to check.
pub(super) fn moot<T>(why: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Moot(why.into()))
}
