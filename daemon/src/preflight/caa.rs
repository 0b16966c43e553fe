//! May the CA issue for a name, on behalf of our account, proved as we would prove it?

use tokio::time::{Instant, timeout_at};

use super::{Finding, Inquiry, Look, Outcome, Subject, Verdict};
use crate::{
    dns::caa::{
        CaaError, Doubt, IssueValue, Issuer, Judgement, Policies, Property, Refusal, RelevantSet, doubts,
        governing_tag, judge,
    },
    types::{ChallengeMethod, DnsName, Identifier},
};

/// Also tells the zone that the name lies in, if that became known.
pub(super) async fn look(
    policies: &Policies,
    inquiry: &Inquiry<'_>,
    identifier: &Identifier,
    deadline: Instant,
) -> (Finding, Option<DnsName>) {
    let look = Look::begin(Subject::Caa, identifier.clone());
    if inquiry.issuer.identities.is_empty() {
        let seen = "the CA has no caaIdentities, and so looks at no CAA record";
        return (look.end(Outcome::fine(seen.into())), None);
    }
    let policy = match timeout_at(deadline, policies.of(identifier.name())).await {
        Ok(Ok(policy)) => policy,
        Ok(Err(error)) => return (look.end(unknown(&error)), None),
        Err(_) => return (look.end(Outcome::late()), None),
    };
    let outcome = match &policy.set {
        Some(set) => evaluate(set, identifier, inquiry),
        None => Outcome::fine("no CAA record restricts it".into()),
    };
    (look.end(outcome), policy.zone)
}

fn unknown(error: &CaaError) -> Outcome {
    Outcome {
        verdict: Verdict::Unknown,
        seen: format!("not known, and a CA that cannot look it up either refuses: {error}"),
        remedy: None,
    }
}

/// What the CA reads in the set for the method that is wanted most; one that another method would help is told.
fn evaluate(set: &RelevantSet, identifier: &Identifier, inquiry: &Inquiry<'_>) -> Outcome {
    let judged =
        |method: &ChallengeMethod| judge(&set.properties, identifier.is_wildcard(), inquiry.issuer, *method);
    let Some((preferred, others)) = inquiry.methods.split_first() else {
        return Outcome::fine("nothing is to be proved".into());
    };
    let refusal = match judged(preferred) {
        Judgement::Unrestricted => return careful(set, format!("{set} restricts no CA")),
        Judgement::Allowed(property) => {
            return careful(set, format!("`{}. IN CAA {property}` allows it", set.owner));
        }
        Judgement::Refused(refusal) => refusal,
    };
    let tag = governing_tag(&set.properties, identifier.is_wildcard());
    let remedy = Some(remedy(set, tag, &refusal, inquiry.issuer, *preferred));
    if let Some(other) = others
        .iter()
        .find(|method| !matches!(judged(method), Judgement::Refused(_)))
    {
        return Outcome {
            verdict: Verdict::Warning,
            seen: format!("{set} allows {other} and not {preferred}, which is preferred"),
            remedy,
        };
    }
    Outcome {
        verdict: Verdict::Blocks,
        seen: seen(set, tag, &refusal, inquiry.issuer, *preferred),
        remedy,
    }
}

/// Nothing forbids it; some CAs may see it otherwise.
fn careful(set: &RelevantSet, seen: String) -> Outcome {
    let Some(doubt) = doubts(&set.properties).next() else {
        return Outcome::fine(seen);
    };
    let (property, why) = match doubt {
        Doubt::Registered(property) => (property, "is critical, and not every CA knows it"),
        Doubt::Flag(property) => (property, "has a flag that some CAs take for the critical one"),
    };
    let record = record(&set.owner, &property);
    Outcome {
        verdict: Verdict::Warning,
        seen: format!("{seen}, but `{record}` {why}: they refuse"),
        remedy: Some(format!(
            "set its flags to 0: `{}`",
            record_of(&set.owner, 0, &property)
        )),
    }
}

fn seen(
    set: &RelevantSet,
    tag: &str,
    refusal: &Refusal,
    issuer: Issuer<'_>,
    method: ChallengeMethod,
) -> String {
    let ca = issuer.identities.join(" or ");
    match refusal {
        Refusal::Critical(property) => format!(
            "`{}` is critical, and unknown to CAs: none may issue",
            record(&set.owner, property)
        ),
        Refusal::NotNamed => format!("{set} names no {ca} in `{tag}`: the CA must not issue"),
        Refusal::Account { property } => {
            let record = record(&set.owner, property);
            match issuer.account {
                Some(account) => format!("`{record}` is for another account than {account}"),
                None => format!("`{record}` is for an account, and there is none here yet"),
            }
        }
        Refusal::Method { property } => {
            format!(
                "`{}` is for other methods than {method}",
                record(&set.owner, property)
            )
        }
    }
}

/// The record that mends it; a binding that is there already is kept.
fn remedy(
    set: &RelevantSet,
    tag: &str,
    refusal: &Refusal,
    issuer: Issuer<'_>,
    method: ChallengeMethod,
) -> String {
    let old = match refusal {
        Refusal::Critical(property) => {
            return format!("remove `{}`, or its critical flag", record(&set.owner, property));
        }
        Refusal::NotNamed => None,
        Refusal::Account { property } | Refusal::Method { property } => {
            Some(IssueValue::read(&property.value))
        }
    };
    let named = old.as_ref().and_then(|value| value.issuer.clone());
    let identity = named
        .or_else(|| issuer.identities.first().cloned())
        .unwrap_or_default();
    let mut value = identity;
    if let Some(account) = issuer.account {
        value.push_str(&format!("; accounturi={account}"));
    }
    if old.is_some_and(|value| value.all("validationmethods").next().is_some()) {
        value.push_str(&format!("; validationmethods={method}"));
    }
    let property = Property {
        flags: 0,
        tag: tag.into(),
        value: value.into_bytes(),
    };
    format!("add `{}`", record(&set.owner, &property))
}

/// As in a zone file.
fn record(owner: &DnsName, property: &Property) -> String {
    format!("{owner}. IN CAA {property}")
}

fn record_of(owner: &DnsName, flags: u8, property: &Property) -> String {
    let property = Property {
        flags,
        ..property.clone()
    };
    record(owner, &property)
}
