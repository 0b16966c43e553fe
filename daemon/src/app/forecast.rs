//! What will happen to certificates if nothing else does, and why then: read from what the store keeps of the
//! decisions, so that it is what the engine goes by.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::budgeted::Budgets;
use crate::{
    control::protocol::{Plan, Planned, PlannedKind},
    deployment::State,
    engine::Certificate,
    schedule::{Cause, LONG_LIFETIME, planned_interval},
    store::{CanaryRow, CertificateRow, Job, JobKind},
    types::{CaName, CertificateName, FaultClass},
};

/// Renewals of one certificate that are foretold: enough for 24-hour certificates over three months.
const MOST_RENEWALS: usize = 200;

/// More than a person reads; a program asks for a shorter time.
const MOST_LISTED: usize = 1_000;

/// What the store keeps of decisions.
pub(super) struct Decided {
    pub rows: Vec<CertificateRow>,
    pub jobs: Vec<Job>,
    pub canaries: Vec<CanaryRow>,
    /// CAs and when the keys of their accounts are rolled over.
    pub rollovers: Vec<(CaName, Timestamp)>,
    pub budgets: Budgets,
}

/// What is planned of everything: what is next of each kind, or all of it until a moment.
pub(super) fn plan(
    certificates: &BTreeMap<CertificateName, Certificate>,
    decided: Decided,
    now: Timestamp,
    end: Option<Timestamp>,
) -> Plan {
    let Decided {
        rows,
        jobs,
        canaries,
        rollovers,
        budgets,
    } = decided;
    let mut planned: Vec<Planned> = Vec::new();
    for row in &rows {
        let Some(certificate) = certificates.get(&row.name) else {
            continue;
        };
        planned.extend(match end {
            Some(end) => until(certificate, row, now, end),
            None => next(certificate, row, now),
        });
    }
    budgets.hold_back(&mut planned, now);
    planned.retain(|planned| end.is_none_or(|end| planned.at <= end));
    let due = |at: &Timestamp| end.is_none_or(|end| *at <= end);
    planned.extend(
        rollovers
            .iter()
            .filter(|(_, at)| due(at))
            .map(|(ca, at)| Planned {
                at: *at,
                what: PlannedKind::Rollover,
                subject: ca.to_string(),
                because: "the account's key is as old then as `account-key-rollover` lets it get".into(),
            }),
    );
    planned.extend(canaries.iter().filter(|row| due(&row.next)).map(canary));
    planned.extend(jobs.iter().filter(|job| due(&job.due)).filter_map(of_others));
    planned.sort_by(|one, other| {
        let key = |planned: &Planned| (planned.at, planned.subject.clone());
        key(one).cmp(&key(other))
    });
    let left_out = planned.len().saturating_sub(MOST_LISTED);
    planned.truncate(MOST_LISTED);
    Plan {
        until: end,
        planned,
        left_out: left_out as u64,
    }
}

fn canary(row: &CanaryRow) -> Planned {
    Planned {
        at: row.next,
        what: PlannedKind::Canary,
        subject: format!("{} into {}", row.instance, row.zone),
        because: match &row.failing {
            Some(failing) => format!("canaries fail there since {:.0}", failing.since),
            None => "what changed at the provider is to be known long before a renewal".into(),
        },
    }
}

/// Jobs that are no certificate's.
fn of_others(job: &Job) -> Option<Planned> {
    let (what, subject, because) = match job.kind {
        JobKind::CleanUp => (
            PlannedKind::CleanUp,
            job.subject.clone(),
            "challenge records that it published are to be removed",
        ),
        JobKind::Revoke => (
            PlannedKind::Revoke,
            format!("no. {}", job.subject),
            "a revocation that was asked for goes on",
        ),
        JobKind::Standing => (
            PlannedKind::Standing,
            job.subject.clone(),
            "its standing records are to be there as long as it is renewed by them",
        ),
        JobKind::Issue
        | JobKind::Deploy
        | JobKind::RenewalInfo
        | JobKind::Rollover
        // each has a moment of its own
        | JobKind::Canary => return None,
    };
    Some(Planned {
        at: job.due,
        what,
        subject,
        because: because.into(),
    })
}

/// The next thing of each kind that is planned for a certificate.
pub(super) fn next(certificate: &Certificate, row: &CertificateRow, now: Timestamp) -> Vec<Planned> {
    let planned = |at, what, because| Planned {
        at,
        what,
        subject: certificate.name.to_string(),
        because,
    };
    let mut next = Vec::new();
    if let Some((at, because)) = order(certificate, row, now) {
        next.push(planned(at, PlannedKind::Renew, because));
    }
    if let Some(at) = asks_again(row) {
        let because = match row.renewal_info.as_ref().and_then(|info| info.error.as_ref()) {
            Some(error) => {
                format!("the CA is asked again when to renew it: the last answer was of no use, {error}")
            }
            None => "the CA said that it can be asked again then when to renew it".into(),
        };
        next.push(planned(at, PlannedKind::PollAri, because));
    }
    if let Some((at, because)) = row.deployment.as_ref().and_then(deployment) {
        next.push(planned(at, PlannedKind::Deploy, because));
    }
    next
}

fn deployment(state: &State) -> Option<(Timestamp, String)> {
    let because = match state {
        State::Nothing | State::Deployed { .. } => return None,
        State::Stored {
            generation,
            failure: Some(failure),
            ..
        } => format!("generation {generation} could not be made live: {failure}"),
        State::Stored { generation, .. } => format!("generation {generation} is ready to be made live"),
        State::Switched {
            failures,
            failure: Some(failure),
            ..
        } => format!("its hook failed {failures} times since the switch, last: {failure}"),
        State::Switched { generation, .. } => {
            format!("generation {generation} is live and its hook is to run")
        }
    };
    Some((state.due()?, because))
}

/// As [`next`], and what follows from it until a moment. How often a CA is asked when to renew is the CA's choice
/// each time, and is foretold once only.
pub(super) fn until(
    certificate: &Certificate,
    row: &CertificateRow,
    now: Timestamp,
    end: Timestamp,
) -> Vec<Planned> {
    let mut planned = next(certificate, row, now);
    planned.retain(|planned| planned.at <= end);
    let first = planned
        .iter()
        .find(|planned| planned.what == PlannedKind::Renew)
        .map(|planned| planned.at.max(now));
    let (Some(first), Some(issued)) = (first, &row.issued) else {
        return planned;
    };
    let interval = planned_interval(issued.not_before, issued.not_after);
    let mut at = first;
    for _ in 1..MOST_RENEWALS {
        match at.checked_add(interval) {
            Ok(next) if next <= end => at = next,
            _ => break,
        }
        planned.push(Planned {
            at,
            what: PlannedKind::Renew,
            subject: certificate.name.to_string(),
            because: format!(
                "{}, if the one before lives as long as the one of now; its CA may suggest another time",
                rule(issued.not_after.duration_since(issued.not_before) >= LONG_LIFETIME)
            ),
        });
    }
    planned
}

/// When the next order is asked for, and why then. `None` while nothing asks for one.
pub(super) fn order(
    certificate: &Certificate,
    row: &CertificateRow,
    now: Timestamp,
) -> Option<(Timestamp, String)> {
    if let Some(hold) = &row.hold {
        return Some((hold.until, format!("it is due and held back: {}", hold.because)));
    }
    let due = row.next_attempt;
    if row.issuance.is_some() && row.last_error.is_none() {
        return Some((due.unwrap_or(now), "an order is under way".into()));
    }
    if let Some(error) = &row.last_error {
        return due.map(|at| (at, patience(error.class, row.failures)));
    }
    let Some(issued) = &row.issued else {
        return due.map(|at| (at, "there is none yet".into()));
    };
    let at = due.or_else(|| row.renew_at())?;
    let because = if issued.revoked {
        "the one on disk is revoked, or about to be".into()
    } else if !certificate.wanted().is_served_by_issued(issued) {
        "the configuration asks for another one than that on disk".into()
    } else if row.cause == Cause::Operator && at <= now {
        "an operator asked for it".into()
    } else if issued.not_after <= now {
        "the one on disk has expired".into()
    } else if let Some(suggested) = row.renewal_info.as_ref().and_then(|info| info.suggested.as_ref()) {
        format!(
            "a moment picked from the time that the CA suggests, {} to {}",
            clock(suggested.window.start),
            clock(suggested.window.end)
        )
    } else {
        let long = issued.not_after.duration_since(issued.not_before) >= LONG_LIFETIME;
        format!("{}, and the CA suggests no time", rule(long))
    };
    Some((at, because))
}

/// What the schedule's patience with a failure rests on.
fn patience(class: FaultClass, failures: u32) -> String {
    let times = match failures {
        1 => "it failed once".to_owned(),
        times => format!("it failed {times} times in a row"),
    };
    let rule = match class {
        FaultClass::Transient => {
            "the cause passes by itself, and no try costs anything at the CA: soon at first, hourly later"
        }
        FaultClass::Limited => "whoever limits us said when to come back",
        FaultClass::Refused => "the CA counts refusals: after 1, 10 and 100 minutes, then daily",
        FaultClass::Operator => {
            "a person has to change something; `dns01d reload` or `dns01d renew` tries at once"
        }
    };
    format!("{times}; {rule}")
}

fn rule(long: bool) -> &'static str {
    if long {
        "a third of its life is left then"
    } else {
        "half of its short life is left then"
    }
}

fn asks_again(row: &CertificateRow) -> Option<Timestamp> {
    row.renewal_info
        .as_ref()?
        .next_check(row.issued.as_ref()?.not_after)
}

/// A moment in a sentence.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
