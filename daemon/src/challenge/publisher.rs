use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use super::{ChallengeError, Routes, owner_locks::OwnerLocks};
use crate::{
    dns::{self, Dns, Location, Pace, Wanted},
    issuance::Challenge,
    plugin::{ProviderClient, Record as PluginRecord, RecordOutcome},
    store::{NewRecord, Record, RecordPhase, Store},
    types::{DnsName, Identifier, InstanceName},
};

/// Asked of every provider, which may raise it. Short, because a resolver that
/// saw the last record must not hide the next one; the servers are asked
/// directly in any case.
pub const CHALLENGE_TTL: u32 = 60;

/// Longest call into a provider; `call-timeout` of the provider may say less or as much.
const CALL_TIMEOUT: Duration = Duration::from_secs(600);

/// Publishes challenge records, sees that they are visible, and removes them.
#[derive(Debug)]
pub struct Publisher {
    pub(super) store: Arc<dyn Store>,
    pub(super) providers: BTreeMap<InstanceName, Arc<dyn ProviderClient>>,
    pub(super) owners: Arc<OwnerLocks>,
    dns: Dns,
    routes: Routes,
}

impl Publisher {
    /// Wires the parts. `owners` is shared by every publisher of the process,
    /// also by the one that a reload replaces.
    pub fn new(
        store: Arc<dyn Store>,
        dns: Dns,
        routes: Routes,
        providers: BTreeMap<InstanceName, Arc<dyn ProviderClient>>,
        owners: Arc<OwnerLocks>,
    ) -> Self {
        Publisher {
            store,
            providers,
            owners,
            dns,
            routes,
        }
    }

    /// Where each challenge's record goes and who writes it; nothing is published.
    ///
    /// # Errors
    /// When a zone cannot be found or no provider serves it.
    pub async fn plan(&self, challenges: &[Challenge]) -> Result<Vec<NewRecord>, ChallengeError> {
        let records = try_join_all(challenges.iter().map(|challenge| self.place(challenge))).await?;
        // apex and wildcard may even share token and value when a CA gives one authorization twice
        let mut unique: Vec<NewRecord> = Vec::with_capacity(records.len());
        for record in records {
            if !unique.contains(&record) {
                unique.push(record);
            }
        }
        Ok(unique)
    }

    /// Whether there is a zone and a provider for each name, before the CA is asked for anything.
    ///
    /// # Errors
    /// As [`Publisher::plan`].
    pub async fn preflight(&self, identifiers: &[Identifier]) -> Result<(), ChallengeError> {
        let names: BTreeSet<&DnsName> = identifiers.iter().map(Identifier::name).collect();
        try_join_all(names.into_iter().map(|name| self.whereabouts(name))).await?;
        Ok(())
    }

    /// Who serves the challenge record of `identifier`, and where it goes.
    async fn whereabouts(&self, identifier: &DnsName) -> Result<(Location, &InstanceName), ChallengeError> {
        let location = self.dns.locate(&challenge_name(identifier)?).await?;
        match self.routes.instance(&location.owner) {
            Some(instance) => Ok((location, instance)),
            None => Err(ChallengeError::NoRoute {
                owner: location.owner,
            }),
        }
    }

    async fn place(&self, challenge: &Challenge) -> Result<NewRecord, ChallengeError> {
        let (location, instance) = self.whereabouts(&challenge.identifier).await?;
        Ok(NewRecord {
            instance: instance.clone(),
            owner: location.owner.clone(),
            zone: location.zone.clone(),
            value: challenge.value.clone(),
            identifier: challenge.identifier.clone(),
            challenge_name: location.challenge_name,
            token: challenge.token.clone(),
            key_authorization: challenge.key_authorization.clone(),
        })
    }

    /// Hands journalled records to their providers; returns when all accepted.
    ///
    /// # Errors
    /// The first failure; other records may have been published, and the journal knows them all.
    pub async fn publish(&self, records: &[Record]) -> Result<(), ChallengeError> {
        let wanted: Vec<&Record> = records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted)
            .collect();
        let _owners = self.owners.hold(owners(&wanted)).await;
        let calls = by_instance(&wanted)
            .into_iter()
            .map(|(instance, records)| async move {
                let client = self
                    .providers
                    .get(instance)
                    .ok_or_else(|| ChallengeError::NoInstance(instance.clone()))?;
                let wire: Vec<PluginRecord> = records.iter().map(|record| to_plugin(record)).collect();
                let outcomes =
                    client
                        .present(&wire, CALL_TIMEOUT)
                        .await
                        .map_err(|source| ChallengeError::Call {
                            instance: instance.clone(),
                            source,
                        })?;
                handles(instance, &records, outcomes)
            });
        // all of them, also after a failure: what was accepted has a handle to keep
        let mut kept = Vec::new();
        let mut failure = None;
        for result in join_all(calls).await {
            match result {
                Ok(handles) => kept.extend(handles),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if !kept.is_empty() {
            self.store.records_published(kept).await?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Waits until every authoritative server shows every record.
    ///
    /// # Errors
    /// When that has not happened by `deadline`; names each server that lags.
    pub async fn await_visible(
        &self,
        records: &[Record],
        deadline: Instant,
        on_progress: impl FnMut(dns::Progress) + Send,
    ) -> Result<dns::Report, ChallengeError> {
        let mut values: BTreeMap<&DnsName, (&DnsName, Vec<String>)> = BTreeMap::new();
        for record in records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted)
        {
            let entry = values
                .entry(&record.record.challenge_name)
                .or_insert_with(|| (&record.record.owner, Vec::new()));
            entry.1.push(record.record.value.clone());
        }
        let wanted = try_join_all(
            values
                .into_iter()
                .map(|(challenge_name, (_, values))| async move {
                    let location = self.dns.locate(challenge_name).await?;
                    Ok::<_, ChallengeError>(Wanted { location, values })
                }),
        )
        .await?;
        Ok(self
            .dns
            .wait_visible(&wanted, Pace::default(), deadline, on_progress)
            .await?)
    }

    /// Ends every provider process.
    pub async fn shutdown(&self) {
        join_all(self.providers.values().map(|client| client.shutdown())).await;
    }
}

/// RFC 8555 8.4.
fn challenge_name(identifier: &DnsName) -> Result<DnsName, ChallengeError> {
    identifier
        .child("_acme-challenge")
        .map_err(|_| ChallengeError::TooLong {
            identifier: identifier.clone(),
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

pub(super) fn to_plugin(record: &Record) -> PluginRecord {
    let row = &record.record;
    PluginRecord {
        fqdn: row.owner.to_string(),
        value: row.value.clone(),
        zone: row.zone.to_string(),
        ttl: CHALLENGE_TTL,
        identifier: row.identifier.to_string(),
        challenge_name: row.challenge_name.to_string(),
        token: row.token.clone(),
        key_authorization: row.key_authorization.clone(),
        handle: record.handle.clone(),
        kind: Default::default(),
    }
}

fn handles(
    instance: &InstanceName,
    records: &[&Record],
    outcomes: Vec<RecordOutcome>,
) -> Result<Vec<(i64, String)>, ChallengeError> {
    let mut kept = Vec::new();
    for (record, outcome) in records.iter().zip(outcomes) {
        match outcome {
            Ok(done) => {
                if done.handle != record.handle {
                    kept.push((record.id, done.handle));
                }
            }
            Err(failure) => {
                return Err(ChallengeError::Record {
                    instance: instance.clone(),
                    owner: record.record.owner.clone(),
                    failure,
                });
            }
        }
    }
    Ok(kept)
}
