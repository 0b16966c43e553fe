//! Does the answer with our values reach the CA?

use tokio::time::{Instant, timeout_at};

use super::{Finding, Look, Outcome, Subject, Verdict};
use crate::{
    dns::{Dns, Indirect, Location, Volume},
    types::Identifier,
};

/// Octets of a dns-01 value: base64url of a SHA-256 (RFC 8555 8.4).
const VALUE: usize = 43;
/// Values that may well be of use: of other clients that validate at this moment, or not yet removed. With a dozen of
/// old ones CAs have failed.
const MANY: usize = 5;

/// Looks at one owner name, where `count` values are to be published.
pub(super) async fn look(dns: &Dns, location: &Location, count: usize, deadline: Instant) -> Finding {
    let look = Look::begin(Subject::Size, Identifier::from(location.owner.clone()));
    if location.visibility.is_indirect() {
        return look.end(Outcome {
            verdict: Verdict::Unknown,
            seen: Indirect::of(location).to_string(),
            remedy: None,
        });
    }
    let outcome = match timeout_at(deadline, dns.volume(location)).await {
        Ok(Ok(volume)) => evaluate(&volume, location, count),
        Ok(Err(error)) => Outcome {
            verdict: Verdict::Unknown,
            seen: error.to_string(),
            remedy: None,
        },
        Err(_) => Outcome::late(),
    };
    look.end(outcome)
}

fn evaluate(volume: &Volume, location: &Location, count: usize) -> Outcome {
    let octets = volume.with(count, VALUE);
    let there = match volume.values {
        0 => {
            return Outcome::fine(format!(
                "{octets} octets with our record, and nothing is there yet"
            ));
        }
        1 => "1 TXT value is there".to_owned(),
        values => format!("{values} TXT values are there"),
    };
    let (verdict, consequence) = match octets {
        octets if octets > Volume::MOST => (Verdict::Blocks, ": more than any answer can have"),
        octets if octets > Volume::UDP => (
            Verdict::Warning,
            ": CAs have to ask over TCP, which some networks drop",
        ),
        _ if volume.values >= MANY => (Verdict::Warning, ": CAs have failed on as many"),
        _ => (Verdict::Fine, ""),
    };
    let remedy = format!(
        "delete the TXT records at {}. that no client waits for; nobody needs them after a validation, and dns01d \
         removes only its own",
        location.owner
    );
    Outcome {
        verdict,
        seen: format!("{there} already, and with ours the answer has {octets} octets{consequence}"),
        remedy: (verdict != Verdict::Fine).then_some(remedy),
    }
}
