//! When to look first: how long the servers of a zone took before to show what an instance had written there.
//!
//! Looks are close to each other at first and thin out, so whoever begins at once sees a record of a minute up to ten
//! seconds late. lego and certbot wait a time that the operator guesses, for every zone the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    dns::{Report, Standing, Wanted},
    store::Store,
    types::{DnsName, InstanceName},
};

/// Waits that are remembered of each.
const REMEMBERED: u32 = 8;
/// Fewer tell too little.
const ENOUGH: usize = 3;
/// Shorter ones are not waited for: looks at a quick server are few.
const LEAST: Duration = Duration::from_millis(500);

/// Who wrote, and where.
type Place = (InstanceName, DnsName);

/// What was learned from waits before, also by daemons before this one.
#[derive(Debug)]
pub(super) struct Learned {
    store: Arc<dyn Store>,
    /// Of places that were asked about, the latest first.
    known: Mutex<BTreeMap<Place, Vec<Duration>>>,
}

impl Learned {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Learned {
            store,
            known: Mutex::default(),
        }
    }

    /// When the first look at a record is worth it, from its publication on.
    pub(super) async fn first_look(&self, place: &Place) -> Duration {
        let first = first_look(&self.of(place).await);
        if !first.is_zero() {
            let (provider, zone) = place;
            debug!(%provider, %zone, after = ?first, "records of this zone took long before: the first look waits");
        }
        first
    }

    /// Learns from a wait that began with the publication, and looked first after `first_look`.
    pub(super) async fn learn(
        &self,
        wanted: &[Wanted],
        writers: &BTreeMap<DnsName, InstanceName>,
        report: &Report,
        first_look: Duration,
    ) {
        for (place, took) in spreads(wanted, writers, report) {
            let took = lesson(took, first_look);
            let known = self.of(&place).await;
            // there is nothing to learn of quick ones, but that slow ones have become quick
            if took < LEAST && known.iter().all(|known| *known < LEAST) {
                continue;
            }
            let (instance, zone) = place.clone();
            match self.store.spread_seen(instance, zone, took, REMEMBERED).await {
                Ok(()) => {
                    let mut known = self.known.lock();
                    let known = known.entry(place).or_default();
                    known.insert(0, took);
                    known.truncate(REMEMBERED as usize);
                }
                Err(error) => warn!(%error, "how long a zone took is not remembered"),
            }
        }
    }

    async fn of(&self, place: &Place) -> Vec<Duration> {
        if let Some(known) = self.known.lock().get(place) {
            return known.clone();
        }
        let (instance, zone) = place.clone();
        match self.store.spreads(instance, zone).await {
            Ok(known) => {
                self.known.lock().insert(place.clone(), known.clone());
                known
            }
            Err(error) => {
                warn!(%error, "how long a zone took before cannot be read: its servers are asked at once");
                Vec::new()
            }
        }
    }
}

/// What was there at the first look may have been there long before.
fn lesson(took: Duration, first_look: Duration) -> Duration {
    if took < first_look + LEAST / 2 {
        took / 2
    } else {
        took
    }
}

/// Somewhat before all of the waits but one in eight had ended.
fn first_look(took: &[Duration]) -> Duration {
    let mut took = took.to_vec();
    took.sort_unstable();
    match took.get(took.len() / 8) {
        Some(quick) if took.len() >= ENOUGH && *quick >= LEAST => *quick * 3 / 4,
        _ => Duration::ZERO,
    }
}

/// How long each place took: until the last of its servers showed the last of its records. Places without a server
/// that was asked are none.
fn spreads(
    wanted: &[Wanted],
    writers: &BTreeMap<DnsName, InstanceName>,
    report: &Report,
) -> BTreeMap<Place, Duration> {
    let mut spreads: BTreeMap<Place, Duration> = BTreeMap::new();
    let owners: BTreeSet<_> = wanted
        .iter()
        .map(|wanted| (&wanted.location.owner, &wanted.location.zone))
        .collect();
    for (owner, zone) in owners {
        let Some(instance) = writers.get(owner) else {
            continue;
        };
        let of_owner = report
            .sightings
            .iter()
            .filter(|sighting| sighting.owner == *owner);
        let after = of_owner.filter_map(|sighting| match sighting.standing {
            Standing::Visible { after } => Some(after),
            _ => None,
        });
        if let Some(after) = after.max() {
            let spread = spreads.entry((instance.clone(), zone.clone())).or_default();
            *spread = after.max(*spread);
        }
    }
    spreads
}

impl super::Publisher {
    /// The first look of a wait for the records of these places: when the first of them may be there. What was learned
    /// counts from the publication, so only where that `is_fresh`. What a provider says of itself is the least; neither
    /// may use up the time that there is.
    pub(super) async fn first_look(
        &self,
        wanted: &[Wanted],
        writers: &BTreeMap<DnsName, InstanceName>,
        is_fresh: bool,
        hint: impl Fn(&InstanceName) -> Duration,
        deadline: Instant,
    ) -> Duration {
        let mut places = BTreeSet::new();
        for Wanted { location, .. } in wanted {
            if let Some(instance) = writers.get(&location.owner) {
                places.insert((instance.clone(), location.zone.clone()));
            }
        }
        let mut first: Option<Duration> = None;
        for place in &places {
            let learned = match is_fresh {
                true => self.learned.first_look(place).await,
                false => Duration::ZERO,
            };
            let of_place = learned.max(hint(&place.0));
            first = Some(first.map_or(of_place, |first| first.min(of_place)));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        first.unwrap_or_default().min(left / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(took: &[u64]) -> u64 {
        let took: Vec<_> = took.iter().map(|took| Duration::from_millis(*took)).collect();
        first_look(&took).as_millis() as u64
    }

    #[test]
    fn the_first_look_comes_before_nearly_all_waits_ended() {
        assert_eq!(looks(&[]), 0);
        assert_eq!(looks(&[60_000, 60_000]), 0, "two say nothing");
        assert_eq!(looks(&[60_000, 60_000, 60_000]), 45_000);
        assert_eq!(looks(&[8000, 4000, 80_000, 2000, 8000, 9000, 8000, 8000]), 3000);
        assert_eq!(looks(&[20, 60_000, 60_000]), 0, "some come at once");
    }

    /// The first look after so many waits at a server that shows a record after `took`, and is looked at a fifth too
    /// late.
    fn after(waits: usize, mut known: Vec<u64>, took: u64) -> u64 {
        for _ in 0..waits {
            let first = looks(&known);
            let seen = took.max(first + 10) + took.saturating_sub(first) / 5;
            let lesson = lesson(Duration::from_millis(seen), Duration::from_millis(first));
            known.insert(0, lesson.as_millis() as u64);
            known.truncate(REMEMBERED as usize);
        }
        looks(&known)
    }

    #[test]
    fn a_zone_that_becomes_quicker_is_noticed_and_a_quick_one_is_never_waited_for() {
        assert!(after(8, vec![60_000; 8], 1000) < 2500);
        assert_eq!(after(12, vec![60_000; 8], 10), 0);
        assert_eq!(after(40, Vec::new(), 15), 0);
        for waits in [3, 5, 40] {
            assert!((44_000..60_000).contains(&after(waits, Vec::new(), 60_000)));
        }
    }
}
