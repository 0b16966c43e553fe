//! Accounts at CAs, and the small durable state of provider instances.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    jobs::moment,
    lanes::{Result, Trouble},
};
use crate::{
    store::Account,
    types::{CaName, InstanceName},
};

pub(super) fn one(connection: &Connection, ca: &CaName, directory: &str) -> Result<Option<Account>> {
    let row = connection
        .prepare_cached("SELECT url, thumbprint, key_since FROM account WHERE ca = ?1 AND directory = ?2")?
        .query_row(params![ca.as_str(), directory], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<i64>>(2)?,
            ))
        })
        .optional()?;
    row.map(|(url, thumbprint, since)| {
        let url = url
            .parse()
            .map_err(|error: crate::types::IdError| Trouble::Damaged {
                what: "account",
                subject: ca.to_string(),
                reason: error.to_string(),
            })?;
        Ok(Account {
            url,
            thumbprint,
            key_since: since.map(moment),
        })
    })
    .transpose()
}

pub(super) fn keep(connection: &Connection, ca: &CaName, directory: &str, account: &Account) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO account (ca, directory, url, thumbprint, key_since) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            ca.as_str(),
            directory,
            account.url.as_str(),
            account.thumbprint,
            account.key_since.map(Timestamp::as_millisecond),
        ])?;
    Ok(())
}

pub(super) fn plugin_state(
    connection: &Connection,
    instance: &InstanceName,
    key: &str,
) -> Result<Option<Vec<u8>>> {
    Ok(connection
        .prepare_cached("SELECT value FROM plugin_state WHERE instance = ?1 AND key = ?2")?
        .query_row(params![instance.as_str(), key], |row| row.get(0))
        .optional()?)
}

/// False when the key is new and there are `most` already.
pub(super) fn keep_plugin_state(
    connection: &Connection,
    instance: &InstanceName,
    key: &str,
    value: &[u8],
    most: usize,
) -> Result<bool> {
    if value.is_empty() {
        connection
            .prepare_cached("DELETE FROM plugin_state WHERE instance = ?1 AND key = ?2")?
            .execute(params![instance.as_str(), key])?;
        return Ok(true);
    }
    let others: i64 = connection
        .prepare_cached("SELECT count(*) FROM plugin_state WHERE instance = ?1 AND key <> ?2")?
        .query_row(params![instance.as_str(), key], |row| row.get(0))?;
    if others >= i64::try_from(most).unwrap_or(i64::MAX) {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO plugin_state (instance, key, value) VALUES (?1, ?2, ?3)")?
        .execute(params![instance.as_str(), key, value])?;
    Ok(true)
}
