//! What findings come to: which certificates would be issued.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    control::protocol::{Because, Finding, Part, Prospect, Verdict},
    engine::{Certificate, World},
    types::{DnsName, InstanceName},
};

use super::scope::Scope;

/// Where the records of a name go.
pub(super) struct Way {
    pub instance: InstanceName,
    pub zone: DnsName,
}

/// What became of every certificate in the scope. `ways` are where the records of names go.
pub(super) fn prospects(
    world: &World,
    scope: &Scope,
    findings: &[Finding],
    ways: &BTreeMap<DnsName, Way>,
) -> Vec<Prospect> {
    let certificates = scope.certificates.iter();
    certificates
        .filter_map(|name| world.certificates.get(name))
        .map(|certificate| {
            let looked_at: BTreeSet<&DnsName> = scope
                .names
                .iter()
                .filter(|name| name.certificates.contains(&certificate.name))
                .map(|name| &name.name)
                .collect();
            let names: BTreeSet<&DnsName> = certificate.identifiers.iter().map(|one| one.name()).collect();
            let because = because(certificate, &looked_at, findings, ways);
            Prospect {
                certificate: certificate.name.clone(),
                verdict: because.first().map_or(Verdict::Fine, |worst| worst.verdict),
                because,
                looked_at: looked_at.len(),
                names: names.len(),
            }
        })
        .collect()
}

fn because(
    certificate: &Certificate,
    looked_at: &BTreeSet<&DnsName>,
    findings: &[Finding],
    ways: &BTreeMap<DnsName, Way>,
) -> Vec<Because> {
    let through = |is: &dyn Fn(&Way) -> bool| looked_at.iter().any(|name| ways.get(*name).is_some_and(is));
    let counts = |part: &Part| match part {
        Part::Configuration => true,
        Part::Provider(instance) => through(&|way| way.instance == *instance),
        Part::Zone(zone) => through(&|way| way.zone == *zone),
        Part::Ca(ca) => certificate.cas.contains(ca),
        Part::Name(name) => looked_at.contains(name),
        Part::Certificate(name) => *name == certificate.name,
    };
    let blocked: BTreeSet<&Part> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Blocks)
        .map(|finding| &finding.part)
        .collect();
    let another_ca = certificate
        .cas
        .iter()
        .any(|ca| !blocked.contains(&Part::Ca(ca.clone())));
    let mut because: Vec<Because> = findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Fine && counts(&finding.part))
        .map(|finding| Because {
            part: finding.part.clone(),
            verdict: match &finding.part {
                // the next one of its CAs is asked
                Part::Ca(_) if another_ca => finding.verdict.min(Verdict::Warning),
                _ => finding.verdict,
            },
            seen: finding.seen.clone(),
            remedy: finding.remedy.clone(),
        })
        .collect();
    because.sort_by_key(|one| std::cmp::Reverse(one.verdict));
    because
}
