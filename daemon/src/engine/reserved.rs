//! Uses of the CAs' counters by orders that are under way and not charged yet: many orders are let through at once, and
//! none of them may be the one too many.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::schedule::{ChargedBy, Counter};

/// By the counters' keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved(Arc<Mutex<HashMap<String, u32>>>);

/// Given back when dropped: what was to be charged is by then.
#[derive(Debug)]
pub(super) struct Reservation {
    reserved: Reserved,
    keys: Vec<String>,
}

impl Reserved {
    /// One more of each, as far as an order uses them by succeeding.
    pub(super) fn take(&self, counters: &[Counter]) -> Reservation {
        let used = counters
            .iter()
            .filter(|counter| counter.charged_by != ChargedBy::Failure);
        let keys: Vec<String> = used.map(|counter| counter.key.clone()).collect();
        let mut reserved = self.0.lock();
        for key in &keys {
            *reserved.entry(key.clone()).or_default() += 1;
        }
        drop(reserved);
        Reservation {
            reserved: self.clone(),
            keys,
        }
    }

    /// How many of each are under way.
    pub(super) fn of(&self, counters: &[Counter]) -> Vec<u32> {
        let reserved = self.0.lock();
        let of = |counter: &Counter| reserved.get(&counter.key).copied().unwrap_or_default();
        counters.iter().map(of).collect()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.reserved.0.lock();
        for key in &self.keys {
            if let Some(count) = reserved.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    reserved.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::schedule::Limit;

    #[test]
    fn what_is_under_way_counts_until_it_ends() {
        let counter = |key: &str, charged_by| Counter {
            key: key.into(),
            what: "things".into(),
            limit: Limit {
                most: 2,
                per: SignedDuration::from_secs(10),
            },
            charged_by,
            shared: false,
        };
        let counters = [
            counter("a", ChargedBy::Certificate),
            counter("b", ChargedBy::Failure),
        ];
        let reserved = Reserved::default();
        let first = reserved.take(&counters);
        let second = reserved.take(&counters);
        assert_eq!(reserved.of(&counters), [2, 0], "a failure is no success");
        drop(first);
        assert_eq!(reserved.of(&counters), [1, 0]);
        drop(second);
        assert!(reserved.0.lock().is_empty());
    }
}
