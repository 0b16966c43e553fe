use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

use crate::types::DnsName;

/// Publishing and removing at one owner name never overlap: otherwise the late
/// removal of an earlier try could take away what the next try published.
#[derive(Debug, Default)]
pub struct OwnerLocks {
    locks: Mutex<HashMap<DnsName, Arc<AsyncMutex<()>>>>,
    /// Told whenever records left the journal: there may be room.
    pub(super) gone: Notify,
}

impl OwnerLocks {
    /// Waits until all of `owners` are free, and holds them.
    pub(super) async fn hold(&self, owners: BTreeSet<DnsName>) -> Vec<OwnedMutexGuard<()>> {
        let locks: Vec<_> = {
            let mut all = self.locks.lock();
            // nobody else holds or waits for these
            all.retain(|_, lock| Arc::strong_count(lock) > 1);
            // a set is sorted: everybody takes locks in the same order
            owners
                .into_iter()
                .map(|owner| all.entry(owner).or_default().clone())
                .collect()
        };
        let mut guards = Vec::with_capacity(locks.len());
        for lock in locks {
            guards.push(lock.lock_owned().await);
        }
        guards
    }
}
