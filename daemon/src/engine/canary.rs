//! Canaries by themselves: each way that challenge records go is tried long before a renewal needs it, so that an API
//! that was retired or a token that expired is known weeks before a certificate ends.
//!
//! A way is a provider instance in a zone. One name of it is tried at a time, in turn.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Certificate, Engine, World};
use crate::{
    acme::account_label,
    challenge::{CanaryPlace, ChallengeError, Flight},
    store::{CanaryRow, Failing, Job, JobKind, PlaceRow, StoreError},
    types::{CertificateName, ChallengeMethod, DnsName, InstanceName},
};

/// What is due at the start comes first.
const SETTLE: SignedDuration = SignedDuration::from_secs(10);
/// Names whose places are looked up in one go; a minute lies between two.
const SURVEY: usize = 16;
const SURVEY_AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// Canaries at once.
const AT_ONCE: usize = 4;
/// While records of an order stand at the name.
const TAKEN: SignedDuration = SignedDuration::from_mins(10);
/// After a failure, and after every further one: a person has to act, and hears of it once a day.
const AGAIN: [SignedDuration; 2] = [SignedDuration::from_hours(1), SignedDuration::from_hours(24)];
/// The one job for all of them.
const SUBJECT: &str = "all";

/// A provider instance in a zone.
type Way = (InstanceName, DnsName);

/// How a name is proved by records that go with their orders.
#[derive(Clone)]
struct Proof {
    certificate: CertificateName,
    prefix: String,
}

impl World {
    /// What stands before the names of a certificate where its challenge records go; `None` when it is proved by
    /// standing records alone, or by a label of an account that is not known yet.
    pub async fn challenge_prefix(&self, certificate: &Certificate) -> Option<String> {
        if certificate.challenges.contains(&ChallengeMethod::Dns01) {
            return Some("_acme-challenge".to_owned());
        }
        if !certificate.challenges.contains(&ChallengeMethod::DnsAccount01) {
            return None;
        }
        let authority = self.authorities.get(certificate.cas.first()?)?;
        let account = authority.known_account().await?;
        Some(format!("{}._acme-challenge", account_label(&account)))
    }

    /// The way of a place: its instance, also where the place itself has none, and its zone.
    pub fn way(&self, place: &PlaceRow) -> Option<(InstanceName, DnsName)> {
        let by = |name: &DnsName| self.publisher.serving(name).cloned();
        let instance = by(&place.owner).or_else(|| by(&place.identifier))?;
        Some((instance, place.zone.clone()))
    }
}

impl Engine {
    /// Has the ways looked at soon. Those that fail are tried at once when `retry` says that a person may have
    /// mended them.
    pub(super) async fn plan_canaries(&self, retry: bool) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut rows = self.store.canaries().await?;
        if self.options.read().canary.is_none() {
            let ways = rows.into_iter().map(|row| (row.instance, row.zone)).collect();
            self.store.forget_canaries(ways, Vec::new()).await?;
            return self.store.unschedule(JobKind::Canary, SUBJECT.to_owned()).await;
        }
        rows.retain(|row| retry && row.failing.is_some());
        for row in &mut rows {
            row.next = now;
        }
        if !rows.is_empty() {
            self.store.keep_canaries(rows, Vec::new()).await?;
        }
        self.schedule_canaries(later(now, SETTLE)).await
    }

    async fn schedule_canaries(&self, due: Timestamp) -> Result<(), StoreError> {
        let (kind, subject) = (JobKind::Canary, SUBJECT.to_owned());
        self.store.schedule(Job { kind, subject, due }).await
    }

    /// A canary that somebody asked for went well: what failed there does not any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn canary_is_well(&self, place: &CanaryPlace) -> Result<(), StoreError> {
        let rows = self.store.canaries().await?;
        let failed = rows.into_iter().find(|row| {
            let same = row.instance == place.instance && row.zone == place.location.zone;
            let name = row.last.as_ref().map(|(name, _)| name);
            same && row.failing.is_some() && name == Some(&place.identifier)
        });
        let Some(row) = failed else { return Ok(()) };
        let row = self.flown(row, &place.identifier, Ok(()));
        self.store.keep_canaries(vec![row], Vec::new()).await
    }

    /// What is known of a way after a canary, and when the next one is due.
    fn flown(&self, row: CanaryRow, name: &DnsName, result: Result<(), &ChallengeError>) -> CanaryRow {
        let now = self.clock.now();
        let interval = self.canary_interval();
        let (provider, zone) = (&row.instance, &row.zone);
        let (failing, wait) = match (result, &row.failing) {
            (Ok(()), None) => (None, interval),
            (Ok(()), Some(failing)) => {
                info!(%name, %provider, %zone, since = %failing.since, "canary is well again: challenge records can be published there");
                (None, interval)
            }
            (Err(error), before) => {
                let since = before.as_ref().map_or(now, |failing| failing.since);
                let times = before.as_ref().map_or(0, |failing| failing.times) + 1;
                let wait = AGAIN[usize::from(times > 1)].min(interval);
                warn!(%name, %provider, %zone, %error, since = %since, "canary failed: certificates there cannot be renewed as it stands; `dns01d check --online` shows each step");
                let text = error.to_string();
                (Some(Failing { since, times, text }), wait)
            }
        };
        CanaryRow {
            next: later(now, wait),
            last: Some((name.clone(), now)),
            failing,
            ..row
        }
    }

    fn canary_interval(&self) -> SignedDuration {
        let interval = self.options.read().canary.unwrap_or_default();
        SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX)
    }

    /// Some moment within the interval, so that not all are sent at once.
    fn some_time(&self, now: Timestamp) -> Timestamp {
        let seconds = self.canary_interval().as_secs().unsigned_abs();
        let after = i64::try_from(self.random.below(seconds)).unwrap_or_default();
        later(now, SignedDuration::from_secs(after))
    }
}

/// Looks up places that are not known, sends the canaries that are due, and plans the next look.
///
/// # Errors
/// When the store does not answer; the job is then due again.
pub(super) async fn run(engine: &Engine, world: &World, stop: &CancellationToken) -> Result<(), StoreError> {
    let proofs = proofs(world).await;
    let (places, all_known) = survey(engine, world, &proofs).await?;
    let mut ways: BTreeMap<Way, BTreeSet<&DnsName>> = BTreeMap::new();
    for place in &places {
        if let Some(way) = world.way(place) {
            ways.entry(way).or_default().insert(&place.identifier);
        }
    }
    let rows = follow(engine, &ways, all_known).await?;
    let now = engine.clock.now();
    let due = rows.iter().filter(|row| row.next <= now).filter_map(|row| {
        let name = choose(row, ways.get(&(row.instance.clone(), row.zone.clone()))?)?;
        Some((row.clone(), name.clone(), proofs.get(name)?.clone()))
    });
    let due: Vec<(CanaryRow, DnsName, Proof)> = due.collect();
    let flights = stream::iter(due).map(|(row, name, proof)| one(engine, world, row, name, proof, stop));
    let ended: Vec<_> = flights.buffer_unordered(AT_ONCE).collect().await;
    ended.into_iter().collect::<Result<Vec<()>, _>>()?;
    let next = engine.store.canaries().await?.iter().map(|row| row.next).min();
    let look_again = (!all_known).then(|| later(engine.clock.now(), SURVEY_AGAIN));
    match next.into_iter().chain(look_again).min() {
        Some(due) => engine.schedule_canaries(due).await,
        None => engine.store.unschedule(JobKind::Canary, SUBJECT.to_owned()).await,
    }
}

/// The names that are proved by records that go with their orders.
async fn proofs(world: &World) -> BTreeMap<DnsName, Proof> {
    let mut proofs: BTreeMap<DnsName, Proof> = BTreeMap::new();
    for certificate in world.certificates.values() {
        let Some(prefix) = world.challenge_prefix(certificate).await else {
            continue;
        };
        for identifier in &certificate.identifiers {
            let proof = || Proof {
                certificate: certificate.name.clone(),
                prefix: prefix.clone(),
            };
            proofs.entry(identifier.name().clone()).or_insert_with(proof);
        }
    }
    proofs
}

/// The places of the names as far as they are known, and whether all are.
async fn survey(
    engine: &Engine,
    world: &World,
    proofs: &BTreeMap<DnsName, Proof>,
) -> Result<(Vec<PlaceRow>, bool), StoreError> {
    let (mut places, gone): (Vec<_>, Vec<_>) = engine
        .store
        .places()
        .await?
        .into_iter()
        .partition(|place| proofs.contains_key(&place.identifier));
    let known: BTreeSet<DnsName> = places.iter().map(|place| place.identifier.clone()).collect();
    let mut unknown: Vec<(DnsName, String)> = proofs
        .iter()
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, proof)| (name.clone(), proof.prefix.clone()))
        .collect();
    let all_known = unknown.len() <= SURVEY;
    unknown.truncate(SURVEY);
    let found = stream::iter(unknown).map(|(name, prefix)| place_of(world, name, prefix));
    let found: Vec<PlaceRow> = found.buffer_unordered(AT_ONCE).collect().await;
    if !gone.is_empty() {
        let gone = gone.into_iter().map(|place| place.identifier).collect();
        engine.store.forget_canaries(Vec::new(), gone).await?;
    }
    if !found.is_empty() {
        engine.store.keep_canaries(Vec::new(), found.clone()).await?;
    }
    places.extend(found);
    Ok((places, all_known))
}

async fn place_of(world: &World, identifier: DnsName, prefix: String) -> PlaceRow {
    let (owner, zone) = match world.publisher.locate(&identifier, &prefix).await {
        Ok(location) => (location.owner, location.zone),
        // its canary will say why
        Err(error) => {
            debug!(name = %identifier, %error, "place of challenge records is not known");
            (identifier.clone(), identifier.clone())
        }
    };
    PlaceRow {
        identifier,
        owner,
        zone,
    }
}

/// A row for each way that there is. Those that are new get a moment; those that are no more are forgotten.
async fn follow(
    engine: &Engine,
    ways: &BTreeMap<Way, BTreeSet<&DnsName>>,
    all_known: bool,
) -> Result<Vec<CanaryRow>, StoreError> {
    let now = engine.clock.now();
    let (mut rows, gone): (Vec<_>, Vec<_>) = engine
        .store
        .canaries()
        .await?
        .into_iter()
        .partition(|row| ways.contains_key(&(row.instance.clone(), row.zone.clone())));
    let mut changed: Vec<CanaryRow> = Vec::new();
    // what a clock that was ahead has planned, or a longer interval
    let furthest = later(now, engine.canary_interval());
    for row in rows.iter_mut().filter(|row| row.next > furthest) {
        row.next = engine.some_time(now);
        changed.push(row.clone());
    }
    for (instance, zone) in ways.keys() {
        if !rows
            .iter()
            .any(|row| row.instance == *instance && row.zone == *zone)
        {
            let row = CanaryRow {
                instance: instance.clone(),
                zone: zone.clone(),
                next: engine.some_time(now),
                last: None,
                failing: None,
            };
            changed.push(row.clone());
            rows.push(row);
        }
    }
    if !changed.is_empty() {
        engine.store.keep_canaries(changed, Vec::new()).await?;
    }
    if all_known && !gone.is_empty() {
        let gone = gone.into_iter().map(|row| (row.instance, row.zone)).collect();
        engine.store.forget_canaries(gone, Vec::new()).await?;
    }
    Ok(rows)
}

/// The name that failed, until it does not any more; else the one whose turn it is.
fn choose<'n>(row: &CanaryRow, names: &BTreeSet<&'n DnsName>) -> Option<&'n DnsName> {
    let last = row.last.as_ref().map(|(name, _)| name);
    let failed = names
        .iter()
        .find(|name| row.failing.is_some() && Some(**name) == last);
    let following = names.iter().find(|name| last.is_none_or(|last| **name > last));
    failed.or(following).or_else(|| names.first()).copied()
}

async fn one(
    engine: &Engine,
    world: &World,
    row: CanaryRow,
    name: DnsName,
    proof: Proof,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let flight = Flight {
        certificate: &proof.certificate,
        propagation: world.propagation_timeout,
        clock: engine.clock.as_ref(),
        stop,
    };
    let (place, result) = match world.publisher.canary_place(&name, &proof.prefix).await {
        Err(error) => (None, Err(error)),
        Ok(place) => match world.publisher.is_taken(&place).await {
            Ok(true) => return postpone(engine, row).await,
            Ok(false) => {
                let result = world.publisher.canary(&place, flight, |_, _| {}).await;
                (Some(place), result)
            }
            Err(error) => (Some(place), Err(error)),
        },
    };
    if let Err(error) = &result {
        if stop.is_cancelled() {
            return Ok(());
        }
        if error.is_turn_of_others() {
            return postpone(engine, row).await;
        }
    }
    let places = place.into_iter().map(|place| PlaceRow {
        identifier: place.identifier,
        owner: place.location.owner,
        zone: place.location.zone,
    });
    let row = engine.flown(row, &name, result.as_ref().copied());
    engine.store.keep_canaries(vec![row], places.collect()).await
}

async fn postpone(engine: &Engine, row: CanaryRow) -> Result<(), StoreError> {
    let next = later(engine.clock.now(), TAKEN);
    let row = CanaryRow { next, ..row };
    engine.store.keep_canaries(vec![row], Vec::new()).await
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_turns_and_one_that_fails_stays() {
        let [a, b, c] = ["a.test", "b.test", "c.test"].map(|name| name.parse::<DnsName>().unwrap());
        let names = BTreeSet::from([&a, &b, &c]);
        let row = |last: Option<&DnsName>, fails: bool| CanaryRow {
            instance: "dns".parse().unwrap(),
            zone: "test".parse().unwrap(),
            next: Timestamp::UNIX_EPOCH,
            last: last.map(|name| (name.clone(), Timestamp::UNIX_EPOCH)),
            failing: fails.then(|| Failing {
                since: Timestamp::UNIX_EPOCH,
                times: 1,
                text: String::new(),
            }),
        };
        assert_eq!(choose(&row(None, false), &names), Some(&a));
        assert_eq!(choose(&row(Some(&a), false), &names), Some(&b));
        assert_eq!(choose(&row(Some(&c), false), &names), Some(&a));
        assert_eq!(choose(&row(Some(&b), true), &names), Some(&b));
        let without = BTreeSet::from([&a, &c]);
        assert_eq!(choose(&row(Some(&b), true), &without), Some(&c), "it left");
    }
}
