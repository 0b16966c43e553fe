//! What CAs say of renewals (RFC 9773), kept with the certificate that it is about.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{
    certificates::{self, json, put},
    jobs::schedule,
    lanes::Result,
    ledger,
};
use crate::store::{Job, JobKind, RenewalInfoHeard};

pub(super) fn keep(connection: &Connection, heard: &[RenewalInfoHeard], now: Timestamp) -> Result<()> {
    for heard in heard {
        let name = &heard.certificate;
        let Some(row) = certificates::one(connection, name)? else {
            continue;
        };
        let standing = row.issued.as_ref().and_then(|issued| issued.cert_id.as_deref());
        if standing != Some(heard.info.cert_id.as_str()) {
            continue;
        }
        connection
            .prepare_cached("UPDATE certificate SET renewal_info = ?2 WHERE name = ?1")?
            .execute(params![
                name.as_str(),
                json(name, "renewal information", &heard.info)?
            ])?;
        let next_check = heard.next_check.filter(|_| row.configured);
        put(connection, JobKind::RenewalInfo, name.as_str(), next_check)?;
        ledger::note(connection, name, heard.note.as_slice())?;
        // what is under way, failing, held back or asked for has its own next moment
        let waits_for_its_time = row.issuance.is_none()
            && row.failures == 0
            && row.hold.is_none()
            && !row.cause.is_asked_for()
            && row.next_attempt.is_some_and(|due| due > now);
        if !waits_for_its_time || !row.configured {
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
