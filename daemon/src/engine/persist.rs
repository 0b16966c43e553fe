//! Watches the standing records of certificates that are proved by dns-persist-01: a record that went is written
//! again, and one that ends is warned of long before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::{Authority, Certificate, Engine, World};
use crate::{
    acme::PersistRecord,
    challenge::{ChallengeError, Patience, Stands},
    store::{Change, Job, JobKind, Note, Record, RecordPhase, StoreError},
    types::{ChallengeMethod, DnsName},
};

/// Between two looks. A record that went is missed at the next renewal only, which is days away.
pub(super) const WATCH: SignedDuration = SignedDuration::from_hours(24);
/// A record that ends sooner than this is warned of: a person may have to write the next one.
const WARNING: SignedDuration = SignedDuration::from_hours(45 * 24);
/// For one call into the provider.
const CALL: std::time::Duration = std::time::Duration::from_secs(120);

/// What was found, and done.
struct Told {
    text: String,
    /// Nothing for an operator to do.
    is_fine: bool,
}

/// Looks at every name of a certificate once, and plans the next look.
///
/// # Errors
/// When the store does not answer; the job is then due again.
pub(super) async fn watch(
    engine: &Engine,
    world: &World,
    certificate: &Certificate,
) -> Result<(), StoreError> {
    let name = &certificate.name;
    let rows = engine.store.standing_records(name.clone()).await?;
    let now = engine.clock.now();
    let mut told = Vec::new();
    if !is_watched(certificate) {
        let ids = rows.iter().map(|row| row.id).collect();
        engine.store.retire_standing(ids, now).await?;
        let left = engine.store.standing_records(name.clone()).await?;
        if left.is_empty() {
            return engine.store.unschedule(JobKind::Standing, name.to_string()).await;
        }
    } else {
        let row = engine.store.certificate(name.clone()).await?;
        let ca = row.and_then(|row| row.issued.and_then(|issued| issued.ca().cloned()));
        let Some(authority) = ca.and_then(|ca| world.authorities.get(&ca)) else {
            return engine.store.unschedule(JobKind::Standing, name.to_string()).await;
        };
        let watch = Watch {
            engine,
            world,
            certificate,
            authority,
        };
        let mut names: Vec<&DnsName> = certificate.identifiers.iter().map(|one| one.name()).collect();
        names.dedup();
        for identifier in names {
            watch.name(identifier, &rows, &mut told).await?;
        }
    }
    let notes: Vec<Note> = told
        .into_iter()
        .map(|Told { text, is_fine }| {
            match is_fine {
                true => info!(cert = %name, detail = text, "standing record is replaced"),
                false => warn!(cert = %name, detail = text, "standing record is not as it should be"),
            }
            Note {
                at: now,
                kind: "standing-record".into(),
                text,
            }
        })
        .collect();
    if !notes.is_empty() {
        let mut change = Change::of(name.clone(), now);
        change.notes = notes;
        engine.store.apply(change).await?;
    }
    let due = now.checked_add(WATCH).unwrap_or(Timestamp::MAX);
    let (kind, subject) = (JobKind::Standing, name.to_string());
    engine.store.schedule(Job { kind, subject, due }).await
}

/// True of a certificate that may be proved by standing records.
pub(super) fn is_watched(certificate: &Certificate) -> bool {
    certificate.challenges.contains(&ChallengeMethod::DnsPersist01)
}

/// Until when a standing record that is written now is to be good.
pub(super) fn end(certificate: &Certificate, now: Timestamp) -> Option<Timestamp> {
    let lifetime = SignedDuration::try_from(certificate.standing_lifetime?).ok()?;
    // the record says whole seconds
    let end = now.checked_add(lifetime).ok()?;
    Timestamp::from_second(end.as_second()).ok()
}

/// One look.
struct Watch<'a> {
    engine: &'a Engine,
    world: &'a World,
    certificate: &'a Certificate,
    authority: &'a Authority,
}

impl Watch<'_> {
    /// Looks at one name: at the records that we wrote for each account, or at what a person wrote.
    async fn name(
        &self,
        identifier: &DnsName,
        rows: &[Record],
        told: &mut Vec<Told>,
    ) -> Result<(), StoreError> {
        let mut written: BTreeMap<String, Vec<(&Record, PersistRecord)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.record.identifier == *identifier) {
            if let Ok(record) = row.record.value.parse::<PersistRecord>() {
                let account = record.account_uri.to_string();
                written.entry(account).or_default().push((row, record));
            }
        }
        if written.is_empty() {
            // published by hand, or never: another challenge proved the name
            if let Some(wanted) = by_hand(self.authority, self.certificate, identifier).await
                && let Some(stands) = self.stands(identifier, &wanted).await
            {
                let now = self.engine.clock.now();
                told.extend(match stands {
                    Stands::Good { until } => ending(identifier, until, now),
                    Stands::Wrong(why) => Some(Told {
                        text: format!(
                            "{why}: unless it comes back, the next renewal needs another challenge or `{wanted}` as TXT"
                        ),
                        is_fine: false,
                    }),
                });
            }
            return Ok(());
        }
        for mut of_account in written.into_values() {
            of_account.sort_by_key(|(row, _)| row.id);
            if let Some(((newest, record), older)) = of_account.split_last() {
                let older: Vec<&Record> = older.iter().map(|(row, _)| *row).collect();
                self.own(newest, record, &older, told).await?;
            }
        }
        Ok(())
    }

    /// Looks after records that we wrote for one name and account: the newest one stands, those before it go once it
    /// does.
    async fn own(
        &self,
        newest: &Record,
        record: &PersistRecord,
        older: &[&Record],
        told: &mut Vec<Told>,
    ) -> Result<(), StoreError> {
        let identifier = &newest.record.identifier;
        let now = self.engine.clock.now();
        if let Some(next) = replacement(record, end(self.certificate, now), now) {
            told.push(self.replace(identifier, &next, now).await?);
            return Ok(());
        }
        if !newest.published {
            told.push(self.write(newest, "it was not written yet").await);
            return Ok(());
        }
        if !older.is_empty() && self.stands_everywhere(newest, now).await {
            let ids = older.iter().map(|row| row.id).collect();
            self.engine.store.retire_standing(ids, now).await?;
        }
        match self.stands(identifier, record).await {
            Some(Stands::Good { until }) => {
                // the end of our own is for us to look after
                let foreign = until.filter(|until| record.persist_until.is_none_or(|own| *until < own));
                told.extend(ending(identifier, foreign, now));
            }
            Some(Stands::Wrong(why)) => told.push(self.write(newest, &why).await),
            None => {}
        }
        Ok(())
    }

    /// `None` when it could not be looked at, which says nothing of it.
    async fn stands(&self, identifier: &DnsName, wanted: &PersistRecord) -> Option<Stands> {
        match self.world.publisher.standing(identifier, wanted).await {
            Ok(stands) => Some(stands),
            Err(error) => {
                info!(cert = %self.certificate.name, %error, "standing record could not be looked at");
                None
            }
        }
    }

    /// Whether the one before it may go. Where nobody can look, a day is enough.
    async fn stands_everywhere(&self, row: &Record, now: Timestamp) -> bool {
        match self.world.publisher.is_everywhere(&row.record).await {
            Ok(Some(everywhere)) => everywhere,
            Ok(None) => now.duration_since(row.created_at) >= WATCH,
            Err(error) => {
                info!(cert = %self.certificate.name, %error, "standing record could not be looked at");
                false
            }
        }
    }

    /// The intent is durable before the record is written; what it replaces stays until it is seen.
    async fn replace(
        &self,
        identifier: &DnsName,
        next: &PersistRecord,
        now: Timestamp,
    ) -> Result<Told, StoreError> {
        let record = match self.world.publisher.standing_record(identifier, next).await {
            Ok(record) => record,
            Err(error) => {
                return Ok(Told {
                    text: format!("the next standing record of {identifier} cannot be written: {error}"),
                    is_fine: false,
                });
            }
        };
        let name = self.certificate.name.clone();
        let row = self.engine.store.begin_standing(name, record, now).await?;
        let until = next
            .persist_until
            .map_or_else(|| "for good".to_owned(), |until| format!("until {until:.0}"));
        Ok(match self.publish(&row).await {
            Ok(()) => Told {
                text: format!("the standing record of {identifier} is replaced by one that is good {until}"),
                is_fine: true,
            },
            Err(error) => Told {
                text: format!("the next standing record of {identifier} could not be written: {error}"),
                is_fine: false,
            },
        })
    }

    /// Our own record is written again.
    async fn write(&self, row: &Record, why: &str) -> Told {
        let text = match self.publish(row).await {
            Ok(()) => format!("{why}; it is written again"),
            Err(error) => format!("{why}; it could not be written again: {error}"),
        };
        Told { text, is_fine: false }
    }

    async fn publish(&self, row: &Record) -> Result<(), ChallengeError> {
        let record = Record {
            published: false,
            phase: RecordPhase::Wanted,
            ..row.clone()
        };
        let end = tokio::time::Instant::now() + CALL;
        let patience = Patience { room: end, end };
        let publisher = &self.world.publisher;
        publisher
            .publish(&[record], patience, &publisher.on_the_way())
            .await
    }
}

/// The record to write in place of one of ours, when its time has come: a third of it is left, or it has no end though
/// one is wanted, or one that is not.
fn replacement(
    record: &PersistRecord,
    wanted_end: Option<Timestamp>,
    now: Timestamp,
) -> Option<PersistRecord> {
    let due = match (record.persist_until, wanted_end) {
        (None, None) => false,
        (Some(until), Some(end)) => until.duration_since(now) < end.duration_since(now) / 3,
        (None, Some(_)) | (Some(_), None) => true,
    };
    due.then(|| PersistRecord {
        persist_until: wanted_end,
        ..record.clone()
    })
}

async fn by_hand(
    authority: &Authority,
    certificate: &Certificate,
    identifier: &DnsName,
) -> Option<PersistRecord> {
    // where other challenges are allowed, nobody may ever have published one
    if certificate.challenges.as_slice() != [ChallengeMethod::DnsPersist01] {
        return None;
    }
    let account = authority.existing_account().await.ok()?;
    let directory = account.client().directory().await.ok()?;
    let wildcard = certificate
        .identifiers
        .iter()
        .any(|one| one.is_wildcard() && one.name() == identifier);
    Some(PersistRecord {
        issuer: directory.meta.caa_identities.first()?.parse().ok()?,
        account_uri: account.url().as_str().parse().ok()?,
        wildcard,
        persist_until: None,
    })
}

fn ending(identifier: &DnsName, until: Option<Timestamp>, now: Timestamp) -> Option<Told> {
    let until = until.filter(|until| until.duration_since(now) < WARNING)?;
    Some(Told {
        text: format!(
            "the standing record of {identifier} is good until {until:.0} only (persistUntil): publish one that lasts longer"
        ),
        is_fine: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_warned_of_long_before() {
        let name: DnsName = "a.test".parse().unwrap();
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        assert!(ending(&name, None, at(0)).is_none());
        assert!(ending(&name, Some(at(46)), at(0)).is_none());
        let told = ending(&name, Some(at(44)), at(0)).unwrap();
        assert!(told.text.contains("persistUntil"), "{}", told.text);
    }

    #[test]
    fn a_record_is_replaced_when_a_third_of_its_time_is_left_or_another_end_is_wanted() {
        let record = |until: Option<Timestamp>| PersistRecord {
            persist_until: until,
            ..("ca.test; accounturi=https://ca.test/account/1".parse().unwrap())
        };
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let ninety = Some(at(90));
        let next = |until, end| replacement(&record(until), end, at(0)).map(|next| next.persist_until);
        assert_eq!(next(None, None), None);
        assert_eq!(next(Some(at(30)), ninety), None);
        assert_eq!(next(Some(at(29)), ninety), Some(ninety));
        assert_eq!(next(None, ninety), Some(ninety));
        assert_eq!(next(Some(at(80)), None), Some(None));
    }
}
