//! The zones of a server, now and a while ago: a lagging secondary answers from the past.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use tokio::time::Instant;

use super::zone::Zone;

/// Versions that are kept for laggards. At one update a second this is more than an hour.
const VERSIONS_KEPT: usize = 4096;

/// Zones by origin. Cloning shares the zones.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    zones: BTreeMap<Name, Arc<Zone>>,
}

impl Catalog {
    pub(super) fn new(zones: Vec<Zone>) -> Self {
        Catalog {
            zones: zones
                .into_iter()
                .map(|zone| (zone.origin.clone(), Arc::new(zone)))
                .collect(),
        }
    }

    /// The zone with exactly this origin.
    pub(super) fn zone(&self, origin: &Name) -> Option<&Arc<Zone>> {
        self.zones.get(origin)
    }

    /// The deepest zone that holds the name (RFC 1034 section 4.3.2 step 2).
    pub(super) fn holding(&self, name: &Name) -> Option<&Arc<Zone>> {
        let mut candidate = name.clone();
        loop {
            if let Some(zone) = self.zones.get(&candidate) {
                return Some(zone);
            }
            if candidate.is_root() {
                return None;
            }
            candidate = candidate.base_name();
        }
    }

    pub(super) fn zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.values().map(Arc::as_ref)
    }

    pub(super) fn replace(&mut self, zone: Zone) {
        self.zones.insert(zone.origin.clone(), Arc::new(zone));
    }
}

/// The catalog's versions, oldest first, never empty.
#[derive(Debug)]
pub(super) struct Timeline {
    current: Catalog,
    /// Each with the moment when it was replaced.
    past: VecDeque<(Instant, Catalog)>,
}

impl Timeline {
    pub(super) fn new(catalog: Catalog) -> Self {
        Timeline {
            current: catalog,
            past: VecDeque::new(),
        }
    }

    pub(super) fn current(&self) -> &Catalog {
        &self.current
    }

    /// What was current `lag` ago.
    pub(super) fn ago(&self, lag: Duration) -> &Catalog {
        if lag.is_zero() {
            return &self.current;
        }
        let now = Instant::now();
        // the oldest version whose replacement is not yet `lag` old
        let first = self
            .past
            .partition_point(|(replaced, _)| now.duration_since(*replaced) >= lag);
        self.past.get(first).map_or(&self.current, |(_, catalog)| catalog)
    }

    pub(super) fn advance(&mut self, zone: Zone) {
        self.past.push_back((Instant::now(), self.current.clone()));
        if self.past.len() > VERSIONS_KEPT {
            self.past.pop_front();
        }
        self.current.replace(zone);
    }
}
