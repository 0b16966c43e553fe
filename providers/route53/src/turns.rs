//! One change of a zone at a time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::zones::Zone;

/// Turns of the calls that overlap in this process. Route 53 refuses a change of a zone while
/// it is at another, and of the calls that change one name all but one would have to start
/// anew: many requests, where an account has five a second.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the calls that came before. The turn ends when the result is dropped.
    pub(crate) async fn wait(&self, zone: &Zone) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.0.lock().entry(zone.id.clone()).or_default());
        turn.lock_owned().await
    }
}
