//! How long records take to be seen.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::lanes::Result;
use crate::types::{DnsName, InstanceName};

/// The latest come first.
pub(super) fn of(connection: &Connection, instance: &InstanceName, zone: &DnsName) -> Result<Vec<Duration>> {
    let mut statement = connection
        .prepare_cached("SELECT took FROM spread WHERE instance = ?1 AND zone = ?2 ORDER BY id DESC")?;
    let rows = statement.query_map(params![instance.as_str(), zone.as_str()], |row| {
        row.get(0)
            .map(|took: i64| Duration::from_millis(took.unsigned_abs()))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Adds one to the `keep - 1` that came last.
pub(super) fn add(
    connection: &Connection,
    instance: &InstanceName,
    zone: &DnsName,
    took: Duration,
    keep: u32,
) -> Result<()> {
    let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT INTO spread (instance, zone, took) VALUES (?1, ?2, ?3)")?
        .execute(params![instance.as_str(), zone.as_str(), took])?;
    connection
        .prepare_cached(
            "DELETE FROM spread WHERE instance = ?1 AND zone = ?2 AND id NOT IN
             (SELECT id FROM spread WHERE instance = ?1 AND zone = ?2 ORDER BY id DESC LIMIT ?3)",
        )?
        .execute(params![instance.as_str(), zone.as_str(), keep])?;
    Ok(())
}
