//! What the CAs of a certificate will find in the DNS.

use std::{collections::BTreeMap, sync::Arc};

use super::finding::Notes;
use crate::{
    acme::Directory,
    control::protocol::{self, Verdict},
    dns::{Location, caa::Issuer},
    engine::{Certificate, World},
    preflight::{Finding, Inquiry, Subject},
    types::{CaName, ChallengeMethod, Identifier},
};

/// Findings that say the same, of these names.
struct Group {
    finding: Finding,
    names: Vec<Identifier>,
}

/// Looks at `identifiers` as each CA that answered will; `locations` are of their records.
pub(super) async fn look(
    world: &World,
    certificate: &Certificate,
    identifiers: &[Identifier],
    locations: &[Location],
    directories: &BTreeMap<CaName, Option<Arc<Directory>>>,
    notes: &mut Notes,
) {
    let locations = match certificate.challenges.first() {
        Some(ChallengeMethod::Dns01) => locations,
        // what is at a name of the account's own, only the account puts there
        _ => &[],
    };
    let mut asked = Vec::new();
    for ca in &certificate.cas {
        let (Some(authority), Some(Some(directory))) = (world.authorities.get(ca), directories.get(ca))
        else {
            continue;
        };
        let account = authority.known_account().await;
        let inquiry = Inquiry {
            identifiers,
            issuer: Issuer {
                identities: &directory.meta.caa_identities,
                account: account.as_ref(),
            },
            methods: &certificate.challenges,
            // the same for all CAs
            locations: if asked.is_empty() { locations } else { &[] },
            despite: authority.options().despite_dns,
        };
        asked.push((ca, grouped(world.preflight.look(&inquiry).await)));
    }
    let forbids = |groups: &[Group]| {
        groups
            .iter()
            .any(|group| group.finding.verdict == Verdict::Blocks)
    };
    let another = asked.iter().any(|(_, groups)| !forbids(groups));
    for (at, (ca, groups)) in asked.iter().enumerate() {
        for group in groups {
            let of_this_ca = group.finding.subject == Subject::Caa;
            if of_this_ca || at == 0 {
                notes.add(told(group, of_this_ca.then_some(*ca), another, notes));
            }
        }
    }
}

fn grouped(findings: Vec<Finding>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for finding in findings {
        let same = |known: &Finding| {
            (known.subject, known.verdict, &known.seen, &known.remedy)
                == (finding.subject, finding.verdict, &finding.seen, &finding.remedy)
        };
        match groups.iter_mut().find(|group| same(&group.finding)) {
            Some(group) => group.names.push(finding.name),
            None => groups.push(Group {
                names: vec![finding.name.clone()],
                finding,
            }),
        }
    }
    groups
}

/// `another` of the CAs may issue.
fn told(group: &Group, ca: Option<&CaName>, another: bool, notes: &Notes) -> protocol::Finding {
    let Group { finding, names } = group;
    let names = names
        .iter()
        .map(Identifier::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let seen = match ca {
        Some(ca) => format!("{names} at CA `{ca}`: {}", finding.seen),
        None => format!("{names}: {}", finding.seen),
    };
    let verdict = match finding.verdict {
        // the next one of its CAs is asked
        Verdict::Blocks if ca.is_some() && another => Verdict::Warning,
        verdict => verdict,
    };
    protocol::Finding {
        verdict,
        remedy: finding.remedy.clone(),
        ..notes.step(&finding.subject.as_str().to_lowercase(), seen, finding.took)
    }
}
