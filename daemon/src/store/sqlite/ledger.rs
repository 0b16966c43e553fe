//! What was spent of the CAs' limits, and what happened.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{jobs::moment, lanes::Result};
use crate::{
    schedule::Cause,
    store::{Begun, Charge, Note},
    types::{CaName, CertificateName},
};

/// The breaker looks back a day; people, a little longer.
const BEGUN_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Notes kept of a certificate.
const NOTES: u32 = 200;

pub(super) fn budgets(connection: &Connection, keys: &[String]) -> Result<Vec<Option<Timestamp>>> {
    let mut statement = connection.prepare_cached("SELECT full_at FROM budget WHERE key = ?1")?;
    keys.iter()
        .map(|key| {
            let full_at: Option<i64> = statement.query_row([key], |row| row.get(0)).optional()?;
            Ok(full_at.map(moment))
        })
        .collect()
}

pub(super) fn charge(connection: &Connection, charges: &[Charge], now: Timestamp) -> Result<()> {
    if charges.is_empty() {
        return Ok(());
    }
    let now = now.as_millisecond();
    connection
        .prepare_cached("DELETE FROM budget WHERE full_at < ?1")?
        .execute([now])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO budget (key, full_at) VALUES (?1, ?2 + ?3) \
         ON CONFLICT DO UPDATE SET full_at = max(full_at, ?2) + ?3",
    )?;
    for charge in charges {
        let interval = i64::try_from(charge.interval.as_millis()).unwrap_or(i64::MAX / 4);
        statement.execute(params![charge.key, now, interval])?;
    }
    Ok(())
}

pub(super) fn begin(
    connection: &Connection,
    name: &CertificateName,
    ca: &CaName,
    cause: Cause,
    now: Timestamp,
) -> Result<()> {
    let old = now.checked_sub(BEGUN_AGE).unwrap_or(Timestamp::MIN);
    connection
        .prepare_cached("DELETE FROM begun WHERE certificate = ?1 AND at < ?2")?
        .execute(params![name.as_str(), old.as_millisecond()])?;
    connection
        .prepare_cached("INSERT INTO begun (certificate, ca, at, cause) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            name.as_str(),
            ca.as_str(),
            now.as_millisecond(),
            cause.as_str()
        ])?;
    Ok(())
}

/// The newest issuance counts from now: a CSR may be taken long after it was made.
pub(super) fn still_begun(connection: &Connection, name: &CertificateName, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE begun SET at = max(at, ?2) WHERE rowid = \
             (SELECT rowid FROM begun WHERE certificate = ?1 ORDER BY at DESC, rowid DESC LIMIT 1)",
        )?
        .execute(params![name.as_str(), now.as_millisecond()])?;
    Ok(())
}

pub(super) fn begun(
    connection: &Connection,
    name: &CertificateName,
    ca: &CaName,
    since: Timestamp,
) -> Result<Vec<Begun>> {
    let rows = connection
        .prepare_cached(
            "SELECT at, cause FROM begun WHERE certificate = ?1 AND ca = ?2 AND at >= ?3 ORDER BY at",
        )?
        .query_map(
            params![name.as_str(), ca.as_str(), since.as_millisecond()],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows
        .into_iter()
        .map(|(at, cause)| Begun {
            at: moment(at),
            cause: cause_of(Some(&cause)),
        })
        .collect())
}

pub(super) fn note(connection: &Connection, name: &CertificateName, notes: &[Note]) -> Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let mut statement = connection
        .prepare_cached("INSERT INTO note (certificate, at, kind, text) VALUES (?1, ?2, ?3, ?4)")?;
    for note in notes {
        statement.execute(params![
            name.as_str(),
            note.at.as_millisecond(),
            note.kind,
            note.text
        ])?;
    }
    connection
        .prepare_cached(
            "DELETE FROM note WHERE certificate = ?1 AND id <= \
             (SELECT id FROM note WHERE certificate = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![name.as_str(), NOTES])?;
    Ok(())
}

pub(super) fn notes(connection: &Connection, name: &CertificateName, most: usize) -> Result<Vec<Note>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = connection
        .prepare_cached("SELECT at, kind, text FROM note WHERE certificate = ?1 ORDER BY id DESC LIMIT ?2")?;
    let rows = statement.query_map(params![name.as_str(), most], |row| {
        Ok(Note {
            at: moment(row.get(0)?),
            kind: row.get(1)?,
            text: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One of a later release, or none, is a plan.
pub(super) fn cause_of(text: Option<&str>) -> Cause {
    [Cause::Planned, Cause::Changed, Cause::Operator, Cause::Revocation]
        .into_iter()
        .find(|cause| Some(cause.as_str()) == text)
        .unwrap_or_default()
}
