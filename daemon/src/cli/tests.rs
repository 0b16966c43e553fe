use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{status::*, steps::Steps, *};
use crate::control::protocol::*;

fn at(text: &str) -> Timestamp {
    format!("{text}Z").parse().expect("a time")
}

fn view() -> View {
    View {
        now: at("2026-11-23T09:00:00"),
        zone: TimeZone::fixed(jiff::tz::offset(1)),
        width: 100,
        color: false,
    }
}

fn valid(name: &str) -> CertificateStatus {
    CertificateStatus {
        name: name.parse().expect("a name"),
        identifiers: ["*.internal.example.test", "internal.example.test"]
            .map(|name| name.parse().expect("an identifier"))
            .into(),
        ca: "letsencrypt".parse().expect("a name"),
        key_type: Some(crate::pki::KeyType::EcdsaP256),
        state: CertificateState::Valid,
        activity: None,
        serial: Some("03AB1F".into()),
        not_before: Some(at("2026-10-24T08:00:00")),
        not_after: Some(at("2027-01-22T08:00:00")),
        renew_at: Some(at("2026-12-23T04:11:09")),
        generation: Some(7),
        live: format!("/var/lib/dns01d/{name}/live").into(),
        deployed_at: Some(at("2026-10-24T09:00:03")),
        hook: HookStatus::Succeeded,
        last_error: None,
        next_attempt_at: None,
        attempts: 0,
    }
}

fn failing() -> CertificateStatus {
    CertificateStatus {
        state: CertificateState::Failing,
        last_error: Some(LastError {
            at: at("2026-11-23T08:48:00"),
            class: "propagation".into(),
            text: "ns2.example.test (192.0.2.53) still has no TXT record at _acme-challenge.office.example.test \
                   after 180 s, while ns1.example.test has it: see why the zone transfer to it lags"
                .into(),
        }),
        next_attempt_at: Some(at("2026-11-23T09:05:00")),
        attempts: 3,
        hook: HookStatus::Failing {
            failures: 2,
            text: "hook exited with status 1; its last line was: nginx: [emerg] unknown directive".into(),
            next_attempt_at: at("2026-11-23T09:00:40"),
        },
        ..valid("office")
    }
}

fn first_issue() -> CertificateStatus {
    CertificateStatus {
        identifiers: vec!["*.bücher.example".parse().expect("an identifier")],
        state: CertificateState::Issuing,
        activity: Some("waiting for DNS".into()),
        serial: None,
        not_before: None,
        not_after: None,
        renew_at: None,
        generation: None,
        deployed_at: None,
        hook: HookStatus::None,
        ..valid("shop")
    }
}

fn status(certificates: Vec<CertificateStatus>) -> Status {
    Status {
        version: "0.1.0".into(),
        state_directory: "/var/lib/dns01d".into(),
        started_at: at("2026-11-20T07:00:00"),
        config_loaded_at: at("2026-11-22T16:30:00"),
        config_error: None,
        certificates,
        providers: vec![],
        leftovers: vec![],
    }
}

fn troubled() -> Status {
    Status {
        config_error: Some("certificates.yaml:12: certificates.shop.ca: there is no CA `letsencript`".into()),
        providers: vec![ProviderStatus {
            instance: "bind".parse().expect("a name"),
            library: "/usr/lib/dns01d/rfc2136.so".into(),
            provider: Some("rfc2136 0.1.0".into()),
            pid: None,
            last_error: Some(LastError {
                at: at("2026-11-23T08:59:00"),
                class: "auth".into(),
                text: "192.0.2.53:53 does not know the key `acme`: BADKEY".into(),
            }),
        }],
        leftovers: vec![Leftover {
            name: "_acme-challenge.office.example.test".parse().expect("a name"),
            value: "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0".into(),
            instance: "bind".parse().expect("a name"),
            since: at("2026-11-23T08:49:00"),
            attempts: 4,
            last_error: Some("192.0.2.53:53 does not answer".into()),
        }],
        ..status(vec![valid("internal"), failing(), first_issue()])
    }
}

fn keeps_to_width(text: &str, width: usize) {
    for line in text.lines() {
        assert!(line.chars().count() <= width, "over {width} columns: {line}");
    }
}

#[test]
fn an_overview_of_good_certificates_is_a_line_each() {
    let text = table(&status(vec![valid("internal")]), &view());
    keeps_to_width(&text, 100);
    insta::assert_snapshot!(text);
}

#[test]
fn an_overview_shows_what_to_look_at() {
    let text = table(&troubled(), &view());
    keeps_to_width(&text, 100);
    insta::assert_snapshot!(text);
}

#[test]
fn a_narrow_terminal_gets_blocks() {
    let text = table(&troubled(), &View { width: 60, ..view() });
    keeps_to_width(&text, 60);
    insta::assert_snapshot!(text);
}

#[test]
fn a_daemon_without_certificates_says_so() {
    insta::assert_snapshot!(table(&status(vec![]), &view()));
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let colored = table(
        &troubled(),
        &View {
            color: true,
            ..view()
        },
    );
    assert!(colored.contains("\x1b[31mrenewal fails\x1b[0m"), "{colored}");
    let mut plain = String::new();
    for (index, part) in colored.split('\x1b').enumerate() {
        plain.push_str(if index == 0 {
            part
        } else {
            part.split_once('m').expect("a colour").1
        });
    }
    let trimmed = |text: &str| {
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect::<String>()
    };
    assert_eq!(trimmed(&plain), trimmed(&table(&troubled(), &view())));
}

#[test]
fn what_a_ca_or_name_server_says_cannot_steer_the_terminal() {
    let mut status = troubled();
    status.certificates[2].activity = Some("waiting\x1b]0;x\x07\n".into());
    status.config_error = Some("\x1b[2J\x1b[1;1Hall is well".into());
    for view in [view(), View { width: 60, ..view() }] {
        let text = table(&status, &view);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn json_is_what_the_daemon_said() {
    let text = json(&troubled()).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Status>(&text).expect("a status"),
        troubled()
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_status_of_a_later_release_is_still_shown() {
    let mut json = serde_json::to_value(status(vec![valid("internal")])).expect("JSON");
    let certificate = &mut json["certificates"][0];
    certificate["state"] = "suspended".into();
    certificate["hook"] = serde_json::json!({"state": "verifying", "port": 443});
    certificate["probe"] = serde_json::json!({"port": 443});
    let status: Status = serde_json::from_value(json).expect("a status");
    assert!(table(&status, &view()).contains("unknown to this command"));
}

#[test]
fn relative_times_use_the_unit_that_says_enough() {
    let relative = |time| view().relative(at(time));
    assert_eq!(relative("2026-11-23T09:00:00"), "now");
    assert_eq!(relative("2026-11-23T09:01:29"), "in 89 s");
    assert_eq!(relative("2026-11-23T08:15:00"), "45 min ago");
    assert_eq!(relative("2026-11-24T20:00:00"), "in 35 h");
    assert_eq!(relative("2026-11-01T09:00:00"), "22 days ago");
    assert_eq!(relative("2036-11-23T09:00:00"), "in 10 years");
}

#[test]
fn a_renewal_is_told_step_by_step() {
    let step = |time: &str, text: &str, done| Step {
        at: at(time),
        certificate: "internal".parse().expect("a name"),
        step: "some".into(),
        text: text.into(),
        done,
    };
    let mut steps = Steps::new(View { width: 80, ..view() });
    let mut text = String::new();
    for step in [
        step("2026-11-23T09:00:00", "an order is placed at letsencrypt", None),
        step(
            "2026-11-23T09:00:00.350",
            "the two values of _acme-challenge.internal.example.test are published through bind",
            None,
        ),
        step(
            "2026-11-23T09:00:03.204",
            "the new certificate is live",
            Some(Outcome::Succeeded {
                serial: "03AB20".into(),
                not_after: at("2027-02-21T09:00:00"),
                took: Duration::from_millis(3204),
            }),
        ),
        step(
            "2026-11-23T09:03:00",
            "the renewal failed",
            Some(Outcome::Failed {
                text: "ns2.example.test still has no TXT record after 180 s".into(),
                next_attempt_at: Some(at("2026-11-23T09:05:00")),
            }),
        ),
    ] {
        text.push_str(&steps.show(&step));
    }
    keeps_to_width(&text, 80);
    insta::assert_snapshot!(text);
}
