//! Watches the standing records of certificates that are proved by dns-persist-01: a record that went is written
//! again, and one that ends is warned of long before.

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::{Authority, Certificate, Engine, World};
use crate::{
    acme::PersistRecord,
    challenge::{Patience, Stands},
    store::{Change, Job, JobKind, Note, Record, RecordPhase, StoreError},
    types::{ChallengeMethod, DnsName},
};

/// Between two looks. A record that went is missed at the next renewal only, which is days away.
pub(super) const WATCH: SignedDuration = SignedDuration::from_hours(24);
/// A record that ends sooner than this is warned of: a person may have to write the next one.
const WARNING: SignedDuration = SignedDuration::from_hours(45 * 24);
/// For one call into the provider.
const CALL: std::time::Duration = std::time::Duration::from_secs(120);

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
    let row = engine.store.certificate(name.clone()).await?;
    let ca = row.and_then(|row| row.issued.and_then(|issued| issued.ca().cloned()));
    let authority = ca.and_then(|ca| world.authorities.get(&ca));
    let (true, Some(authority)) = (is_watched(certificate), authority) else {
        return engine.store.unschedule(JobKind::Standing, name.to_string()).await;
    };
    let rows = engine.store.standing_records(name.clone()).await?;
    let mut notes = Vec::new();
    let mut names: Vec<&DnsName> = certificate.identifiers.iter().map(|one| one.name()).collect();
    names.dedup();
    for identifier in names {
        notes.extend(look(engine, world, certificate, authority, identifier, &rows).await);
    }
    let now = engine.clock.now();
    let notes: Vec<Note> = notes
        .into_iter()
        .map(|text| {
            warn!(cert = %name, detail = text, "standing record is not as it should be");
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

/// What is to be told of one name.
async fn look(
    engine: &Engine,
    world: &World,
    certificate: &Certificate,
    authority: &Authority,
    identifier: &DnsName,
    rows: &[Record],
) -> Option<String> {
    let row = rows.iter().find(|row| row.record.identifier == *identifier);
    let wanted = match row {
        Some(row) => row.record.value.parse::<PersistRecord>().ok(),
        // published by hand, or never: another challenge proved the name
        None => by_hand(authority, certificate, identifier).await,
    }?;
    let why = match world.publisher.standing(identifier, &wanted).await {
        Ok(Stands::Good { until }) => return ending(identifier, until, engine.clock.now()),
        Ok(Stands::Wrong(why)) => why,
        // it could not be looked at, which says nothing of it
        Err(error) => {
            info!(cert = %certificate.name, %error, "standing record could not be looked at");
            return None;
        }
    };
    match row {
        Some(row) => Some(format!("{why}; {}", again(world, row).await)),
        None => Some(format!(
            "{why}: unless it comes back, the next renewal needs another challenge or `{wanted}` as TXT"
        )),
    }
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

fn ending(identifier: &DnsName, until: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let until = until.filter(|until| until.duration_since(now) < WARNING)?;
    Some(format!(
        "the standing record of {identifier} is good until {until:.0} only (persistUntil): publish one that lasts longer"
    ))
}

/// Our own record is written again.
async fn again(world: &World, row: &Record) -> String {
    let record = Record {
        published: false,
        phase: RecordPhase::Wanted,
        ..row.clone()
    };
    let end = tokio::time::Instant::now() + CALL;
    let patience = Patience { room: end, end };
    match world.publisher.publish(&[record], patience).await {
        Ok(()) => "it is written again".into(),
        Err(error) => format!("it could not be written again: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_warned_of_long_before() {
        let name: DnsName = "a.test".parse().unwrap();
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        assert_eq!(ending(&name, None, at(0)), None);
        assert_eq!(ending(&name, Some(at(46)), at(0)), None);
        let text = ending(&name, Some(at(44)), at(0)).unwrap();
        assert!(text.contains("persistUntil"), "{text}");
    }
}
