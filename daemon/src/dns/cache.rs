//! Short memory for what a hundred names of one zone would otherwise ask a hundred times.

use std::{collections::HashMap, hash::Hash, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Nothing is remembered longer, whatever its TTL: a delegation that an operator
/// has just repaired must work at the next try.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Above this many entries the cache starts afresh; a full one is a few MiB.
const MAX_ENTRIES: usize = 8192;

/// A value and how long it may be remembered.
pub(super) type Timed<V> = (V, Duration);

type Flight<V, E> = BoxFuture<'static, Result<Timed<V>, E>>;

/// Look-ups by key: equal ones in flight are done once, and good results are kept for a moment.
pub(super) struct Cache<K, V, E> {
    entries: Mutex<HashMap<K, Entry<V, E>>>,
}

enum Entry<V, E> {
    /// Weak: a look-up that nobody waits for any more is dropped, and not resumed
    /// by a later caller with timers long past.
    InFlight(WeakShared<Flight<V, E>>),
    Known(V, Instant),
}

impl<K, V, E> Cache<K, V, E>
where
    K: Eq + Hash + Clone,
    V: Clone,
    E: Clone,
{
    pub(super) fn new() -> Self {
        Cache {
            entries: Mutex::new(HashMap::new()),
        }
    }

    /// The remembered value of `key`, or else what `look_up` finds. Failures are
    /// shared by those who wait, and not remembered.
    pub(super) async fn get(&self, key: K, look_up: impl FnOnce() -> Flight<V, E>) -> Result<V, E> {
        let flight = match self.join(&key, look_up) {
            Ok(known) => return Ok(known),
            Err(flight) => flight,
        };
        let result = flight.await;
        let mut entries = self.entries.lock();
        match result {
            Ok((value, ttl)) => {
                entries.insert(
                    key,
                    Entry::Known(value.clone(), Instant::now() + ttl.min(MAX_AGE)),
                );
                Ok(value)
            }
            Err(error) => {
                entries.remove(&key);
                Err(error)
            }
        }
    }

    fn join(&self, key: &K, look_up: impl FnOnce() -> Flight<V, E>) -> Result<V, Shared<Flight<V, E>>> {
        let mut entries = self.entries.lock();
        match entries.get(key) {
            Some(Entry::Known(value, until)) if *until > Instant::now() => return Ok(value.clone()),
            Some(Entry::InFlight(weak)) => {
                if let Some(flight) = weak.upgrade() {
                    return Err(flight);
                }
            }
            _ => {}
        }
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| matches!(entry, Entry::InFlight(_)));
        }
        let flight = look_up().shared();
        if let Some(weak) = flight.downgrade() {
            entries.insert(key.clone(), Entry::InFlight(weak));
        }
        Err(flight)
    }
}

impl<K, V, E> std::fmt::Debug for Cache<K, V, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("entries", &self.entries.lock().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    type Numbers = Cache<&'static str, usize, ()>;

    fn counted(count: &Arc<AtomicUsize>, ttl: u64) -> Flight<usize, ()> {
        let count = Arc::clone(count);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok((
                count.fetch_add(1, Ordering::Relaxed) + 1,
                Duration::from_secs(ttl),
            ))
        })
    }

    #[tokio::test(start_paused = true)]
    async fn equal_look_ups_at_once_are_done_once_and_kept_for_their_ttl() {
        let (cache, count) = (Numbers::new(), Arc::new(AtomicUsize::new(0)));
        let get = || cache.get("key", || counted(&count, 3600));
        assert_eq!(futures_util::join!(get(), get(), get()), (Ok(1), Ok(1), Ok(1)));
        assert_eq!(get().await, Ok(1));
        tokio::time::advance(MAX_AGE + Duration::from_secs(1)).await;
        assert_eq!(get().await, Ok(2), "an hour's TTL is cut to a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_not_remembered() {
        let (cache, count) = (Numbers::new(), Arc::new(AtomicUsize::new(0)));
        assert_eq!(cache.get("key", || Box::pin(async { Err(()) })).await, Err(()));
        assert_eq!(cache.get("key", || counted(&count, 1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_everybody_left_is_begun_anew() {
        let (cache, count) = (Numbers::new(), Arc::new(AtomicUsize::new(0)));
        let get = || cache.get("key", || counted(&count, 60));
        assert!(
            tokio::time::timeout(Duration::from_millis(1), get())
                .await
                .is_err()
        );
        assert!(
            matches!(cache.entries.lock().get("key"), Some(Entry::InFlight(weak)) if weak.upgrade().is_none())
        );
        assert_eq!(get().await, Ok(1));
    }
}
