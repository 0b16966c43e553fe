//! When a published record may be shown to the CA: by whose word, and in which order they are asked.
//!
//! First those that remember nothing: the authorities, and the provider beside them. Then, as their records are where
//! resolvers look, the resolvers that have a say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::{try_join_all, try_join3};
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::{
    ChallengeError, Publisher,
    publisher::{CALL_TIMEOUT, CHALLENGE_TTL, earliest, empty_record, pace, spread, unpublished},
};
use crate::{
    dns::{self, Location, Visibility, Wanted},
    plugin::{Failure, FailureClass, InstanceInfo},
    store::{Record, RecordPhase},
    types::{DnsName, InstanceName},
};

/// Before encrypted resolvers are asked for what no provider confirms and no hint tells: BIND waits 5 s before it
/// notifies its secondaries, and a resolver that finds nothing costs the zone's negative TTL.
const SETTLE: Duration = Duration::from_secs(10);
/// What resolvers get in any case, when all else took the time that there was.
const LOOKS: Duration = Duration::from_secs(15);
/// A resolver that remembers longer is not waited for: a worker waits with it.
const LONGEST_MEMORY: Duration = Duration::from_secs(3600);

/// Until when records may become visible.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// For servers and providers.
    pub by: Instant,
    /// For resolvers that remember that there was nothing, and for waits that are configured: the CA forgets the
    /// order then.
    pub end: Instant,
    /// Resolvers are not waited for beyond `by` either: the operator has said how long is long.
    pub is_strict: bool,
}

impl Deadline {
    /// For records that nobody outside waits for.
    pub fn of(propagation: Option<Duration>, usual: Duration) -> Self {
        let now = Instant::now();
        Deadline {
            by: now + propagation.unwrap_or(usual),
            end: now + LONGEST_MEMORY,
            is_strict: propagation.is_some(),
        }
    }
}

impl Publisher {
    /// Whether there is anybody by whose word records at a place are visible. Many plugins know only when asked
    /// whether they can tell, so they are asked of a record that is not there yet.
    pub(super) async fn can_be_seen(
        &self,
        identifier: &DnsName,
        location: &Location,
        instance: &InstanceName,
    ) -> Result<(), ChallengeError> {
        if location.visibility != Visibility::ProviderSync {
            return Ok(());
        }
        let tells = self.info(instance, CALL_TIMEOUT).await?.syncs;
        if tells && !self.silent.lock().contains(instance) {
            let row = empty_record(identifier, instance, location.clone());
            let asked = [unpublished(&row, CHALLENGE_TTL)];
            let said = self.client(instance)?.sync(&asked, CALL_TIMEOUT).await;
            // any other word is about that record
            let unsupported = |failure: &Failure| failure.class == FailureClass::Unsupported;
            let is_silent =
                said.is_ok_and(|said| said.iter().any(|one| one.as_ref().is_err_and(unsupported)));
            if !is_silent {
                return Ok(());
            }
            self.silent.lock().insert(instance.clone());
        }
        Err(ChallengeError::CannotTell {
            instance: instance.clone(),
            zone: location.zone.clone(),
        })
    }

    /// Waits until every record is visible by the word of those that count in its zone: all authoritative servers and
    /// the providers that can tell, or what the zone's `visibility` says; and then the vantage resolvers.
    ///
    /// # Errors
    /// When that has not happened by the deadline; names each server that lags.
    pub async fn await_visible(
        &self,
        records: &[Record],
        deadline: Deadline,
        mut on_progress: impl FnMut(dns::Progress) + Send,
    ) -> Result<dns::Report, ChallengeError> {
        let started = Instant::now();
        let (wanted, writers) = self.wanted(records).await?;
        for location in wanted.iter().map(|wanted| &wanted.location) {
            if location.visibility.is_indirect() {
                let (zone, visibility) = (&location.zone, location.visibility);
                info!(%zone, %visibility, "the authorities of a zone are not asked whether its records are visible");
            }
        }
        let hints = self.hints(records).await;
        let hint = |instance: &InstanceName| earliest(hints.get(instance));
        // of an earlier run nobody knows since when they stand
        let is_fresh = records.iter().all(|record| !record.published);
        let first_look = self
            .first_look(&wanted, &writers, is_fresh, hint, deadline.by)
            .await;
        let pace = pace(hints.values(), first_look);
        let authorities = async {
            let seen = self
                .dns
                .wait_visible(&wanted, pace, deadline.by, &mut on_progress);
            seen.await.map_err(ChallengeError::from)
        };
        let passed = async {
            sleep_until((started + longest_wait(&wanted)).min(deadline.end)).await;
            Ok(())
        };
        let (mut report, confirmed, ()) =
            try_join3(authorities, self.await_sync(records, deadline.by), passed).await?;
        if is_fresh {
            self.learned.learn(&wanted, &writers, &report, first_look).await;
        }
        self.confirmed(&wanted, &writers, &confirmed)?;
        let settled = started + settle(&wanted, &writers, &confirmed, &hints);
        sleep_until(settled.min(deadline.by)).await;
        let memory = match deadline.is_strict {
            true => deadline.by,
            false => deadline.end.min(Instant::now() + LONGEST_MEMORY),
        };
        let patience = dns::Patience {
            until: deadline.by.max(Instant::now() + LOOKS).min(deadline.end),
            memory,
        };
        let echoed = self.dns.wait_echoed(&wanted, patience, &mut on_progress).await?;
        report.sightings.extend(echoed);
        report.took = started.elapsed();
        Ok(report)
    }

    /// Where the records are, and who wrote them, by owner.
    async fn wanted(
        &self,
        records: &[Record],
    ) -> Result<(Vec<Wanted>, BTreeMap<DnsName, InstanceName>), ChallengeError> {
        let mut values: BTreeMap<&DnsName, Vec<String>> = BTreeMap::new();
        let mut writers = BTreeMap::new();
        let rows = records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted);
        for row in rows.map(|record| &record.record) {
            values
                .entry(&row.challenge_name)
                .or_default()
                .push(row.value.clone());
            writers.insert(row.owner.clone(), row.instance.clone());
        }
        let wanted = values.into_iter().map(|(challenge_name, values)| async move {
            let location = self.dns.locate(challenge_name).await?;
            Ok::<_, ChallengeError>(Wanted { location, values })
        });
        Ok((try_join_all(wanted).await?, writers))
    }

    /// Whether the providers whose word decides gave it.
    fn confirmed(
        &self,
        wanted: &[Wanted],
        writers: &BTreeMap<DnsName, InstanceName>,
        confirmed: &BTreeSet<InstanceName>,
    ) -> Result<(), ChallengeError> {
        let deciding = wanted
            .iter()
            .map(|wanted| &wanted.location)
            .filter(|location| location.visibility == Visibility::ProviderSync);
        for location in deciding {
            let Some(instance) = writers.get(&location.owner) else {
                continue;
            };
            if confirmed.contains(instance) {
                continue;
            }
            let (instance, zone) = (instance.clone(), location.zone.clone());
            return Err(if self.silent.lock().contains(&instance) {
                ChallengeError::CannotTell { instance, zone }
            } else {
                ChallengeError::NotConfirmed { instance, zone }
            });
        }
        Ok(())
    }
}

/// The longest of the waits that stand for a look.
fn longest_wait(wanted: &[Wanted]) -> Duration {
    let waits = wanted
        .iter()
        .filter_map(|wanted| match wanted.location.visibility {
            Visibility::Wait(time) => Some(time),
            _ => None,
        });
    waits.max().unwrap_or_default()
}

/// How long after its publication a record that nobody confirms is looked for at resolvers.
fn settle(
    wanted: &[Wanted],
    writers: &BTreeMap<DnsName, InstanceName>,
    confirmed: &BTreeSet<InstanceName>,
    hints: &BTreeMap<InstanceName, InstanceInfo>,
) -> Duration {
    let unconfirmed = wanted.iter().map(|wanted| &wanted.location).any(|location| {
        let writer = writers.get(&location.owner);
        location.visibility == Visibility::Doh && !writer.is_some_and(|writer| confirmed.contains(writer))
    });
    if unconfirmed {
        spread(hints.values()).max(SETTLE)
    } else {
        Duration::ZERO
    }
}
