//! Do the zone's signatures hold?

use tokio::time::{Instant, timeout_at};

use super::{Finding, Look, Outcome, Subject, Verdict};
use crate::{
    dns::{Dns, Location, Refused, Security},
    types::{DnsName, Identifier},
};

/// Looks at one zone. A CA that is not public may not validate, so that nothing is certain about it.
pub(super) async fn look(
    dns: &Dns,
    locations: &[Location],
    zone: &DnsName,
    is_public: bool,
    deadline: Instant,
) -> Finding {
    let look = Look::begin(Subject::Dnssec, Identifier::from(zone.clone()));
    // a zone that is delegated for challenges alone is asked about by nobody but its authorities
    let off_limits = locations
        .iter()
        .map(|location| &location.owner)
        .find(|owner| zone.is_within(owner));
    let off_limits = off_limits.cloned().or_else(|| zone.child("_acme-challenge").ok());
    let security = match off_limits {
        Some(off_limits) => timeout_at(deadline, dns.security(zone, &off_limits)).await,
        None => return look.end(Outcome::late()),
    };
    let Ok(security) = security else {
        return look.end(Outcome::late());
    };
    let outcome = match security {
        Security::Secure { resolver } => Outcome::fine(format!("signed, and {resolver} finds it secure")),
        Security::Insecure { .. } => Outcome::fine("not signed, which is fine".into()),
        Security::Bogus(refused) => Outcome {
            verdict: if is_public { Verdict::Blocks } else { Verdict::Warning },
            seen: format!("bogus, so that CAs believe nothing in it: {}", list(&refused)),
            remedy: Some(
                "sign the zone anew, or have its parent publish the DS records of the keys that sign it, or none"
                    .into(),
            ),
        },
        Security::Divided { refused, believes } => Outcome {
            verdict: Verdict::Warning,
            seen: format!("{}, while {believes} believes it", list(&refused)),
            remedy: Some("wait until the resolvers agree: they may remember other keys".into()),
        },
        Security::Unknown(why) => Outcome {
            verdict: Verdict::Unknown,
            seen: why.to_string(),
            remedy: None,
        },
    };
    look.end(outcome)
}

fn list(refused: &[Refused]) -> String {
    let texts: Vec<String> = refused.iter().map(ToString::to_string).collect();
    format!("{} with checking, an answer without", texts.join("; "))
}
