//! What the CA would refuse for what is in the DNS is not asked for.

use tracing::{debug, info, warn};

use super::{fault, perform::Performer};
use crate::{
    acme::Account,
    dns::{Location, caa::Issuer},
    issuance::{Failure, Origin},
    preflight::{Finding, Inquiry, Subject, Verdict},
    types::{ChallengeMethod, Fault},
};

/// Findings that one failure shows; the others are in the log.
const SHOWN: usize = 4;

impl Performer<'_> {
    /// Looks at all names. Nothing of it was spent at the CA when it fails.
    pub(super) async fn look_ahead(&self, account: &Account, locations: &[Location]) -> Result<(), Failure> {
        let directory = account.client().directory().await;
        let directory = directory.map_err(|error| fault::of_ca(Fault::from(&error)))?;
        // what is at a name of the account's own, only the account puts there
        let locations = match self.certificate.challenges.first() {
            Some(ChallengeMethod::Dns01) => locations,
            _ => &[],
        };
        let inquiry = Inquiry {
            identifiers: &self.certificate.identifiers,
            issuer: Issuer {
                identities: &directory.meta.caa_identities,
                account: Some(account.url()),
            },
            methods: &self.certificate.challenges,
            locations,
            despite: self.authority.options().despite_dns,
        };
        let findings = self.world.preflight.look(&inquiry).await;
        for finding in &findings {
            self.log(finding);
        }
        let blocking: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Blocks)
            .collect();
        match blocking.as_slice() {
            [] => Ok(()),
            blocking => Err(self.refusal(blocking)),
        }
    }

    fn log(&self, finding: &Finding) {
        let (cert, subject) = (&self.certificate.name, finding.subject.as_str());
        let ca = &self.authority.options().acme.name;
        match finding.verdict {
            Verdict::Blocks | Verdict::Warning => {
                warn!(%cert, %ca, subject, name = %finding.name, verdict = finding.verdict.as_str(), seen = finding.seen, remedy = finding.remedy, "the CA may stumble over this in the DNS");
            }
            Verdict::Unknown => {
                info!(%cert, %ca, subject, name = %finding.name, seen = finding.seen, "it is not known what the CA will find in the DNS");
            }
            Verdict::Fine => {
                debug!(%cert, %ca, subject, name = %finding.name, seen = finding.seen, "the DNS is as the CA wants it");
            }
        }
    }

    /// Another CA may be allowed where this one is not; bogus signatures are the same to all.
    fn refusal(&self, blocking: &[&Finding]) -> Failure {
        let ca = &self.authority.options().acme.name;
        let origin = match blocking.iter().all(|finding| finding.subject == Subject::Caa) {
            true => Origin::Ca,
            false => Origin::Dns,
        };
        let reasons = reasons(blocking);
        let shown = reasons.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
        let more = match reasons.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more, which the log shows"),
        };
        let text = format!("not ordered, as CA `{ca}` would refuse: {shown}{more}");
        Failure {
            origin,
            ..fault::operator(text)
        }
    }
}

/// Each reason once, whatever the number of names that it is one for: `CAA of a.test and 2 more: ...`.
fn reasons(blocking: &[&Finding]) -> Vec<String> {
    let mut groups: Vec<(&Finding, usize)> = Vec::new();
    for finding in blocking {
        let alike = |known: &Finding| {
            (known.subject, &known.seen, &known.remedy) == (finding.subject, &finding.seen, &finding.remedy)
        };
        match groups.iter_mut().find(|(known, _)| alike(known)) {
            Some((_, count)) => *count += 1,
            None => groups.push((finding, 0)),
        }
    }
    let told = |(finding, others): (&Finding, usize)| match others {
        0 => finding.to_string(),
        others => finding.shown_for(&format!("{} and {others} more", finding.name)),
    };
    groups.into_iter().map(told).collect()
}
