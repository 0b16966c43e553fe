//! Certificates and their issuances.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use super::{
    jobs::{self, moment},
    lanes::{Result, Trouble},
    ledger, records,
};
use crate::{
    deployment,
    issuance::{STATE_VERSION, State},
    schedule::Cause,
    secret::Secret,
    store::{CertificateRow, Change, Issuance, Job, JobKind, Record, Wanted},
    types::{CaName, CertificateName},
};

pub(super) fn adopt(
    connection: &Connection,
    wanted: &[(CertificateName, Wanted)],
    now: Timestamp,
) -> Result<()> {
    let mut gone: BTreeSet<String> = connection
        .prepare_cached("SELECT name FROM certificate WHERE configured")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, wanted) in wanted {
        gone.remove(name.as_str());
        let standing = one_lenient(connection, name)?;
        let text = json(name, "certificate", wanted)?;
        let served = |row: &CertificateRow| {
            let issued = row.issued.as_ref();
            issued.is_some_and(|issued| wanted.is_served_by_issued(issued))
        };
        // a change that was under way and is taken back leaves nothing to do
        let was_served = |row: &CertificateRow| {
            let issued = row.issued.as_ref();
            issued.is_some_and(|issued| row.wanted.is_served_by_issued(issued))
        };
        let (due, cause) = match &standing {
            // neither does what has not been issued begin anew for a CA more
            Some(row)
                if row.configured
                    && (served(row) && was_served(row)
                        || row.issued.is_none() && wanted.is_served_by(&row.wanted, &wanted.cas[0])) =>
            {
                connection
                    .prepare_cached("UPDATE certificate SET wanted = ?2 WHERE name = ?1")?
                    .execute(params![name.as_str(), text])?;
                continue;
            }
            // it came back as it was when it left: its old plan still holds
            Some(row) if served(row) => (row.renew_at().unwrap_or(now), Cause::Planned),
            Some(row) if row.issued.is_some() => (now, Cause::Changed),
            _ => (now, Cause::Planned),
        };
        connection
            .prepare_cached(
                "INSERT INTO certificate (name, configured, wanted, cause) VALUES (?1, 1, ?2, ?3) \
                 ON CONFLICT DO UPDATE SET configured = 1, wanted = ?2, cause = ?3, failures = 0, \
                 last_error = NULL, hold = NULL, troubles = NULL",
            )?
            .execute(params![name.as_str(), text, cause.as_str()])?;
        let info = standing.as_ref().and_then(|row| row.renewal_info.as_ref());
        if let (Some(info), Some(issued)) = (info, standing.as_ref().and_then(|row| row.issued.as_ref())) {
            put(
                connection,
                JobKind::RenewalInfo,
                name.as_str(),
                info.next_check(issued.not_after),
            )?;
        }
        let job = Job {
            kind: JobKind::Issue,
            subject: name.to_string(),
            due,
        };
        jobs::schedule(connection, &job)?;
        // a generation may have been written, but not been switched to, when the certificate left
        let deployment = one(connection, name)?.and_then(|row| row.deployment);
        if let Some(due) = deployment.and_then(|state| state.due()) {
            jobs::schedule_by(connection, JobKind::Deploy, name.as_str(), due)?;
        }
    }
    for name in gone {
        connection
            .prepare_cached("UPDATE certificate SET configured = 0 WHERE name = ?1")?
            .execute([&name])?;
        give_up(connection, &named(name)?, now)?;
    }
    for name in records::without_issuance(connection)? {
        warn!(cert = %name, "challenge records without an order are removed");
        records::plan(connection, &name, &[], now)?;
    }
    Ok(())
}

/// Ends whatever goes on for a certificate that is not configured.
fn give_up(connection: &Connection, name: &CertificateName, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM issuance WHERE certificate = ?1")?
        .execute([name.as_str()])?;
    records::plan(connection, name, &[], now)?;
    records::give_up_standing(connection, name, now)?;
    for kind in [
        JobKind::Issue,
        JobKind::Deploy,
        JobKind::RenewalInfo,
        JobKind::Standing,
    ] {
        jobs::unschedule(connection, kind, name.as_str())?;
    }
    Ok(())
}

/// An operator, or a revocation, wants another certificate now.
pub(super) fn ask(
    connection: &Connection,
    name: &CertificateName,
    cause: Cause,
    now: Timestamp,
) -> Result<()> {
    set_cause(connection, name, cause)?;
    connection
        .prepare_cached("UPDATE certificate SET hold = NULL WHERE name = ?1")?
        .execute([name.as_str()])?;
    put(connection, JobKind::Issue, name.as_str(), Some(now))
}

pub(super) fn set_cause(connection: &Connection, name: &CertificateName, cause: Cause) -> Result<()> {
    connection
        .prepare_cached("UPDATE certificate SET cause = ?2 WHERE name = ?1")?
        .execute(params![name.as_str(), cause.as_str()])?;
    Ok(())
}

const COLUMNS: &str = "name, configured, wanted, issued, failures, last_error, deployment, \
     (SELECT state ->> 'state' FROM issuance WHERE certificate = name), \
     (SELECT due FROM job WHERE kind = 'issue' AND subject = name), cause, hold, troubles, renewal_info";

pub(super) fn all(connection: &Connection) -> Result<Vec<CertificateRow>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM certificate WHERE configured ORDER BY name"
    ))?;
    let mut rows = statement.query([])?;
    let mut certificates = Vec::new();
    while let Some(row) = rows.next()? {
        certificates.push(read(row)?);
    }
    Ok(certificates)
}

pub(super) fn one(connection: &Connection, name: &CertificateName) -> Result<Option<CertificateRow>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM certificate WHERE name = ?1"))?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(read).transpose()
}

/// As [`one`]; a row whose wish cannot be read counts as none, because the configuration says it anew.
fn one_lenient(connection: &Connection, name: &CertificateName) -> Result<Option<CertificateRow>> {
    match one(connection, name) {
        Err(Trouble::Damaged {
            what,
            subject,
            reason,
        }) => {
            warn!(
                cert = subject,
                what, reason, "stored value cannot be read and is written anew"
            );
            Ok(None)
        }
        other => other,
    }
}

pub(super) fn issuance(connection: &Connection, name: &CertificateName) -> Result<Option<Issuance>> {
    type Row = (u32, String, String, Option<String>, Option<String>);
    let row: Option<Row> = connection
        .prepare_cached("SELECT version, wanted, state, key, ca FROM issuance WHERE certificate = ?1")?
        .query_row([name.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((version, wanted, state, key, ca)) = row else {
        return Ok(None);
    };
    if version > STATE_VERSION {
        return Err(Trouble::Damaged {
            what: "issuance",
            subject: name.to_string(),
            reason: format!("it has version {version}, this dns01d knows up to {STATE_VERSION}"),
        });
    }
    Ok(Some(Issuance {
        wanted: parsed(name.as_str(), "issuance", &wanted)?,
        ca: ca
            .map(|ca| ca.parse())
            .transpose()
            .map_err(|error: crate::types::IdError| Trouble::Damaged {
                what: "issuance",
                subject: name.to_string(),
                reason: error.to_string(),
            })?,
        state: parsed(name.as_str(), "issuance", &state)?,
        key: key.map(Secret::new),
    }))
}

pub(super) fn apply(connection: &Connection, change: &Change) -> Result<Vec<Record>> {
    let name = &change.certificate;
    let key = name.as_str();
    let standing: Option<(String, bool)> = connection
        .prepare_cached("SELECT wanted, configured FROM certificate WHERE name = ?1")?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    ledger::charge(connection, &change.charges, change.now)?;
    ledger::note(connection, name, &change.notes)?;
    if let Some((ca, cause)) = &change.begun {
        ledger::begin(connection, name, ca, *cause, change.now)?;
    }
    if change.still_begun {
        ledger::still_begun(connection, name, change.now)?;
    }
    match &change.issuance {
        None => {}
        Some(None) => {
            connection
                .prepare_cached("DELETE FROM issuance WHERE certificate = ?1")?
                .execute([key])?;
        }
        Some(Some((wanted, ca, state))) => keep_issuance(connection, change, wanted, ca, state)?,
    }
    if let Some(plan) = &change.plan {
        records::plan(connection, name, plan, change.now)?;
    }
    if change.remove_records {
        records::plan(connection, name, &[], change.now)?;
    }
    if let Some(issued) = &change.issued {
        connection
            .prepare_cached("UPDATE certificate SET issued = ?2 WHERE name = ?1")?
            .execute(params![key, json(name, "certificate", issued)?])?;
    }
    if let Some((failures, error)) = &change.failure {
        let error = error
            .as_ref()
            .map(|error| json(name, "last error", error))
            .transpose()?;
        connection
            .prepare_cached("UPDATE certificate SET failures = ?2, last_error = ?3 WHERE name = ?1")?
            .execute(params![key, failures, error])?;
    }
    keep_plans(connection, change)?;
    if let Some((state, due)) = &change.deployment {
        keep_deployment(connection, name, state, *due)?;
    }
    if let Some(due) = change.next_attempt {
        // the configuration may have changed under the work: what it asks for now is due now, and not at a moment
        // that was planned for what it asked for before
        let worked_for = match (&change.issuance, &change.issued) {
            (Some(Some((wanted, ca, _))), _) => Some((wanted, Some(ca))),
            (_, Some(issued)) => Some((&issued.wanted, issued.ca())),
            _ => None,
        };
        let changed = match (&standing, worked_for) {
            (Some((wanted, _)), Some((worked_for, Some(ca)))) => {
                let wanted: Wanted = parsed(key, "certificate", wanted)?;
                !wanted.is_served_by(worked_for, ca)
            }
            _ => false,
        };
        let due = if changed { Some(change.now) } else { due };
        put(connection, JobKind::Issue, key, due)?;
        if changed {
            set_cause(connection, name, Cause::Changed)?;
        }
    }
    if let Some((_, false)) = standing {
        // it left the configuration under the work: nothing would take up again what is begun here
        give_up(connection, name, change.now)?;
    }
    records::of_certificate(connection, name)
}

pub(super) fn deploy(
    connection: &Connection,
    name: &CertificateName,
    before: &deployment::State,
    after: &deployment::State,
) -> Result<bool> {
    let standing = one(connection, name)?;
    let Some(row) = standing.filter(|row| row.deployment.clone().unwrap_or_default() == *before) else {
        return Ok(false);
    };
    // one that left the configuration is not taken up again before it is back
    let due = after.due().filter(|_| row.configured);
    keep_deployment(connection, name, after, due)?;
    Ok(true)
}

fn keep_deployment(
    connection: &Connection,
    name: &CertificateName,
    state: &deployment::State,
    due: Option<Timestamp>,
) -> Result<()> {
    let text = state
        .encode()
        .map_err(|error| damaged(name.as_str(), "deployment", &error))?;
    connection
        .prepare_cached("UPDATE certificate SET deployment = ?2 WHERE name = ?1")?
        .execute(params![name.as_str(), text])?;
    put(connection, JobKind::Deploy, name.as_str(), due)
}

/// What a change says of the times to come.
fn keep_plans(connection: &Connection, change: &Change) -> Result<()> {
    let name = &change.certificate;
    let set = |column: &str, value: Option<String>| {
        connection
            .prepare_cached(&format!("UPDATE certificate SET {column} = ?2 WHERE name = ?1"))?
            .execute(params![name.as_str(), value])?;
        Ok::<_, Trouble>(())
    };
    if let Some(info) = &change.renewal_info {
        let text = info
            .as_ref()
            .map(|info| json(name, "renewal information", info))
            .transpose()?;
        set("renewal_info", text)?;
        let next_check = info.as_ref().map(|info| info.next_check);
        put(connection, JobKind::RenewalInfo, name.as_str(), next_check)?;
    }
    if let Some(hold) = &change.hold {
        set(
            "hold",
            hold.as_ref().map(|hold| json(name, "hold", hold)).transpose()?,
        )?;
    }
    if let Some(troubles) = &change.troubles {
        let text = (!troubles.is_empty())
            .then(|| json(name, "troubles", troubles))
            .transpose()?;
        set("troubles", text)?;
    }
    match change.cause {
        Some(cause) => set_cause(connection, name, cause),
        None => Ok(()),
    }
}

fn keep_issuance(
    connection: &Connection,
    change: &Change,
    wanted: &Wanted,
    ca: &CaName,
    state: &State,
) -> Result<()> {
    let name = &change.certificate;
    // the key enters with its CSR and leaves with the order; between, no statement touches it
    let keeps_key = matches!(state, State::Finalizing { .. } | State::Issued { .. });
    connection
        .prepare_cached(
            "INSERT INTO issuance (certificate, version, wanted, state, key, updated_at, ca) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8) ON CONFLICT DO UPDATE SET version = ?2, wanted = ?3, \
             state = ?4, key = CASE WHEN ?7 THEN coalesce(?5, key) END, updated_at = ?6, ca = ?8",
        )?
        .execute(params![
            name.as_str(),
            STATE_VERSION,
            json(name, "issuance", wanted)?,
            json(name, "issuance", state)?,
            change.key.as_ref().map(Secret::expose),
            change.now.as_millisecond(),
            keeps_key,
            ca.as_str(),
        ])?;
    Ok(())
}

pub(super) fn put(
    connection: &Connection,
    kind: JobKind,
    subject: &str,
    due: Option<Timestamp>,
) -> Result<()> {
    match due {
        Some(due) => jobs::schedule(
            connection,
            &Job {
                kind,
                subject: subject.to_owned(),
                due,
            },
        ),
        None => jobs::unschedule(connection, kind, subject),
    }
}

fn read(row: &Row<'_>) -> Result<CertificateRow> {
    let name: String = row.get(0)?;
    let what = "certificate";
    let optional = |column: usize| row.get::<_, Option<String>>(column);
    Ok(CertificateRow {
        configured: row.get(1)?,
        wanted: parsed(&name, what, &row.get::<_, String>(2)?)?,
        // what cannot be read is as good as absent: live files tell it again
        issued: optional(3)?.and_then(|text| lenient(&name, "issued certificate", &text)),
        failures: row.get(4)?,
        last_error: optional(5)?.and_then(|text| lenient(&name, "last error", &text)),
        deployment: optional(6)?.and_then(|text| {
            deployment::State::decode(&text)
                .inspect_err(|error| warn!(cert = name, %error, "stored deployment is left out"))
                .ok()
        }),
        issuance: row.get(7)?,
        next_attempt: row.get::<_, Option<i64>>(8)?.map(moment),
        cause: ledger::cause_of(optional(9)?.as_deref()),
        hold: optional(10)?.and_then(|text| lenient(&name, "hold", &text)),
        troubles: optional(11)?
            .and_then(|text| lenient(&name, "troubles with CAs", &text))
            .unwrap_or_default(),
        renewal_info: optional(12)?.and_then(|text| lenient(&name, "renewal information", &text)),
        name: named(name)?,
    })
}

pub(super) fn named(text: String) -> Result<CertificateName> {
    text.parse()
        .map_err(|error: crate::types::IdError| Trouble::Damaged {
            what: "certificate",
            subject: text,
            reason: error.to_string(),
        })
}

fn lenient<T: DeserializeOwned>(subject: &str, what: &'static str, text: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(
            |error| warn!(cert = subject, what, %error, "stored value cannot be read and is left out"),
        )
        .ok()
}

pub(super) fn json<T: Serialize>(name: &CertificateName, what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| damaged(name.as_str(), what, &error))
}

fn parsed<T: DeserializeOwned>(subject: &str, what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(subject, what, &error))
}

fn damaged(subject: &str, what: &'static str, error: &serde_json::Error) -> Trouble {
    Trouble::Damaged {
        what,
        subject: subject.to_owned(),
        reason: error.to_string(),
    }
}
