//! Renewal information (RFC 9773), rule by rule, by the real daemon in the lab.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

#[path = "../daemon/stage.rs"]
#[allow(dead_code, reason = "shared with the daemon's own tests")]
mod stage;

use std::time::Duration;

use jiff::Timestamp;
use lab::ca::{CaKnobs, Endpoint, RenewalAnswers, ReplacesAnswers, RetryAfter};
use serde_json::Value;
use stage::{Stage, internal};

const DAY: Duration = Duration::from_secs(86_400);

/// A CA whose certificates should be renewed at once: their window, two thirds into their life, has passed.
fn overdue() -> CaKnobs {
    CaKnobs {
        backdate: 70 * DAY,
        ..CaKnobs::default()
    }
}

fn moment(value: &Value) -> Timestamp {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no moment: {value:#}"))
        .parse()
        .unwrap()
}

/// With the breaker as it is unless an operator changes it.
async fn careful(knobs: CaKnobs) -> Stage {
    let mut stage = Stage::with(knobs).await;
    stage.setup.ca_lines = Vec::new();
    stage
}

async fn until_certificates(stage: &Stage, count: usize) {
    for _ in 0..400 {
        if stage.ca.counts().certificates >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?} instead of {count} certificates", stage.ca.counts());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_3_the_ca_is_asked_right_after_issuance_and_its_window_is_used() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let seen = daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            !certificate["renewal_info"].is_null()
        })
        .await;
    let polls = stage.ca.renewal_polls();
    assert_eq!(polls.len(), 1, "and not again before Retry-After: {polls:?}");
    assert_eq!(polls[0].cert_id, stage.ca.certificates()[0].cert_id);
    let info = &seen["renewal_info"];
    let planned = moment(&seen["renew_at"]);
    assert!(
        moment(&info["start"]) <= planned && planned < moment(&info["end"]),
        "{seen:#}"
    );
    let next = moment(&info["next_check_at"]).duration_since(moment(&info["checked_at"]));
    assert_eq!(next.as_secs(), 6 * 3600, "{seen:#}");

    // the moment that was picked outlives the process
    drop(daemon);
    let daemon = home.start().await.unwrap();
    let again = daemon.until_deployed("internal").await;
    assert_eq!(moment(&again["renew_at"]), planned);
    assert_eq!(stage.ca.renewal_polls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_1_a_serial_number_with_a_leading_zero_octet_keeps_it() {
    let stage = Stage::with(CaKnobs {
        high_serials: true,
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            !certificate["renewal_info"].is_null()
        })
        .await;
    let polls = stage.ca.renewal_polls();
    assert!(polls.iter().all(|poll| poll.status == 200), "{polls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_5_a_renewal_names_the_certificate_that_it_replaces() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    let certificates = stage.ca.certificates();
    assert_eq!(certificates.len(), 2);
    assert_eq!(
        certificates[0].replaced_by.as_deref(),
        Some(certificates[1].serial.as_str())
    );
    let told = String::from_utf8_lossy(&renewed.stdout).into_owned();
    assert!(told.contains("replaces"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_5_a_ca_that_does_not_take_a_replacement_is_asked_once_more_without() {
    for answers in [ReplacesAnswers::AlreadyReplaced, ReplacesAnswers::Refused] {
        let stage = Stage::with(CaKnobs {
            replaces: answers,
            ..CaKnobs::default()
        })
        .await;
        let home = stage.home();
        let daemon = home.start().await.unwrap();
        daemon.until_deployed("internal").await;
        let renewed = home.command(&["renew", "internal", "--wait"]);
        assert!(renewed.status.success(), "{answers:?}: {renewed:?}");
        let orders = stage.ca.requests_by_endpoint()[&Endpoint::NewOrder];
        assert_eq!(
            orders, 3,
            "{answers:?}: one, then one refused and one without the field"
        );
        drop(daemon);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_2_a_window_in_the_past_renews_at_once_and_no_ca_makes_a_flood_of_it() {
    let stage = careful(overdue()).await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    until_certificates(&stage, 2).await;
    let held = daemon
        .until("internal", Duration::from_secs(30), |certificate| {
            !certificate["blocked_until"].is_null()
        })
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let certificates = stage.ca.certificates();
    assert_eq!(certificates.len(), 2, "two a day, whatever the CA suggests");
    assert_eq!(
        certificates[0].replaced_by.as_deref(),
        Some(certificates[1].serial.as_str())
    );
    assert!(certificates[1].replaced_by.is_none());
    let reason = held["blocked_until"]["text"].as_str().unwrap();
    assert!(reason.contains("something is wrong"), "{held:#}");

    // neither does a restart
    drop(daemon);
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.ca.counts().certificates, 2);
    // an operator has an allowance of his own
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_3_3_a_ca_whose_answers_are_of_no_use_leaves_the_plan_as_it_was() {
    for answers in [
        RenewalAnswers::NotFound,
        RenewalAnswers::Inverted,
        RenewalAnswers::Garbage,
        RenewalAnswers::InternalError,
        RenewalAnswers::Absent,
    ] {
        let stage = Stage::with(CaKnobs {
            renewal_info: answers,
            ..CaKnobs::default()
        })
        .await;
        let home = stage.home();
        let daemon = home.start().await.unwrap();
        let deployed = daemon.until_deployed("internal").await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = stage.ca.renewal_polls().len();
        assert_eq!(
            asked,
            usize::from(answers != RenewalAnswers::Absent),
            "{answers:?}"
        );
        let later = daemon.certificate("internal").unwrap();
        assert_eq!(deployed["renew_at"], later["renew_at"], "{answers:?}");
        assert_eq!(stage.ca.counts().certificates, 1, "{answers:?}");
        drop(daemon);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_3_2_no_retry_after_makes_it_ask_sooner_than_in_a_minute() {
    let stage = Stage::with(CaKnobs {
        renewal_retry_after: RetryAfter::Seconds(0),
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.ca.renewal_polls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_5_another_ca_is_not_told_of_a_certificate_that_it_does_not_know() {
    let mut stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    drop(daemon);
    // the same names from another CA
    let other = Stage::new().await;
    stage.setup.directory_url = other.ca.directory_url();
    stage.setup.ca_pem = other.ca.https_root_pem().to_owned();
    stage.setup.update_server = other.dns.addr();
    stage.setup.authorities = vec![other.dns.addr()];
    stage.setup.key = other.setup.key.clone();
    stage.setup.certificates = vec![internal()];
    home.configure(&stage.setup).unwrap();
    let text = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(home.config(), text.replace("  lab:", "  other:")).unwrap();
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(30), |certificate| {
            certificate["ca_used"] == "other" || other.ca.counts().certificates == 1
        })
        .await;
    let orders = other.ca.requests_by_endpoint()[&Endpoint::NewOrder];
    assert_eq!(orders, 1, "nothing was refused");
}
