//! What is said of certificates is what the store keeps of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    budgeted::Budgets,
    explanation,
    forecast::{self, Decided},
};
use crate::{
    control::protocol::{Plan, PlannedKind},
    deployment,
    engine::{Certificate, KeySource},
    outputs,
    pki::{ChainPreference, KeyType},
    schedule::{CaTrouble, Heard, RenewalInfo, Window},
    store::{CertificateRow, Hold, Issued, Job, JobKind, LastError, Note},
    types::{ChallengeMethod, FaultClass},
};

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-11-23T09:00:00")
}

fn certificate() -> Certificate {
    Certificate {
        name: "internal".parse().expect("a name"),
        identifiers: vec!["internal.test".parse().expect("an identifier")],
        cas: ["first", "second"]
            .map(|name| name.parse().expect("a name"))
            .into(),
        profiles: BTreeMap::new(),
        key: KeySource::Generate(KeyType::EcdsaP256),
        challenges: vec![ChallengeMethod::Dns01],
        chain: ChainPreference::Default,
        lifetime: None,
        standing_lifetime: None,
        output: outputs::Options {
            directory: "/var/lib/dns01d/certificates/internal".into(),
            owner: None,
            group: None,
            with_key: true,
            key_mode: outputs::DEFAULT_KEY_MODE,
            mode: outputs::DEFAULT_MODE,
        },
        hook: None,
    }
}

/// Valid for 90 days, and deployed.
fn row() -> CertificateRow {
    let wanted = certificate().wanted();
    CertificateRow {
        name: certificate().name,
        configured: true,
        wanted: wanted.clone(),
        issued: Some(Issued {
            wanted,
            serial: "03AB1F".into(),
            not_before: at("2026-10-24T08:00:00"),
            not_after: at("2027-01-22T08:00:00"),
            generation: 7,
            renew_at: at("2026-12-23T04:11:09"),
            ca: Some("first".parse().expect("a name")),
            account: None,
            cert_id: Some("x.y".into()),
            revoked: false,
        }),
        failures: 0,
        last_error: None,
        deployment: Some(deployment::State::Deployed {
            generation: 7,
            at: at("2026-10-24T09:00:00"),
        }),
        issuance: None,
        next_attempt: Some(at("2026-12-23T04:11:09")),
        cause: Default::default(),
        hold: None,
        troubles: BTreeMap::new(),
        renewal_info: None,
    }
}

fn plan(row: &CertificateRow, end: Option<&str>) -> Plan {
    let certificates = BTreeMap::from([(certificate().name, certificate())]);
    let rollovers = vec![("first".parse().expect("a name"), at("2026-12-01T00:00:00"))];
    let job = |kind, subject: &str| Job {
        kind,
        subject: subject.into(),
        due: at("2026-11-23T08:59:00"),
    };
    // what is a certificate's own is known by its row
    let jobs = vec![
        job(JobKind::Issue, "internal"),
        job(JobKind::CleanUp, "dns"),
        job(JobKind::Revoke, "3"),
    ];
    let decided = Decided {
        rows: vec![row.clone()],
        jobs,
        canaries: Vec::new(),
        rollovers,
        budgets: Budgets::default(),
    };
    forecast::plan(&certificates, decided, now(), end.map(at))
}

fn lines(plan: &Plan) -> Vec<String> {
    let planned = plan.planned.iter();
    planned
        .map(|planned| format!("{} {} {}", planned.at, planned.what, planned.subject))
        .collect()
}

#[test]
fn a_plan_repeats_renewals_as_the_schedule_would() {
    let seen = plan(&row(), Some("2027-06-30T00:00:00"));
    assert_eq!(
        lines(&seen),
        [
            "2026-11-23T08:59:00Z clean up dns",
            "2026-11-23T08:59:00Z revoke no. 3",
            "2026-12-01T00:00:00Z roll over first",
            "2026-12-23T04:11:09Z renew internal",
            "2027-02-21T04:11:09Z renew internal",
            "2027-04-22T04:11:09Z renew internal",
            "2027-06-21T04:11:09Z renew internal",
        ]
    );
    let before = plan(&row(), Some("2026-12-22T00:00:00"));
    assert_eq!(
        lines(&before).last().map(String::as_str),
        Some("2026-12-01T00:00:00Z roll over first")
    );
    // what is next has no end
    assert_eq!(lines(&plan(&row(), None)).len(), 4);
}

#[test]
fn a_daily_certificate_does_not_fill_the_memory_of_who_looks_far_ahead() {
    let mut row = row();
    if let Some(issued) = &mut row.issued {
        issued.not_after = issued.not_before + SignedDuration::from_hours(24);
    }
    let seen = plan(&row, Some("9999-01-01T00:00:00"));
    assert!(seen.planned.len() <= 1_000, "{}", seen.planned.len());
}

#[test]
fn the_reason_of_the_next_order_is_the_one_that_the_engine_has() {
    let because = |row: &CertificateRow| {
        let (at, because) = forecast::order(&certificate(), row, now()).expect("an order");
        format!("{at} {because}")
    };
    let mut seen = vec![because(&row())];
    let mut add = |change: &dyn Fn(&mut CertificateRow)| {
        let mut row = row();
        change(&mut row);
        seen.push(because(&row));
    };
    add(&|row| row.renewal_info = Some(info()));
    add(&|row| {
        row.hold = Some(Hold {
            until: at("2026-11-24T00:00:00"),
            because: "CA `first`: five a week".into(),
        });
    });
    for (class, failures) in [
        (FaultClass::Transient, 1),
        (FaultClass::Refused, 2),
        (FaultClass::Limited, 3),
        (FaultClass::Operator, 4),
    ] {
        add(&move |row| {
            row.failures = failures;
            row.last_error = Some(failure(class));
            row.next_attempt = Some(at("2026-11-23T09:10:00"));
        });
    }
    add(&|row| row.issuance = Some("presented".into()));
    add(&|row| row.issued = None);
    add(&|row| {
        if let Some(issued) = &mut row.issued {
            issued.revoked = true;
        }
    });
    add(&|row| {
        if let Some(issued) = &mut row.issued {
            issued.wanted.identifiers.clear();
        }
    });
    add(&|row| {
        if let Some(issued) = &mut row.issued {
            issued.not_after = at("2026-11-01T00:00:00");
        }
    });
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn an_explanation_has_all_that_the_decision_rests_on() {
    let mut row = row();
    row.failures = 4;
    row.last_error = Some(failure(FaultClass::Refused));
    row.next_attempt = Some(at("2026-11-23T10:28:00"));
    row.renewal_info = Some(info());
    row.troubles.insert(
        "first".parse().expect("a name"),
        CaTrouble {
            failures: 4,
            at: at("2026-11-23T08:48:00"),
            hopeless: false,
        },
    );
    row.deployment = Some(deployment::State::Stored {
        generation: 7,
        due: at("2026-11-23T09:01:00"),
        failure: Some("no space left on device".into()),
    });
    let notes = [Note {
        at: at("2026-11-23T08:48:00"),
        kind: "failed".into(),
        text: "CA `first` refused the order".into(),
    }];
    let explanation = explanation::explain(&certificate(), &row, &notes, now());
    assert_eq!(explanation.decided_at, at("2026-11-23T08:48:00"));
    let next = explanation.next.as_ref().expect("something");
    assert_eq!(
        (next.what, next.at),
        (PlannedKind::Renew, at("2026-11-23T10:28:00"))
    );
    insta::assert_snapshot!(explanation.sentences.join("\n"));
}

#[test]
fn a_certificate_that_is_not_there_yet_is_explained_too() {
    let mut row = row();
    row.issued = None;
    row.deployment = None;
    row.next_attempt = Some(now());
    let explanation = explanation::explain(&certificate(), &row, &[], now());
    assert_eq!(explanation.sentences, ["There is no certificate yet."]);
    assert_eq!(explanation.decided_at, now());
    assert_eq!(explanation.next.expect("an order").because, "there is none yet");
}

fn failure(class: FaultClass) -> LastError {
    LastError {
        at: at("2026-11-23T08:48:00"),
        class,
        state: "due".into(),
        text: "no".into(),
        page: None,
    }
}

/// A window around the third of December, asked for an hour ago.
fn info() -> RenewalInfo {
    let asked = at("2026-11-23T08:00:00");
    let heard = Heard::Window {
        window: Window {
            start: at("2026-12-03T00:00:00"),
            end: at("2026-12-04T00:00:00"),
        },
        explanation_url: Some("https://ca.example/why".into()),
        retry_after: Some(std::time::Duration::from_secs(6 * 3600)),
    };
    RenewalInfo::new("x.y".into(), asked).heard(heard, at("2027-01-22T08:00:00"), asked, 0)
}
