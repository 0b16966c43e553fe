use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use lab::{
    ca::{CaKnobs, Endpoint, Fault, FaultRule, Phase, RetryAfter, When},
    daemon::CertificateSetup,
    dns::Change,
};

use super::stage::{Stage, ZONE, verify_live};

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_and_its_apex_are_issued_with_one_update_and_leave_nothing() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let certificate = daemon.until_deployed("internal").await;
    assert_eq!(certificate["state"], "valid", "{certificate:#}");
    verify_live(&home, "internal", stage.ca.acme_root_pem());
    stage.until_clean().await;

    let updates = stage.dns.updates();
    assert_eq!(
        updates.len(),
        2,
        "one that adds both values, one that removes them: {updates:#?}"
    );
    let adds = |changes: &[Change]| {
        changes
            .iter()
            .filter(|change| matches!(change, Change::Add { .. }))
            .count()
    };
    assert_eq!(adds(&updates[0].changes), 2);
    assert_eq!(adds(&updates[1].changes), 0);
    assert!(
        updates
            .iter()
            .all(|update| update.key.as_deref() == Some("daemon-key"))
    );

    let counts = stage.ca.counts();
    assert_eq!((counts.accounts, counts.orders, counts.certificates), (1, 1, 1));
    let key = std::fs::metadata(home.live("internal").join("key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let account = std::fs::metadata(home.state().join("accounts/lab.pem")).unwrap();
    assert_eq!(account.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_names_of_a_zone_are_one_call_to_the_provider() {
    let mut stage = Stage::new().await;
    let names: Vec<String> = (0..50).map(|n| format!("host{n}.{ZONE}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stage.setup.certificates = vec![CertificateSetup::new("fifty", &names)];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("fifty").await;
    stage.until_clean().await;
    let sizes: Vec<usize> = stage
        .dns
        .updates()
        .iter()
        .map(|update| update.changes.len())
        .collect();
    assert_eq!(sizes, [50, 50], "one update that adds, one that removes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_lived_certificate_is_renewed_by_itself() {
    let stage = Stage::with(CaKnobs {
        lifetime: Duration::from_secs(24),
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let first = daemon.until_deployed("internal").await;
    let renewed = daemon
        .until("internal", Duration::from_secs(40), |certificate| {
            certificate["serial"] != first["serial"] && !certificate["deployed_at"].is_null()
        })
        .await;
    assert_eq!(renewed["generation"], 2);
    assert_eq!(stage.ca.counts().certificates, 2);
    verify_live(&home, "internal", stage.ca.acme_root_pem());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_is_told_to_look_only_after_the_lagging_server_shows_the_record() {
    let mut stage = Stage::new().await;
    let lag = Duration::from_secs(3);
    let second = stage.dns.secondary().await.unwrap();
    second.knobs().update(|knobs| knobs.lag = lag);
    stage.setup.authorities.push(second.addr());
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(20), |_| {
            let log = daemon.program.log();
            stage.ca.requests_by_endpoint().contains_key(&Endpoint::Challenge) || log.contains("deployed")
        })
        .await;
    daemon.until_deployed("internal").await;
    let published = stage.dns.updates()[0].at;
    let told = stage
        .ca
        .requests()
        .into_iter()
        .find(|request| request.endpoint == Endpoint::Challenge)
        .unwrap();
    let waited = told.at.duration_since(published).unsigned_abs();
    assert!(
        waited >= lag,
        "told after {waited:?}, the second server lags {lag:?}"
    );
    assert!(
        stage
            .ca
            .validations()
            .iter()
            .all(|validation| validation.failure.is_none())
    );
}

/// Also by a daemon that was started since.
#[tokio::test(flavor = "multi_thread")]
async fn where_records_took_long_before_the_first_look_comes_later() {
    let mut stage = Stage::new().await;
    let lag = Duration::from_secs(2);
    let second = stage.dns.secondary().await.unwrap();
    second.knobs().update(|knobs| knobs.lag = lag);
    stage.setup.authorities.push(second.addr());
    let home = stage.home();
    let mut daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let mut looks = Vec::new();
    for round in 0..4 {
        if round > 0 {
            stage.ca.expire_authorizations();
            let output = home.command(&["renew", "internal", "--wait"]);
            assert!(output.status.success(), "{output:?}");
        }
        if round == 2 {
            drop(daemon);
            daemon = home.start().await.unwrap();
        }
        stage.until_clean().await;
        let published = stage.dns.updates()[round * 2].at;
        let asked = second.queries().into_iter();
        let asked = asked.filter(|query| query.record_type == "TXT" && query.at > published);
        looks.push(
            asked
                .map(|query| query.at.duration_since(published).unsigned_abs())
                .collect::<Vec<_>>(),
        );
    }
    assert!(looks[0][0] < lag / 2, "{looks:?}");
    assert!(looks[3][0] > lag / 2, "{looks:?}");
    assert!(looks[3].len() < looks[0].len(), "{looks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_shows_which_server_lags_to_whoever_looks_on() {
    let mut stage = Stage::new().await;
    let second = stage.dns.secondary().await.unwrap();
    stage.setup.authorities.push(second.addr());
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    stage.ca.expire_authorizations();
    second.knobs().update(|knobs| knobs.lag = Duration::from_secs(2));
    let output = home.command(&["renew", "internal", "--wait"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", daemon.program.log());
    let lagging = format!("{} lags", second.addr());
    assert!(text.contains(&lagging), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_ca_costs_time_and_nothing_else() {
    let fault = |endpoint, when, fault| FaultRule {
        endpoint,
        when,
        phase: Phase::Before,
        fault,
    };
    let knobs = CaKnobs {
        nonce_reject: 0.3,
        processing: Some(Duration::from_secs(1)),
        high_serials: true,
        faults: vec![
            // after 500 a CA is left alone for a minute
            fault(Some(Endpoint::Finalize), When::Next(1), Fault::Status(502)),
            fault(Some(Endpoint::Certificate), When::Next(1), Fault::TruncateBody),
        ],
        ..CaKnobs::default()
    };
    let stage = Stage::with(knobs).await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let certificate = daemon
        .until("internal", Duration::from_secs(90), |it| {
            !it["deployed_at"].is_null()
        })
        .await;
    assert_eq!(
        stage.ca.counts().certificates,
        1,
        "{certificate:#}\n{}",
        daemon.program.log()
    );
    assert_eq!(stage.ca.counts().orders, 1);
    verify_live(&home, "internal", stage.ca.acme_root_pem());
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_waited_out_and_not_asked_again_early() {
    let stage = Stage::new().await;
    let limit = Duration::from_secs(7);
    stage.ca.knobs().update(|knobs| {
        knobs.faults = vec![FaultRule {
            endpoint: Some(Endpoint::NewOrder),
            when: When::Next(1),
            phase: Phase::Before,
            fault: Fault::RateLimited(RetryAfter::Seconds(7)),
        }];
    });
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let limited = daemon
        .until("internal", Duration::from_secs(20), |it| it["state"] == "failing")
        .await;
    assert_eq!(limited["last_error"]["class"], "rate-limited", "{limited:#}");
    daemon.until_deployed("internal").await;
    let asked: Vec<_> = stage
        .ca
        .requests()
        .into_iter()
        .filter(|request| request.endpoint == Endpoint::NewOrder)
        .map(|request| request.at)
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[1].duration_since(asked[0]).unsigned_abs() >= limit,
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_validation_backs_off_and_leaves_no_record() {
    let mut stage = Stage::new().await;
    // the CA looks where nothing is published
    stage
        .setup
        .certificates
        .push(CertificateSetup::new("other", &["other.internal.example.test"]));
    stage.ca.knobs().update(|knobs| {
        knobs.name_problems = serde_json::from_value(serde_json::json!([{
            "name": "other.internal.example.test", "at": "validation",
            "problem": "dns", "detail": "the lab does not want to see it"
        }]))
        .unwrap();
    });
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("other", Duration::from_secs(30), |it| it["state"] == "failing")
        .await;
    assert_eq!(failing["last_error"]["class"], "refused", "{failing:#}");
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(
        text.contains("the lab does not want to see it") && text.contains("other.internal"),
        "{text}"
    );
    daemon.until_deployed("internal").await;
    stage.until_clean().await;
    assert_eq!(
        stage.ca.counts().orders,
        2,
        "one try each within the first minute"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_certificates_share_one_account_one_plugin_process_and_its_calls() {
    let mut stage = Stage::new().await;
    stage.setup.certificates = (0..12)
        .map(|n| {
            CertificateSetup::new(
                &format!("c{n}"),
                &[&format!("*.c{n}.{ZONE}"), &format!("c{n}.{ZONE}")],
            )
        })
        .collect();
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    for n in 0..12 {
        daemon.until_deployed(&format!("c{n}")).await;
    }
    let counts = stage.ca.counts();
    assert_eq!((counts.accounts, counts.orders, counts.certificates), (1, 12, 12));
    let starts = daemon.program.log().matches("plugin process started").count();
    assert!(starts <= 1, "{starts} plugin processes");
    stage.until_clean().await;
    let updates = stage.dns.updates();
    let adds = |change: &Change| matches!(change, Change::Add { .. });
    let calls = updates.iter().filter(|update| update.changes.iter().any(adds));
    let calls = calls.count();
    assert!(calls <= 6, "{calls} updates that add");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_a_zone_costs_no_order() {
    let mut stage = Stage::new().await;
    stage.setup.certificates = vec![CertificateSetup::new("outside", &["www.invalid"])];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("outside", Duration::from_secs(30), |it| it["state"] == "failing")
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(text.contains("www.invalid"), "{text}");
    assert_eq!(stage.ca.requests().len(), 0, "the CA is not asked at all");
}
