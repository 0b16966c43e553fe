//! How canaries fare, and where challenge records go.

use rusqlite::{Connection, Row, params};

use super::{
    jobs::moment,
    lanes::{Result, Trouble},
    records::parsed,
};
use crate::{
    store::{CanaryRow, PlaceRow},
    types::{DnsName, InstanceName},
};

pub(super) fn places(connection: &Connection) -> Result<Vec<PlaceRow>> {
    let mut statement =
        connection.prepare_cached("SELECT identifier, owner, zone FROM place ORDER BY identifier")?;
    let mut rows = statement.query([])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        places.push(PlaceRow {
            identifier: parsed(row, 0)?,
            owner: parsed(row, 1)?,
            zone: parsed(row, 2)?,
        });
    }
    Ok(places)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<CanaryRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT instance, zone, next, identifier, at, failing FROM canary ORDER BY instance, zone",
    )?;
    let mut rows = statement.query([])?;
    let mut canaries = Vec::new();
    while let Some(row) = rows.next()? {
        canaries.push(read(row)?);
    }
    Ok(canaries)
}

fn read(row: &Row<'_>) -> Result<CanaryRow> {
    let at: Option<i64> = row.get(4)?;
    let failing: Option<String> = row.get(5)?;
    let damaged = |error: serde_json::Error| Trouble::Damaged {
        what: "canary",
        subject: row.get(1).unwrap_or_default(),
        reason: error.to_string(),
    };
    Ok(CanaryRow {
        instance: parsed(row, 0)?,
        zone: parsed(row, 1)?,
        next: moment(row.get(2)?),
        last: match at {
            Some(at) => Some((parsed(row, 3)?, moment(at))),
            None => None,
        },
        failing: failing
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(damaged)?,
    })
}

pub(super) fn keep(connection: &Connection, canaries: &[CanaryRow], places: &[PlaceRow]) -> Result<()> {
    for canary in canaries {
        let failing = canary.failing.as_ref().map(|failing| {
            serde_json::to_string(failing).expect("a failure has only a moment, a number and a text")
        });
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO canary (instance, zone, next, identifier, at, failing) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                canary.instance.as_str(),
                canary.zone.as_str(),
                canary.next.as_millisecond(),
                canary.last.as_ref().map(|(identifier, _)| identifier.as_str()),
                canary.last.as_ref().map(|(_, at)| at.as_millisecond()),
                failing,
            ])?;
    }
    for place in places {
        connection
            .prepare_cached("INSERT OR REPLACE INTO place (identifier, owner, zone) VALUES (?1, ?2, ?3)")?
            .execute(params![
                place.identifier.as_str(),
                place.owner.as_str(),
                place.zone.as_str()
            ])?;
    }
    Ok(())
}

pub(super) fn forget(
    connection: &Connection,
    canaries: &[(InstanceName, DnsName)],
    places: &[DnsName],
) -> Result<()> {
    for (instance, zone) in canaries {
        connection
            .prepare_cached("DELETE FROM canary WHERE instance = ?1 AND zone = ?2")?
            .execute(params![instance.as_str(), zone.as_str()])?;
    }
    for identifier in places {
        connection
            .prepare_cached("DELETE FROM place WHERE identifier = ?1")?
            .execute([identifier.as_str()])?;
    }
    Ok(())
}
