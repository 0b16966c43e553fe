//! The due queue.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::lanes::Result;
use crate::store::{Job, JobKind};

pub(super) fn due(connection: &Connection, kind: JobKind, now: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let mut statement = connection
        .prepare_cached("SELECT subject, due FROM job WHERE kind = ?1 AND due <= ?2 ORDER BY due LIMIT ?3")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![kind.as_str(), now.as_millisecond(), limit], |row| {
        Ok(Job {
            kind,
            subject: row.get(0)?,
            due: moment(row.get(1)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn next_due(connection: &Connection, now: Timestamp) -> Result<Option<Timestamp>> {
    let due = connection
        .prepare_cached("SELECT due FROM job WHERE due > ?1 ORDER BY due LIMIT 1")?
        .query_row([now.as_millisecond()], |row| row.get(0))
        .optional()?;
    Ok(due.map(moment))
}

pub(super) fn until(connection: &Connection, until: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let mut statement = connection
        .prepare_cached("SELECT kind, subject, due FROM job WHERE due <= ?1 ORDER BY due LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![until.as_millisecond(), limit], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, moment(row.get(2)?)))
    })?;
    let jobs = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // one of a later release is not ours to explain
    Ok(jobs
        .into_iter()
        .filter_map(|(kind, subject, due)| {
            let kind = JobKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
            Some(Job { kind, subject, due })
        })
        .collect())
}

pub(super) fn schedule(connection: &Connection, job: &Job) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO job (kind, subject, due) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET due = ?3",
        )?
        .execute(params![job.kind.as_str(), job.subject, job.due.as_millisecond()])?;
    Ok(())
}

/// Like [`schedule`], but never later than what is queued.
pub(super) fn schedule_by(
    connection: &Connection,
    kind: JobKind,
    subject: &str,
    due: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO job (kind, subject, due) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET due = min(due, ?3)",
        )?
        .execute(params![kind.as_str(), subject, due.as_millisecond()])?;
    Ok(())
}

pub(super) fn unschedule(connection: &Connection, kind: JobKind, subject: &str) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM job WHERE kind = ?1 AND subject = ?2")?
        .execute(params![kind.as_str(), subject])?;
    Ok(())
}

/// A stored moment; one out of range counts as long ago, which makes it due.
pub(super) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
