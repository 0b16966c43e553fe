//! Why a certificate stands as it does, in sentences: from what the store keeps of the decisions.

use jiff::Timestamp;

use super::forecast::{self, clock};
use crate::{
    control::protocol::{Explanation, PlannedKind},
    engine::Certificate,
    schedule::choose_ca,
    store::{CanaryRow, CertificateRow, Note},
};

/// `notes` are the newest of the certificate, the newest first.
pub(super) fn explain(
    certificate: &Certificate,
    row: &CertificateRow,
    notes: &[Note],
    now: Timestamp,
) -> Explanation {
    let next = forecast::next(certificate, row, now);
    let order = next.iter().find(|planned| planned.what == PlannedKind::Renew);
    let mut sentences = vec![standing(row, now)];
    sentences.extend(issuance(row));
    sentences.extend(choice(certificate, row, now));
    sentences.extend(renewal_info(row));
    let deployment = next.iter().find(|planned| planned.what == PlannedKind::Deploy);
    sentences.extend(deployment.map(|planned| capital(&planned.because)));
    sentences.extend(
        notes
            .iter()
            .map(|note| format!("{}: {}", clock(note.at), note.text)),
    );
    Explanation {
        certificate: certificate.name.clone(),
        sentences,
        decided_at: decided_at(row, notes, now),
        next: order.or_else(|| next.first()).cloned(),
    }
}

fn standing(row: &CertificateRow, now: Timestamp) -> String {
    let Some(issued) = &row.issued else {
        return "There is no certificate yet.".into();
    };
    let by = issued.ca().map_or(String::new(), |ca| format!(" by CA `{ca}`"));
    let serial = &issued.serial;
    if issued.not_after <= now {
        return format!(
            "Certificate {serial}{by} has expired at {}.",
            clock(issued.not_after)
        );
    }
    let revoked = if issued.revoked {
        ", and is revoked or about to be"
    } else {
        ""
    };
    format!(
        "Certificate {serial}{by} is valid until {}{revoked}.",
        clock(issued.not_after)
    )
}

fn issuance(row: &CertificateRow) -> Option<String> {
    let last = row.last_error.as_ref().map(|error| {
        format!(
            "The last try, at {}, failed ({}): {}",
            clock(error.at),
            error.class.as_str(),
            error.text
        )
    });
    match (&row.issuance, last) {
        (Some(state), Some(last)) => Some(format!("An order is under way, at `{state}`. {last}")),
        (Some(state), None) => Some(format!("An order is under way, at `{state}`.")),
        (None, last) => last,
    }
}

/// Which of several CAs is asked, and why not the first.
fn choice(certificate: &Certificate, row: &CertificateRow, now: Timestamp) -> Option<String> {
    let preferred = certificate.cas.first()?;
    let trouble = row.troubles.get(preferred)?;
    // the moment before the end decides otherwise; what is asked then is said when it is asked
    let asked = choose_ca(&certificate.cas, &row.troubles, false, now)?;
    let failed = match trouble.failures {
        1 => format!("failed once, at {}", clock(trouble.at)),
        times => format!("failed {times} times in a row, last at {}", clock(trouble.at)),
    };
    Some(if asked == preferred {
        format!("CA `{preferred}` {failed}; it is asked again.")
    } else {
        format!("CA `{preferred}` {failed}; for a day from then on CA `{asked}` is asked in its place.")
    })
}

fn renewal_info(row: &CertificateRow) -> Option<String> {
    row.issued.as_ref()?;
    let Some(info) = &row.renewal_info else {
        return Some("Its CA is not asked when to renew it: it offers no renewal information.".into());
    };
    let trouble = info.error.as_ref().map_or(String::new(), |error| {
        format!(" The last answer was of no use: {error}.")
    });
    let Some(suggested) = &info.suggested else {
        return Some(format!("Its CA has not said when to renew it.{trouble}"));
    };
    let why = suggested.explanation_url.as_ref().map_or(String::new(), |url| {
        format!(", for a reason that it gives at {url}")
    });
    Some(format!(
        "Its CA suggests to renew it between {} and {}{why}; {} was picked of that time, once and for all.{trouble}",
        clock(suggested.window.start),
        clock(suggested.window.end),
        clock(suggested.renew_at)
    ))
}

/// The newest of what the next step rests on.
fn decided_at(row: &CertificateRow, notes: &[Note], now: Timestamp) -> Timestamp {
    let moments = [
        row.last_error.as_ref().map(|error| error.at),
        row.renewal_info.as_ref().and_then(|info| info.checked_at),
        row.issued.as_ref().map(|issued| issued.not_before),
        notes.first().map(|note| note.at),
    ];
    let past = moments.into_iter().flatten().filter(|at| *at <= now);
    past.max().unwrap_or(now)
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str())
}

/// What canaries tell of a way that a certificate's challenge records go; `None` when they fare well.
pub(super) fn of_canary(row: &CanaryRow) -> Option<String> {
    let failing = row.failing.as_ref()?;
    let name = match &row.last {
        Some((name, _)) => format!(" for {name}"),
        None => String::new(),
    };
    Some(format!(
        "Canaries{name} through provider `{}` in zone {} fail since {}, so that its renewal would: {}.",
        row.instance,
        row.zone,
        clock(failing.since),
        failing.text
    ))
}
