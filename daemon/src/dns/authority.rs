//! What an authority's answer to "is there a CNAME at this name?" means.

use super::{
    answer::{Answer, Referral},
    failure::Failure,
};
use crate::types::DnsName;

/// The meaning of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The name is an alias.
    Alias {
        /// Its target; `Err` has the text of one that is no name for us.
        target: Result<DnsName, String>,
        /// It follows from a DNAME further up, and so cannot come from a wildcard.
        by_dname: bool,
    },
    /// The record belongs here, in the zone with this apex.
    Here {
        /// The zone asked about, or one below it that the same server serves.
        apex: DnsName,
    },
    /// Others serve the name.
    Delegated(Referral),
}

/// Reads the answer of a server of `zone` to a CNAME question about `name`.
/// Where an operator `configured` the server, `zone` need not be an apex: the SOA tells.
///
/// # Errors
/// When the answer decides nothing: not authoritative, or an error.
pub(super) fn read(
    answer: &Answer,
    zone: &DnsName,
    name: &DnsName,
    configured: bool,
) -> Result<Verdict, Failure> {
    if let Some(referral) = answer.referral(zone, name) {
        return Ok(Verdict::Delegated(referral));
    }
    // an alias that leads to a name that does not exist may come with NXDOMAIN (RFC 6604)
    if !answer.is_conclusive() {
        return Err(Failure::Rcode(answer.rcode));
    }
    if !answer.authoritative {
        return Err(Failure::NotAuthoritative);
    }
    if let Some(target) = answer.cname(name) {
        return Ok(Verdict::Alias {
            target,
            by_dname: answer.has_dname(name),
        });
    }
    match answer.enclosing_apex(name) {
        Some(apex) if configured || apex.is_within(zone) => Ok(Verdict::Here { apex }),
        // the server serves the parent, and not the zone that it is listed for
        Some(_) => Err(Failure::NotAuthoritative),
        None => Ok(Verdict::Here { apex: zone.clone() }),
    }
}
