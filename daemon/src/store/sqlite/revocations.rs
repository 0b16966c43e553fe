//! Revocations, and the keys that are never certified again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::{
    certificates::named,
    jobs::{moment, schedule, unschedule},
    lanes::{Result, Trouble},
};
use crate::{
    revocation,
    secret::Secret,
    store::{Job, JobKind, NewRevocation, Revocation},
};

pub(super) fn begin(connection: &Connection, new: &NewRevocation, now: Timestamp) -> Result<i64> {
    let text = |value: std::result::Result<String, serde_json::Error>| {
        value.map_err(|error| damaged(0, &error.to_string()))
    };
    if let Some(sha256) = &new.block {
        connection
            .prepare_cached("INSERT OR IGNORE INTO blocked_key (sha256, blocked_at) VALUES (?1, ?2)")?
            .execute(params![sha256, now.as_millisecond()])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO revocation (certificate, cas, serial, chain, reason, key, state, asked_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            new.certificate.as_ref().map(|name| name.as_str()),
            text(serde_json::to_string(&new.cas))?,
            new.serial,
            new.chain,
            new.reason.as_str(),
            new.key.as_ref().map(Secret::expose),
            text(serde_json::to_string(&new.state))?,
            now.as_millisecond(),
        ])?;
    let id = connection.last_insert_rowid();
    plan(connection, id, Some(now))?;
    Ok(id)
}

/// Keeps a state and plans what follows. At the end the key goes.
pub(super) fn keep(
    connection: &Connection,
    id: i64,
    state: &revocation::State,
    due: Option<Timestamp>,
) -> Result<()> {
    let text = serde_json::to_string(state).map_err(|error| damaged(id, &error.to_string()))?;
    connection
        .prepare_cached(
            "UPDATE revocation SET state = ?2, key = CASE WHEN ?3 THEN NULL ELSE key END WHERE id = ?1",
        )?
        .execute(params![id, text, state.is_final()])?;
    plan(connection, id, due)
}

fn plan(connection: &Connection, id: i64, due: Option<Timestamp>) -> Result<()> {
    let (kind, subject) = (JobKind::Revoke, id.to_string());
    match due {
        Some(due) => schedule(connection, &Job { kind, subject, due }),
        None => unschedule(connection, kind, &subject),
    }
}

const COLUMNS: &str = "id, certificate, cas, serial, chain, reason, key, state, asked_at";

pub(super) fn one(connection: &Connection, id: i64) -> Result<Option<Revocation>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM revocation WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(read).transpose()
}

/// The newest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<Revocation>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM revocation ORDER BY id DESC"))?;
    let mut rows = statement.query([])?;
    let mut revocations = Vec::new();
    while let Some(row) = rows.next()? {
        revocations.push(read(row)?);
    }
    Ok(revocations)
}

pub(super) fn is_blocked(connection: &Connection, sha256: &str) -> Result<bool> {
    let found = connection
        .prepare_cached("SELECT 1 FROM blocked_key WHERE sha256 = ?1")?
        .query_row([sha256], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn read(row: &Row<'_>) -> Result<Revocation> {
    let id: i64 = row.get(0)?;
    let certificate: Option<String> = row.get(1)?;
    let reason: String = row.get(5)?;
    Ok(Revocation {
        id,
        asked: NewRevocation {
            certificate: certificate.map(named).transpose()?,
            cas: parsed(id, &row.get::<_, String>(2)?)?,
            serial: row.get(3)?,
            chain: row.get(4)?,
            reason: reason
                .parse()
                .map_err(|error: revocation::UnknownRevocationReason| damaged(id, &error.to_string()))?,
            key: row.get::<_, Option<String>>(6)?.map(Secret::new),
            state: parsed(id, &row.get::<_, String>(7)?)?,
            block: None,
        },
        asked_at: moment(row.get(8)?),
    })
}

fn parsed<T: DeserializeOwned>(id: i64, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(id, &error.to_string()))
}

fn damaged(id: i64, reason: &str) -> Trouble {
    Trouble::Damaged {
        what: "revocation",
        subject: id.to_string(),
        reason: reason.to_owned(),
    }
}
