use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{status::*, steps::Steps, *};
use crate::{acme::Algorithm, control::protocol::*, revocation::RevocationReason};

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
        staging: false,
        ca_used: None,
        profile: None,
        renewal_info: None,
        blocked_until: None,
        paused_url: None,
        revoked: None,
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
        canaries: vec![],
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
        canaries: vec![CanaryStatus {
            instance: "internal-dns".parse().expect("a name"),
            zone: "internal.example.org".parse().expect("a name"),
            name: Some("www.internal.example.org".parse().expect("a name")),
            at: Some(at("2026-11-23T08:00:00")),
            next_at: at("2026-11-24T08:00:00"),
            failing: Some(CanaryFailure {
                since: at("2026-11-20T08:00:00"),
                times: 4,
                text: "provider `internal-dns` for `_acme-challenge.www.internal.example.org`: credentials refused: BADKEY".into(),
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

/// With everything that a CA can say or do.
fn watched() -> CertificateStatus {
    CertificateStatus {
        staging: true,
        ca_used: Some("zerossl".parse().expect("a name")),
        profile: Some("shortlived".into()),
        renewal_info: Some(RenewalInfoStatus {
            start: at("2026-11-22T08:00:00"),
            end: at("2026-11-23T08:00:00"),
            explanation_url: Some("https://ca.example/incident-7".into()),
            checked_at: at("2026-11-23T07:00:00"),
            next_check_at: Some(at("2026-11-23T13:00:00")),
        }),
        blocked_until: Some(Blocked {
            at: at("2026-11-24T01:00:00"),
            text: "CA `letsencrypt`: the CA allows 5 certificates of exactly these names in 7 days, and all of them are used"
                .into(),
        }),
        paused_url: Some("https://portal.ca.example/unpause?jwt=x".into()),
        revoked: Some(RevokedSince {
            at: at("2026-11-22T09:00:00"),
            reason: Some(RevocationReason::KeyCompromise),
            confirmed: Some("the CA's list of 2026-11-22 10:00".into()),
        }),
        ..valid("watched")
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
fn what_a_ca_says_and_does_about_a_certificate_is_shown() {
    let text = certificate(&watched(), &view());
    keeps_to_width(&text, 100);
    insta::assert_snapshot!(text);
    let text = table(&status(vec![watched()]), &View { width: 80, ..view() });
    keeps_to_width(&text, 80);
    insta::assert_snapshot!("what_a_ca_says_and_does_is_to_be_looked_at", text);
}

#[test]
fn a_status_of_an_earlier_release_is_still_shown() {
    let mut json = serde_json::to_value(status(vec![valid("internal")])).expect("JSON");
    let fields = json["certificates"][0].as_object_mut().expect("an object");
    for field in [
        "staging",
        "ca_used",
        "profile",
        "renewal_info",
        "blocked_until",
        "paused_url",
        "revoked",
    ] {
        fields.remove(field).unwrap_or_else(|| panic!("{field}"));
    }
    let seen: Status = serde_json::from_value(json).expect("a status");
    assert_eq!(seen, status(vec![valid("internal")]));
}

fn planned(time: &str, what: PlannedKind, subject: &str, because: &str) -> Planned {
    Planned {
        at: at(time),
        what,
        subject: subject.into(),
        because: because.into(),
    }
}

#[test]
fn a_plan_says_when_what_and_why() {
    let mut seen = Plan {
        until: None,
        planned: vec![
            planned(
                "2026-11-23T08:59:00",
                PlannedKind::CleanUp,
                "bind",
                "2 challenge records are to be removed",
            ),
            planned(
                "2026-11-23T11:00:00",
                PlannedKind::PollAri,
                "internal",
                "the CA wants to be asked again then",
            ),
            planned(
                "2026-12-23T04:11:09",
                PlannedKind::Renew,
                "internal",
                "a moment in the time that the CA suggests, which is from 2026-12-23 00:00 UTC to 2026-12-24 19:00 UTC",
            ),
        ],
        left_out: 7,
    };
    let view = View { width: 80, ..view() };
    let text = plan::text(&seen, &view);
    keeps_to_width(&text, 80);
    insta::assert_snapshot!(text);
    seen.planned.clear();
    seen.left_out = 0;
    assert_eq!(plan::text(&seen, &view), "nothing is planned\n");
    seen.until = Some(at("2026-12-23T00:00:00"));
    assert_eq!(
        plan::text(&seen, &view),
        "nothing is planned until 2026-12-23 01:00\n"
    );
}

#[test]
fn an_explanation_gives_the_decision_and_what_comes_of_it() {
    let explanation = Explanation {
        certificate: "office".parse().expect("a name"),
        sentences: vec![
            "The last try failed, and the next one waits.".into(),
            "CA `letsencrypt` said: \x1b[31mDNS problem: SERVFAIL looking up TXT for _acme-challenge.office.example.test".into(),
        ],
        decided_at: at("2026-11-23T08:48:00"),
        next: Some(planned(
            "2026-11-23T10:28:00",
            PlannedKind::Renew,
            "office",
            "it failed twice: after 1, 10 and 100 minutes it is tried again, then daily",
        )),
    };
    let text = why::text(&explanation, &View { width: 80, ..view() });
    keeps_to_width(&text, 80);
    assert!(!text.contains('\x1b'), "{text:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn an_account_is_shown_with_its_key() {
    let mut account = AccountInfo {
        ca: "letsencrypt".parse().expect("a name"),
        url: "https://ca.example/acct/7".parse().expect("an address"),
        status: "valid".into(),
        key_algorithm: Some(Algorithm::Es384),
        thumbprint: "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s".into(),
        key_age_days: Some(120),
        rollover_at: Some(at("2027-07-26T09:00:00")),
        contacts: vec!["mailto:ops@example.org".into()],
        terms: Some("https://ca.example/terms".into()),
    };
    let first = account::text(&account, &view());
    account.key_age_days = None;
    account.rollover_at = None;
    account.contacts.clear();
    account.terms = None;
    insta::assert_snapshot!(format!("{first}\n{}", account::text(&account, &view())));
}

#[test]
fn a_ca_is_shown_with_what_it_offers_and_what_is_left_of_its_limits() {
    let le = CaInfo {
        name: "letsencrypt".parse().expect("a name"),
        directory: "https://acme-v02.api.letsencrypt.org/directory".into(),
        staging: false,
        trial: Some("letsencrypt-staging".parse().expect("a name")),
        account: Some("https://ca.example/acct/7".parse().expect("an address")),
        offers: Some(CaOffers {
            terms: Some("https://ca.example/terms".into()),
            website: Some("https://letsencrypt.org".into()),
            caa_identities: vec!["letsencrypt.org".into()],
            external_account_required: true,
            renewal_info: true,
            key_change: true,
            profiles: [
                ("classic", "https://letsencrypt.org/docs/profiles#classic"),
                (
                    "shortlived",
                    "a profile whose description is long enough to need a second line in this view",
                ),
            ]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        }),
        unreachable: None,
        limits: vec![
            LimitInfo {
                what: "new orders of this account".into(),
                most: 300,
                per_seconds: 10_800,
                left: 297,
                next_at: None,
            },
            LimitInfo {
                what: "certificates of exactly these names".into(),
                most: 5,
                per_seconds: 604_800,
                left: 0,
                next_at: Some(at("2026-11-24T01:00:00")),
            },
        ],
        breaker: true,
    };
    let other = CaInfo {
        name: "trial".parse().expect("a name"),
        staging: true,
        trial: None,
        account: None,
        offers: None,
        unreachable: Some("CA `trial`: no route to host".into()),
        limits: vec![],
        breaker: false,
        ..le.clone()
    };
    let text = authority::text(&[le, other], &View { width: 80, ..view() });
    keeps_to_width(&text, 80);
    insta::assert_snapshot!(text);
}

#[test]
fn a_revocation_says_what_confirms_it() {
    let step = |confirmed: Option<&str>, replaced| Step {
        at: at("2026-11-23T09:00:00"),
        certificate: "internal".parse().expect("a name"),
        step: "revoke".into(),
        text: "the CA took the revocation".into(),
        done: Some(Outcome::Revoked(Revoked {
            serial: "03AB1F".into(),
            reason: RevocationReason::Superseded,
            confirmed: confirmed.map(str::to_owned),
            replaced,
        })),
    };
    let mut steps = Steps::new(View { width: 80, ..view() });
    let text = steps.show(&step(Some("the CA's list"), true)) + &steps.show(&step(None, false));
    keeps_to_width(&text, 80);
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
