//! The small durable state of an instance (`state_put` and `state_get` of the plugin ABI).

use std::{collections::BTreeMap, fmt::Debug};

use dns01_plugin_wire::{Sensitive, StateAnswer, StateQuestion, StateRequest, status};
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// Longest key.
pub const MAX_KEY: usize = 64;
/// Longest value.
pub const MAX_VALUE: usize = 64 << 10;
/// Most keys of one instance.
pub const MAX_KEYS: usize = 64;

/// Where one instance's state is kept: durable, in clear but for the daemon's user alone to read, never shown to
/// another instance.
///
/// Keys are 1 to [`MAX_KEY`] bytes of `[A-Za-z0-9_.-]`, values at most [`MAX_VALUE`] bytes; both are
/// checked before they come here. Both methods may block on a disk.
pub trait PluginState: Debug + Send + Sync {
    /// The value of a key; `None` when absent.
    ///
    /// # Errors
    /// [`StateError::Storage`].
    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError>;

    /// Sets a value, durable when this returns; an empty one removes the key.
    ///
    /// # Errors
    /// [`StateError::Full`] for a new key over [`MAX_KEYS`], [`StateError::Storage`].
    fn put(&self, key: &str, value: &[u8]) -> Result<(), StateError>;
}

/// Why state was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Too many keys.
    #[error("an instance keeps at most {MAX_KEYS} keys")]
    Full,
    /// The store failed.
    #[error("the state of the instance cannot be stored: {reason}")]
    Storage {
        /// The store's words.
        reason: String,
    },
}

/// State that is gone with the process: for tests, and for checks that must leave nothing behind.
#[derive(Default)]
pub struct MemoryState(Mutex<BTreeMap<String, Zeroizing<Vec<u8>>>>);

impl PluginState for MemoryState {
    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        Ok(self.0.lock().get(key).cloned())
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        let mut values = self.0.lock();
        if value.is_empty() {
            values.remove(key);
            return Ok(());
        }
        if values.len() >= MAX_KEYS && !values.contains_key(key) {
            return Err(StateError::Full);
        }
        values.insert(key.to_owned(), Zeroizing::new(value.to_vec()));
        Ok(())
    }
}

impl Debug for MemoryState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryState({} keys)", self.0.lock().len())
    }
}

/// Answers a plugin's question. Blocks on the store.
pub(super) fn answer(state: &dyn PluginState, provider: &str, request: StateRequest) -> StateAnswer {
    let reply = |status, value| StateAnswer {
        id: request.id,
        status,
        value,
    };
    let (key, size) = match &request.question {
        StateQuestion::Get { key } => (key, 0),
        StateQuestion::Put { key, value } => (key, value.bytes().len()),
    };
    // the host checks too, but the host shares its memory with the plugin
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if key.is_empty() || key.len() > MAX_KEY || !key.chars().all(good) || size > MAX_VALUE {
        return reply(status::PERMANENT, Sensitive::default());
    }
    let result = match &request.question {
        StateQuestion::Get { key } => state.get(key).map(Option::unwrap_or_default),
        StateQuestion::Put { key, value } => state.put(key, value.bytes()).map(|()| Zeroizing::default()),
    };
    match result {
        Ok(mut value) => reply(status::OK, Sensitive::new(std::mem::take(&mut *value))),
        Err(error) => {
            tracing::warn!(provider, key = key.as_str(), %error, "plugin state was not served");
            let status = if error == StateError::Full {
                status::PERMANENT
            } else {
                status::TRANSIENT
            };
            reply(status, Sensitive::default())
        }
    }
}
