//! The journal of challenge records.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    certificates::named,
    jobs::{moment, schedule, schedule_by, unschedule},
    lanes::{Result, Trouble},
};
use crate::{
    store::{Canary, Job, JobKind, NewRecord, Record, RecordPhase, RecordRemoval},
    types::{CertificateName, DnsName, InstanceName},
};

/// A standing record that no order waits for; one that an order needs now has 1.
const UNNEEDED: i64 = 2;
/// A canary that its provider is told as one.
const TOLD: i64 = 1;
/// One that its provider takes for a challenge record.
const AS_CHALLENGE: i64 = 2;

const COLUMNS: &str = "id, certificate, instance, owner, zone, value, identifier, challenge_name, token, \
                       key_authorization, handle, removing, attempts, last_error, created_at, \
                       EXISTS (SELECT 1 FROM record AS other WHERE other.owner = record.owner AND \
                       other.value = record.value AND other.instance = record.instance AND \
                       other.id <> record.id AND NOT other.removing), standing, published, canary";

pub(super) fn of_certificate(connection: &Connection, name: &CertificateName) -> Result<Vec<Record>> {
    select(
        connection,
        "certificate = ?1 AND canary = 0 AND (standing < 2 OR removing) ORDER BY id",
        params![name.as_str()],
    )
}

/// Records of a certificate that stay, whether an order needs them now or not.
pub(super) fn standing(connection: &Connection, name: &CertificateName) -> Result<Vec<Record>> {
    select(
        connection,
        "certificate = ?1 AND standing > 0 AND NOT removing ORDER BY id",
        params![name.as_str()],
    )
}

/// Standing records of a certificate that will not be renewed go with it.
pub(super) fn give_up_standing(
    connection: &Connection,
    name: &CertificateName,
    now: Timestamp,
) -> Result<()> {
    for row in standing(connection, name)? {
        connection
            .prepare_cached("UPDATE record SET removing = 1 WHERE id = ?1")?
            .execute([row.id])?;
        schedule_by(connection, JobKind::CleanUp, row.record.instance.as_str(), now)?;
    }
    Ok(())
}

pub(super) fn at(connection: &Connection, instance: &InstanceName, owner: &DnsName) -> Result<Vec<Record>> {
    select(
        connection,
        "instance = ?1 AND owner = ?2 ORDER BY id",
        params![instance.as_str(), owner.as_str()],
    )
}

pub(super) fn leftovers(connection: &Connection) -> Result<Vec<Record>> {
    select(connection, "removing ORDER BY id", params![])
}

pub(super) fn removals(
    connection: &Connection,
    instance: &InstanceName,
    now: Timestamp,
) -> Result<Vec<Record>> {
    select(
        connection,
        "removing AND instance = ?1 AND (attempts = 0 OR retry_at <= ?2) ORDER BY id",
        params![instance.as_str(), now.as_millisecond()],
    )
}

/// Certificates with records that may be published although no issuance knows of them.
pub(super) fn without_issuance(connection: &Connection) -> Result<Vec<CertificateName>> {
    let names: Vec<String> = connection
        .prepare_cached(
            "SELECT DISTINCT certificate FROM record WHERE NOT removing AND standing < 2 AND canary = 0 \
             AND certificate NOT IN (SELECT certificate FROM issuance)",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    names.into_iter().map(named).collect()
}

/// Makes the wanted rows of a certificate be exactly `plan`; others begin removal.
///
/// Orders wait for room at a name in the order of these numbers. With some of its numbers older and some younger
/// than another order's, each could wait for the other; so the rows of a plan are numbered together, anew when one
/// of them is new or was on its way out. What the provider returned for them moves along.
pub(super) fn plan(
    connection: &Connection,
    name: &CertificateName,
    plan: &[NewRecord],
    now: Timestamp,
) -> Result<()> {
    for row in standing(connection, name)? {
        let needed = plan.contains(&row.record);
        connection
            // what is planned was not there at a look, whoever took it away: it is written again
            .prepare_cached(
                "UPDATE record SET standing = ?2, published = published AND NOT ?3 WHERE id = ?1",
            )?
            .execute(params![row.id, if needed { 1 } else { UNNEEDED }, needed])?;
    }
    let (wanted, leaving): (Vec<Record>, Vec<Record>) = of_certificate(connection, name)?
        .into_iter()
        .partition(|row| row.phase == RecordPhase::Wanted);
    for row in wanted.iter().filter(|row| !plan.contains(&row.record)) {
        connection
            .prepare_cached("UPDATE record SET removing = 1 WHERE id = ?1")?
            .execute([row.id])?;
        schedule_by(connection, JobKind::CleanUp, row.record.instance.as_str(), now)?;
    }
    if plan.iter().all(|new| wanted.iter().any(|row| row.record == *new)) {
        return Ok(());
    }
    for new in plan {
        let mut handle = "";
        let mut published = false;
        for row in wanted.iter().chain(&leaving).filter(|row| row.record == *new) {
            connection
                .prepare_cached("DELETE FROM record WHERE id = ?1")?
                .execute([row.id])?;
            handle = &row.handle;
            published |= row.published && row.phase == RecordPhase::Wanted;
        }
        insert(connection, name, new, (handle, published), now)?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    name: &CertificateName,
    new: &NewRecord,
    (handle, published): (&str, bool),
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO record (certificate, instance, owner, zone, value, identifier, challenge_name, token, \
             key_authorization, handle, created_at, standing, published) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            name.as_str(),
            new.instance.as_str(),
            new.owner.as_str(),
            new.zone.as_str(),
            new.value,
            new.identifier.as_str(),
            new.challenge_name.as_str(),
            new.token,
            new.key_authorization,
            handle,
            now.as_millisecond(),
            new.standing,
            published,
        ])?;
    Ok(())
}

/// Enters a canary into the journal.
pub(super) fn begin_canary(
    connection: &Connection,
    name: &CertificateName,
    new: &NewRecord,
    canary: Canary,
    now: Timestamp,
) -> Result<Record> {
    insert(connection, name, new, ("", false), now)?;
    let id = connection.last_insert_rowid();
    let canary = match canary {
        Canary::Told => TOLD,
        Canary::AsChallenge => AS_CHALLENGE,
    };
    connection
        .prepare_cached("UPDATE record SET canary = ?2 WHERE id = ?1")?
        .execute(params![id, canary])?;
    inserted(connection, id)
}

/// Enters a standing record into the journal that no order waits for.
pub(super) fn begin_standing(
    connection: &Connection,
    name: &CertificateName,
    new: &NewRecord,
    now: Timestamp,
) -> Result<Record> {
    insert(connection, name, new, ("", false), now)?;
    let id = connection.last_insert_rowid();
    connection
        .prepare_cached("UPDATE record SET standing = ?2 WHERE id = ?1")?
        .execute(params![id, UNNEEDED])?;
    inserted(connection, id)
}

/// Standing records that no order needs begin removal.
pub(super) fn retire_standing(connection: &Connection, ids: &[i64], now: Timestamp) -> Result<()> {
    for id in ids {
        let instance: Option<String> = connection
            .prepare_cached(
                "UPDATE record SET removing = 1 WHERE id = ?1 AND standing = ?2 AND NOT removing RETURNING instance",
            )?
            .query_row(params![id, UNNEEDED], |row| row.get(0))
            .optional()?;
        if let Some(instance) = instance {
            schedule_by(connection, JobKind::CleanUp, &instance, now)?;
        }
    }
    Ok(())
}

pub(super) fn numbered(connection: &Connection, id: i64) -> Result<Option<Record>> {
    let mut rows = select(connection, "id = ?1", params![id])?;
    Ok(rows.pop())
}

fn inserted(connection: &Connection, id: i64) -> Result<Record> {
    numbered(connection, id)?.ok_or_else(|| rusqlite::Error::QueryReturnedNoRows.into())
}

/// Canaries begin removal: one of them, or all.
pub(super) fn end_canaries(connection: &Connection, id: Option<i64>, now: Timestamp) -> Result<()> {
    let standing = select(
        connection,
        "canary > 0 AND NOT removing AND (?1 IS NULL OR id = ?1)",
        params![id],
    )?;
    for row in standing {
        connection
            .prepare_cached("UPDATE record SET removing = 1 WHERE id = ?1")?
            .execute([row.id])?;
        schedule_by(connection, JobKind::CleanUp, row.record.instance.as_str(), now)?;
    }
    Ok(())
}

pub(super) fn published(connection: &Connection, handles: &[(i64, String)]) -> Result<()> {
    let mut statement =
        connection.prepare_cached("UPDATE record SET handle = ?2, published = 1 WHERE id = ?1")?;
    for (id, handle) in handles {
        statement.execute(params![id, handle])?;
    }
    Ok(())
}

pub(super) fn removed(
    connection: &Connection,
    instance: &InstanceName,
    outcomes: &[(i64, RecordRemoval)],
    now: Timestamp,
) -> Result<()> {
    for (id, outcome) in outcomes {
        match outcome {
            RecordRemoval::Gone => {
                // none where the record was planned again meanwhile: it has another number then
                let owner: Option<String> = connection
                    .prepare_cached("DELETE FROM record WHERE id = ?1 AND removing RETURNING owner")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                if let Some(owner) = owner {
                    call_next(connection, instance, &owner, now)?;
                }
            }
            RecordRemoval::Failed { error, retry_at } => {
                connection
                    .prepare_cached(
                        "UPDATE record SET attempts = attempts + 1, last_error = ?2, retry_at = ?3 WHERE id = ?1 AND removing",
                    )?
                    .execute(params![id, error, retry_at.map(Timestamp::as_millisecond)])?;
            }
        }
    }
    let next: Option<i64> = connection
        .prepare_cached(
            "SELECT min(coalesce(retry_at, 0)) FROM record WHERE removing AND instance = ?1 \
             AND (attempts = 0 OR retry_at IS NOT NULL)",
        )?
        .query_row([instance.as_str()], |row| row.get(0))?;
    match next {
        Some(due) => {
            let job = Job {
                kind: JobKind::CleanUp,
                subject: instance.to_string(),
                due: moment(due),
            };
            schedule(connection, &job)
        }
        None => unschedule(connection, JobKind::CleanUp, instance.as_str()),
    }
}

/// Makes the order due that waits longest for room at `owner`. It is told by its state: one that may publish has no
/// attempt planned for later, unless it gave way to another.
fn call_next(connection: &Connection, instance: &InstanceName, owner: &str, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE job SET due = ?3 WHERE kind = 'issue' AND subject = \
             (SELECT record.certificate FROM record \
             JOIN issuance ON issuance.certificate = record.certificate \
             JOIN job AS waiting ON waiting.kind = 'issue' AND waiting.subject = record.certificate \
             WHERE record.owner = ?2 AND record.instance = ?1 AND NOT record.removing \
             AND issuance.state ->> 'state' = 'presented' AND waiting.due > ?3 ORDER BY record.id LIMIT 1)",
        )?
        .execute(params![instance.as_str(), owner, now.as_millisecond()])?;
    Ok(())
}

fn select(connection: &Connection, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Record>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM record WHERE {condition}"))?;
    let mut rows = statement.query(values)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read(row)?);
    }
    Ok(records)
}

fn read(row: &Row<'_>) -> Result<Record> {
    let id: i64 = row.get(0)?;
    Ok(Record {
        id,
        certificate: parsed(row, 1)?,
        record: NewRecord {
            instance: parsed(row, 2)?,
            owner: parsed(row, 3)?,
            zone: parsed(row, 4)?,
            value: row.get(5)?,
            identifier: parsed(row, 6)?,
            challenge_name: parsed(row, 7)?,
            token: row.get(8)?,
            key_authorization: row.get(9)?,
            standing: row.get::<_, i64>(16)? > 0,
        },
        handle: row.get(10)?,
        phase: if row.get(11)? {
            RecordPhase::Removing
        } else {
            RecordPhase::Wanted
        },
        attempts: row.get(12)?,
        last_error: row.get(13)?,
        created_at: moment(row.get(14)?),
        shared: row.get(15)?,
        published: row.get(17)?,
        canary: match row.get(18)? {
            0 => None,
            TOLD => Some(Canary::Told),
            _ => Some(Canary::AsChallenge),
        },
    })
}

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| Trouble::Damaged {
        what: "challenge record",
        subject: text.clone(),
        reason: error.to_string(),
    })
}
