//! What a CA will look at in the DNS before it issues, looked at before it is asked: CAA, DNSSEC, and the size of the
//! answer with the challenge's record.

mod caa;
mod dnssec;
mod finding;
mod size;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use tokio::time::Instant;

pub use finding::{Finding, Subject, Verdict};

use crate::{
    dns::{Dns, Location, caa::Issuer},
    types::{ChallengeMethod, DnsName, Identifier},
};

/// Looks ahead.
#[derive(Clone, Debug)]
pub struct Preflight {
    dns: Dns,
}

/// What is about to be asked of a CA.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    /// The names of the certificate.
    pub identifiers: &'a [Identifier],
    /// The CA, and the account that asks it. One that names no identities looks at no CAA record; such a CA is no
    /// public one, and may believe what others do not.
    pub issuer: Issuer<'a>,
    /// The challenges that may be met, the preferred one first; at least one.
    pub methods: &'a [ChallengeMethod],
    /// Where records of the preferred challenge go, as far as that is known: their size and their zones are looked at.
    pub locations: &'a [Location],
    /// An order is made whatever is found: nothing blocks it, and is warned of instead.
    pub despite: bool,
}

/// How a look ended, and how long it took.
struct Look {
    subject: Subject,
    name: Identifier,
    begun: Instant,
}

/// What a look came to.
struct Outcome {
    verdict: Verdict,
    seen: String,
    remedy: Option<String>,
}

impl Preflight {
    /// Asks through `dns`.
    pub fn new(dns: Dns) -> Self {
        Preflight { dns }
    }

    /// Looks at everything at once; within [`Dns::patience`]. Nothing is remembered: the next call sees what was
    /// corrected meanwhile. What could not be looked at is a finding too.
    pub async fn look(&self, inquiry: &Inquiry<'_>) -> Vec<Finding> {
        let deadline = Instant::now() + self.dns.patience();
        let known: BTreeSet<DnsName> = inquiry
            .locations
            .iter()
            .map(|location| location.zone.clone())
            .collect();
        let policies = self.dns.policies();
        let names = join_all(
            inquiry
                .identifiers
                .iter()
                .map(|identifier| caa::look(&policies, inquiry, identifier, deadline)),
        );
        let signed = join_all(known.iter().map(|zone| self.signatures(inquiry, zone, deadline)));
        let sizes = join_all(
            places(inquiry)
                .into_iter()
                .map(|(location, count)| size::look(&self.dns, location, count, deadline)),
        );
        let (names, (signed, sizes)) = join(names, join(signed, sizes)).await;
        let (names, zones): (Vec<Finding>, Vec<Option<DnsName>>) = names.into_iter().unzip();
        let others: BTreeSet<DnsName> = zones
            .into_iter()
            .flatten()
            .filter(|zone| !known.contains(zone))
            .collect();
        let others = join_all(others.iter().map(|zone| self.signatures(inquiry, zone, deadline))).await;
        let mut findings = [names, signed, others, sizes].concat();
        if inquiry.despite {
            for finding in &mut findings {
                finding.verdict = finding.verdict.min(Verdict::Warning);
            }
        }
        findings
    }

    async fn signatures(&self, inquiry: &Inquiry<'_>, zone: &DnsName, deadline: Instant) -> Finding {
        let is_public = !inquiry.issuer.identities.is_empty();
        dnssec::look(&self.dns, inquiry.locations, zone, is_public, deadline).await
    }
}

/// Each owner name once, with how many values are to stand there.
fn places<'a>(inquiry: &Inquiry<'a>) -> Vec<(&'a Location, usize)> {
    let mut places: Vec<(&Location, usize)> = Vec::new();
    for location in inquiry.locations {
        // a name and its wildcard are proved by a value each
        let proved = location.challenge_name.parent();
        let values = inquiry
            .identifiers
            .iter()
            .filter(|one| Some(one.name()) == proved.as_ref())
            .count();
        match places.iter_mut().find(|(known, _)| known.owner == location.owner) {
            Some((_, count)) => *count += values,
            None => places.push((location, values)),
        }
    }
    places
}

impl Look {
    fn begin(subject: Subject, name: Identifier) -> Self {
        Look {
            subject,
            name,
            begun: Instant::now(),
        }
    }

    fn end(self, outcome: Outcome) -> Finding {
        Finding {
            name: self.name,
            subject: self.subject,
            verdict: outcome.verdict,
            seen: outcome.seen,
            remedy: outcome.remedy,
            took: self.begun.elapsed(),
        }
    }
}

impl Outcome {
    fn fine(seen: String) -> Self {
        Outcome {
            verdict: Verdict::Fine,
            seen,
            remedy: None,
        }
    }

    /// The time for looks is over.
    fn late() -> Self {
        Outcome {
            verdict: Verdict::Unknown,
            seen: "not known in time".into(),
            remedy: None,
        }
    }
}
