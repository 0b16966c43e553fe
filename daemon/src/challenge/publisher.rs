use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    ChallengeError, OnTheWay, Provider, Routes,
    batch::{Batches, Part},
    learned::Learned,
    owner_locks::OwnerLocks,
};
use crate::{
    dns::{Dns, Location, Pace},
    issuance::Challenge,
    plugin::{CallError, Health, InstanceInfo, ProviderClient, Record as PluginRecord, RecordKind},
    store::{Canary, NewRecord, Record, RecordPhase, Store},
    types::{ChallengeMethod, DnsName, Identifier, InstanceName},
};

/// Asked of every provider, which may raise it. Short, because a resolver that
/// saw the last record must not hide the next one; the servers are asked
/// directly in any case.
pub const CHALLENGE_TTL: u32 = 60;

/// Longest call into a provider; `call-timeout` of the provider may say less or as much.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a publication may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For room at a name; one look is always taken.
    pub room: Instant,
    /// For the whole: the CA forgets the order then.
    pub end: Instant,
}

impl Patience {
    /// For a call that begins now.
    pub(super) fn left(self) -> Duration {
        self.end
            .saturating_duration_since(Instant::now())
            .min(CALL_TIMEOUT)
    }
}

/// A provider that names a longer time to spread is not believed: a worker waits for it, and an operator whose
/// servers are that slow can say so.
const LONGEST_HINT: Duration = Duration::from_secs(3600);

/// Publishes challenge records, sees that they are visible, and removes them.
#[derive(Debug)]
pub struct Publisher {
    pub(super) store: Arc<dyn Store>,
    pub(super) providers: BTreeMap<InstanceName, Provider>,
    batches: Arc<Batches>,
    pub(super) learned: Learned,
    pub(super) owners: Arc<OwnerLocks>,
    pub(super) dns: Dns,
    /// Those that answered that they cannot tell when their servers have a record.
    pub(super) silent: Mutex<BTreeSet<InstanceName>>,
    pub(super) routes: Routes,
}

impl Publisher {
    /// Wires the parts. `owners` is shared by every publisher of the process,
    /// also by the one that a reload replaces.
    pub fn new(
        store: Arc<dyn Store>,
        dns: Dns,
        routes: Routes,
        providers: BTreeMap<InstanceName, Provider>,
        owners: Arc<OwnerLocks>,
    ) -> Self {
        Publisher {
            batches: Batches::new(store.clone()),
            learned: Learned::new(store.clone()),
            store,
            providers,
            owners,
            dns,
            silent: Mutex::default(),
            routes,
        }
    }

    /// Where it asks.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }

    /// Where the challenge record of each name goes, once there is a zone and a provider for all of them; before the
    /// CA is asked for anything.
    ///
    /// # Errors
    /// As [`Publisher::plan`].
    pub async fn locations(&self, identifiers: &[Identifier]) -> Result<Vec<Location>, ChallengeError> {
        let names: BTreeSet<&DnsName> = identifiers.iter().map(Identifier::name).collect();
        let places = names.into_iter().map(|name| async move {
            let (location, instance) = self.whereabouts(name, "_acme-challenge").await?;
            self.can_be_seen(name, &location, instance).await?;
            Ok::<_, ChallengeError>(location)
        });
        try_join_all(places).await
    }

    /// Who serves the challenge record of `identifier`, and where it goes.
    pub(super) async fn whereabouts(
        &self,
        identifier: &DnsName,
        prefix: &str,
    ) -> Result<(Location, &InstanceName), ChallengeError> {
        let location = self.dns.locate(&challenge_name(identifier, prefix)?).await?;
        match self.routes.instance(&location.owner) {
            Some(instance) => Ok((location, instance)),
            None => Err(ChallengeError::NoRoute {
                owner: location.owner,
                zone: location.zone,
            }),
        }
    }

    /// Where a challenge's record goes; `None` when a standing one is there already.
    pub(super) async fn place(
        &self,
        challenge: &Challenge,
        now: Timestamp,
    ) -> Result<Option<NewRecord>, ChallengeError> {
        let standing = challenge.method == ChallengeMethod::DnsPersist01;
        let stands = match standing {
            true => self.stands(challenge, now).await?,
            false => Some(false),
        };
        if stands == Some(true) {
            return Ok(None);
        }
        let (location, instance) = match self.whereabouts(&challenge.identifier, &challenge.prefix).await {
            // published by hand, and nobody is to look
            Err(ChallengeError::NoRoute { .. }) if stands.is_none() => return Ok(None),
            Err(ChallengeError::NoRoute { owner, .. }) if standing => {
                return Err(ChallengeError::ByHand {
                    owner,
                    value: challenge.value.clone(),
                });
            }
            other => other?,
        };
        Ok(Some(NewRecord {
            value: challenge.value.clone(),
            token: challenge.token.clone(),
            key_authorization: challenge.key_authorization.clone(),
            standing,
            ..empty_record(&challenge.identifier, instance, location)
        }))
    }

    pub(super) fn client(&self, instance: &InstanceName) -> Result<&Arc<dyn ProviderClient>, ChallengeError> {
        Ok(&self.provider(instance)?.client)
    }

    fn provider(&self, instance: &InstanceName) -> Result<&Provider, ChallengeError> {
        self.providers
            .get(instance)
            .ok_or_else(|| ChallengeError::NoInstance(instance.clone()))
    }

    /// For somebody who may publish soon: records that are due within the window of their instance go out with his.
    pub fn on_the_way(&self) -> OnTheWay {
        OnTheWay::new(&self.batches)
    }

    /// What an instance says of itself; known from its first start on.
    pub(super) async fn info(
        &self,
        instance: &InstanceName,
        timeout: Duration,
    ) -> Result<InstanceInfo, ChallengeError> {
        self.client(instance)?
            .info(timeout)
            .await
            .map_err(|source| ChallengeError::Call {
                instance: instance.clone(),
                source,
            })
    }

    /// Hands journalled records to their providers, in one call with those of other orders where they come together;
    /// returns when all accepted. `on_the_way` has arrived then.
    ///
    /// # Errors
    /// The first failure; other records may have been published, and the journal knows them all. Nothing was
    /// published after [`ChallengeError::NoRoom`] and [`ChallengeError::Withdrawn`].
    pub async fn publish(
        &self,
        records: &[Record],
        patience: Patience,
        on_the_way: &OnTheWay,
    ) -> Result<(), ChallengeError> {
        // a standing record that was taken is not written again: a renewal needs no credential then
        let wanted: Vec<&Record> = records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted && !record.published)
            .collect();
        let groups = by_instance(&wanted);
        let turns = groups
            .iter()
            .map(|(instance, records)| self.await_turn(instance, records, patience));
        let infos = try_join_all(turns).await?;
        let held = Arc::new(self.owners.hold(owners(&wanted)).await);
        self.still_wanted(&wanted).await?;
        let mut calls = Vec::new();
        for ((instance, records), info) in groups.into_iter().zip(infos) {
            let part = Part {
                records: records.into_iter().cloned().collect(),
                ttl: CHALLENGE_TTL.max(info.min_ttl),
                patience,
                _owners: held.clone(),
            };
            let result = self
                .batches
                .publish(instance, self.provider(instance)?, &info, part);
            calls.push((instance, result));
        }
        on_the_way.arrive();
        // all of them, also after a failure
        let ends = calls.into_iter().map(|(instance, result)| async move {
            // a task that ended without a word was ended
            let ended = || ChallengeError::Call {
                instance: instance.clone(),
                source: CallError::ShutDown,
            };
            result.await.unwrap_or_else(|_| Err(ended()))
        });
        join_all(ends).await.into_iter().collect()
    }

    /// Whether [`Publisher::publish`] would not wait for others.
    ///
    /// # Errors
    /// When the journal or a provider does not answer.
    pub async fn is_turn_of(&self, records: &[Record]) -> Result<bool, ChallengeError> {
        let wanted: Vec<&Record> = records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted)
            .collect();
        let patience = Patience {
            room: Instant::now(),
            end: Instant::now() + CALL_TIMEOUT,
        };
        for (instance, records) in by_instance(&wanted) {
            match self.await_turn(instance, &records, patience).await {
                Ok(_) => {}
                Err(error) if error.is_turn_of_others() => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    async fn await_turn(
        &self,
        instance: &InstanceName,
        records: &[&Record],
        patience: Patience,
    ) -> Result<InstanceInfo, ChallengeError> {
        let info = self.info(instance, patience.left()).await?;
        let mut kinds = records.iter().map(|record| kind_of(record));
        if let Some(kind) = kinds.find(|kind| !takes(&info, *kind)) {
            let instance = instance.clone();
            return Err(ChallengeError::Kind { instance, kind });
        }
        if let Some(limit) = info.value_limit() {
            self.await_room(instance, records, limit, patience.room).await?;
        }
        Ok(info)
    }

    /// Once more under the locks: a reload may have taken the records back, and what is published after their
    /// removal would stand for ever.
    async fn still_wanted(&self, wanted: &[&Record]) -> Result<(), ChallengeError> {
        let rows = self.current(wanted).await?;
        let stands = |record: &Record| {
            rows.iter()
                .any(|row| row.id == record.id && row.phase == RecordPhase::Wanted)
        };
        match wanted.iter().find(|record| !stands(record)) {
            Some(record) => Err(ChallengeError::Withdrawn {
                owner: record.record.owner.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The journal's rows of these records as they are now; without those that have left it.
    pub(super) async fn current(&self, records: &[&Record]) -> Result<Vec<Record>, ChallengeError> {
        let ids = records.iter().map(|record| record.id).collect();
        Ok(self.store.records_numbered(ids).await?)
    }

    /// How long these records may take to spread, as their providers know it; an hour at most.
    pub async fn typical_worst_case(&self, records: &[Record]) -> Duration {
        spread(self.hints(records).await.values())
    }

    /// Of the instances that published; a hint that cannot be had is none.
    pub(super) async fn hints(&self, records: &[Record]) -> BTreeMap<InstanceName, InstanceInfo> {
        let instances: BTreeSet<&InstanceName> =
            records.iter().map(|record| &record.record.instance).collect();
        let infos = instances.into_iter().map(|instance| async move {
            let info = self.info(instance, CALL_TIMEOUT).await.ok()?;
            Some((instance.clone(), info))
        });
        join_all(infos).await.into_iter().flatten().collect()
    }

    /// How an instance fares; nothing is known of one that is not configured.
    pub fn health(&self, instance: &InstanceName) -> Health {
        self.client(instance)
            .map_or_else(|_| Health::default(), |client| client.health())
    }

    /// Ends every provider process.
    pub async fn shutdown(&self) {
        join_all(self.providers.values().map(|provider| provider.client.shutdown())).await;
    }
}

/// How a wait looks from `first_look` on: as often as the most eager of the hints, because one wait watches the records
/// of all instances.
pub(super) fn pace<'a>(hints: impl Iterator<Item = &'a InstanceInfo>, first_look: Duration) -> Pace {
    let least = hints.map(|info| info.propagation_interval_ms).min();
    let default = Pace::default();
    Pace {
        first_look,
        floor: believed(least).clamp(default.floor, default.cap),
        ..default
    }
}

/// What an instance says of its first look.
pub(super) fn earliest(hint: Option<&InstanceInfo>) -> Duration {
    believed(hint.map(|info| info.propagation_initial_ms))
}

fn believed(milliseconds: Option<u64>) -> Duration {
    Duration::from_millis(milliseconds.unwrap_or_default()).min(LONGEST_HINT)
}

/// The most patient of the hints.
pub(super) fn spread<'a>(hints: impl Iterator<Item = &'a InstanceInfo>) -> Duration {
    believed(hints.map(|info| info.propagation_timeout_ms).max())
}

/// The name that the CA looks up: `prefix` before the identifier.
pub(super) fn challenge_name(identifier: &DnsName, prefix: &str) -> Result<DnsName, ChallengeError> {
    prefix
        .rsplit('.')
        .try_fold(identifier.clone(), |name, label| name.child(label))
        .map_err(|_| ChallengeError::TooLong {
            identifier: identifier.clone(),
            prefix: prefix.to_owned(),
        })
}

/// Keeps values of one name adjacent, as the ABI promises.
pub(super) fn by_instance<'a>(records: &[&'a Record]) -> BTreeMap<&'a InstanceName, Vec<&'a Record>> {
    let mut groups: BTreeMap<&InstanceName, Vec<&Record>> = BTreeMap::new();
    for record in records {
        groups.entry(&record.record.instance).or_default().push(record);
    }
    for group in groups.values_mut() {
        group.sort_by_key(|record| &record.record.owner);
    }
    groups
}

pub(super) fn owners(records: &[&Record]) -> BTreeSet<DnsName> {
    records.iter().map(|record| record.record.owner.clone()).collect()
}

/// The record of a name without a challenge.
pub(super) fn empty_record(identifier: &DnsName, instance: &InstanceName, location: Location) -> NewRecord {
    NewRecord {
        instance: instance.clone(),
        owner: location.owner,
        zone: location.zone,
        value: String::new(),
        identifier: identifier.clone(),
        challenge_name: location.challenge_name,
        token: String::new(),
        key_authorization: String::new(),
        standing: false,
    }
}

pub(super) fn to_plugin(record: &Record, ttl: u32) -> PluginRecord {
    PluginRecord {
        handle: record.handle.clone(),
        kind: kind_of(record),
        ..unpublished(&record.record, ttl)
    }
}

/// Whether an instance knows records of a kind.
pub(super) fn takes(info: &InstanceInfo, kind: RecordKind) -> bool {
    match info.kinds.as_slice() {
        // what an instance that names none knows, dns01_plugin.h says
        [] => matches!(kind, RecordKind::Dns01 | RecordKind::Canary),
        kinds => kinds.contains(&kind),
    }
}

/// A record as a plugin sees it before it was published.
pub(super) fn unpublished(row: &NewRecord, ttl: u32) -> PluginRecord {
    PluginRecord {
        fqdn: row.owner.to_string(),
        value: row.value.clone(),
        zone: row.zone.to_string(),
        ttl,
        identifier: row.identifier.to_string(),
        challenge_name: row.challenge_name.to_string(),
        token: row.token.clone(),
        key_authorization: row.key_authorization.clone(),
        handle: String::new(),
        kind: kind(row),
    }
}

/// What its provider is told that a record is.
fn kind_of(record: &Record) -> RecordKind {
    match record.canary {
        Some(Canary::Told) => RecordKind::Canary,
        Some(Canary::AsChallenge) | None => kind(&record.record),
    }
}

/// By the name that the CA looks up.
fn kind(row: &NewRecord) -> RecordKind {
    match row.challenge_name.labels().next() {
        Some("_acme-challenge") => RecordKind::Dns01,
        _ if row.standing => RecordKind::Persist,
        _ => RecordKind::Account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_followed_as_far_as_an_hour() {
        let hint = |milliseconds| InstanceInfo {
            propagation_initial_ms: milliseconds,
            propagation_timeout_ms: milliseconds,
            ..InstanceInfo::default()
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(spread([].iter()), Duration::ZERO);
        assert_eq!(spread([hint(2000), hint(1000)].iter()), Duration::from_secs(2));
        assert_eq!(spread([hint(3_600_000)].iter()), hour);
        assert_eq!(spread([hint(1), hint(u64::MAX)].iter()), hour);
        assert_eq!(earliest(None), Duration::ZERO);
        assert_eq!(earliest(Some(&hint(2000))), Duration::from_secs(2));
        assert_eq!(earliest(Some(&hint(u64::MAX))), hour);
    }
}
