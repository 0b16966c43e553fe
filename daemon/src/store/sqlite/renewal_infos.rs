//! What CAs say of renewals (RFC 9773), kept with the certificate that it is about.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    certificates::{json, put},
    jobs::schedule,
    lanes::Result,
    ledger,
};
use crate::{
    store::{Job, JobKind, RenewalInfoHeard},
    types::CertificateName,
};

pub(super) fn keep(connection: &Connection, heard: &[RenewalInfoHeard], now: Timestamp) -> Result<()> {
    for heard in heard {
        let name = &heard.certificate;
        let Some(standing) = standing(connection, name, now)? else {
            continue;
        };
        if standing.cert_id.as_deref() != Some(heard.info.cert_id.as_str()) {
            continue;
        }
        connection
            .prepare_cached("UPDATE certificate SET renewal_info = ?2 WHERE name = ?1")?
            .execute(params![
                name.as_str(),
                json(name, "renewal information", &heard.info)?
            ])?;
        let next_check = heard.next_check.filter(|_| standing.configured);
        put(connection, JobKind::RenewalInfo, name.as_str(), next_check)?;
        ledger::note(connection, name, heard.note.as_slice())?;
        if !standing.waits_for_its_time || !standing.configured {
            continue;
        }
        if let Some(due) = heard.info.renew_at() {
            let subject = name.to_string();
            let kind = JobKind::Issue;
            schedule(connection, &Job { kind, subject, due })?;
        }
    }
    Ok(())
}

/// As much of a certificate's row as an answer depends on: there are more of these than of anything else.
struct Standing {
    configured: bool,
    /// Of the certificate that is in use now.
    cert_id: Option<String>,
    /// What is under way, failing, held back or asked for has its own next moment.
    waits_for_its_time: bool,
}

fn standing(connection: &Connection, name: &CertificateName, now: Timestamp) -> Result<Option<Standing>> {
    let standing = connection
        .prepare_cached(
            "SELECT configured, CASE WHEN json_valid(issued) THEN issued ->> '$.\"cert-id\"' END, \
             failures = 0 AND hold IS NULL \
             AND NOT EXISTS (SELECT 1 FROM issuance WHERE certificate = name) \
             AND coalesce((SELECT due > ?2 FROM job WHERE kind = 'issue' AND subject = name), 0), \
             cause FROM certificate WHERE name = ?1",
        )?
        .query_row(params![name.as_str(), now.as_millisecond()], |row| {
            let cause = ledger::cause_of(row.get::<_, Option<String>>(3)?.as_deref());
            Ok(Standing {
                configured: row.get(0)?,
                cert_id: row.get(1)?,
                waits_for_its_time: row.get::<_, bool>(2)? && !cause.is_asked_for(),
            })
        })
        .optional()?;
    Ok(standing)
}
