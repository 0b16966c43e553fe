use std::sync::Arc;

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::{
    plugin::{MAX_KEYS, PluginState, StateError},
    store::Store,
    types::InstanceName,
};

/// A provider instance's small durable state, in the store.
#[derive(Debug)]
pub(super) struct StoredState {
    pub(super) store: Arc<dyn Store>,
    pub(super) instance: InstanceName,
    pub(super) runtime: Handle,
}

impl PluginState for StoredState {
    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        let asked = self.store.plugin_state(self.instance.clone(), key.to_owned());
        self.runtime
            .block_on(asked)
            .map(|value| value.map(Zeroizing::new))
            .map_err(|error| StateError::Storage {
                reason: error.to_string(),
            })
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        let kept =
            self.store
                .keep_plugin_state(self.instance.clone(), key.to_owned(), value.to_vec(), MAX_KEYS);
        match self.runtime.block_on(kept) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StateError::Full),
            Err(error) => Err(StateError::Storage {
                reason: error.to_string(),
            }),
        }
    }
}
