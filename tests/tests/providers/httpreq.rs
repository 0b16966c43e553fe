//! httpreq in its sandbox, against a portal that forgives nothing, and lego against the same portal.

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use dns01d::plugin::{FailureClass, Instance, Operation, ProviderClient as _, Record};
use lab::ca::{AcmeCa, CaOptions, ServerIdentity};
use lab::portal::{Portal, PortalOptions};
use lab::service::HttpFault;

use crate::instance::{LONG, all_done, instance, present, record, remove};

const ZONE: &str = "example.test";
const NAME: &str = "_acme-challenge.example.test";
const PASSWORD: &str = "c0rrect-horse";

/// A value as dns-01 has them.
fn value(letter: char) -> String {
    letter.to_string().repeat(43)
}

/// A challenge with the value that it leads to.
fn challenge(identifier: &str, token: &str) -> Record {
    let key_authorization = format!("{token}.{}", value('T'));
    let digest = openssl::sha::sha256(key_authorization.as_bytes());
    Record {
        token: token.to_owned(),
        key_authorization,
        ..record(identifier, &BASE64_URL_SAFE_NO_PAD.encode(digest))
    }
}

fn secured(zone: &str) -> PortalOptions {
    PortalOptions {
        credentials: Some(("operator".to_owned(), PASSWORD.to_owned())),
        ..PortalOptions::new(zone)
    }
}

async fn refused(provider: &Instance, operation: Operation, records: &[Record]) -> (FailureClass, String) {
    let outcomes = provider.call(operation, records, LONG).await.expect("an answer");
    let failure = outcomes
        .into_iter()
        .next()
        .expect("an outcome")
        .expect_err("a failure");
    (failure.class, failure.message)
}

/// What must be true in both modes.
async fn records_come_and_go(portal: &Portal, mode: &str) {
    let provider = instance(
        "httpreq",
        &[
            ("endpoint", &portal.url(), false),
            ("mode", mode, false),
            ("username", "operator", false),
            ("password", PASSWORD, true),
        ],
    );
    let records = [challenge(ZONE, "apex"), challenge(ZONE, "wildcard")];
    let values = |records: &[Record]| {
        let mut values: Vec<String> = records.iter().map(|record| record.value.clone()).collect();
        values.sort();
        values
    };
    present(&provider, &records).await;
    present(&provider, &records).await;
    assert_eq!(portal.dns().txt(NAME).unwrap(), values(&records));
    remove(&provider, &records[..1]).await;
    assert_eq!(portal.dns().txt(NAME).unwrap(), values(&records[1..]));
    remove(&provider, &records).await;
    assert_eq!(portal.dns().txt(NAME).unwrap(), [""; 0]);
    let checked = all_done(provider.call(Operation::Check, &records, LONG).await);
    assert!(
        checked[0].message.contains("only a canary shows"),
        "{}",
        checked[0].message
    );
    let seen = portal.seen();
    let posts: Vec<_> = seen
        .iter()
        .filter(|seen| seen.request.starts_with("POST"))
        .collect();
    assert_eq!(posts.len(), 7);
    assert!(posts.iter().all(|seen| seen.status == 200), "{seen:?}");
}

#[tokio::test]
async fn records_come_and_go_by_name_and_value() {
    let portal = Portal::start(secured(ZONE)).await.expect("a portal");
    records_come_and_go(&portal, "default").await;
}

#[tokio::test]
async fn records_come_and_go_by_their_challenge() {
    let raw = PortalOptions {
        is_raw: true,
        ..secured(ZONE)
    };
    let portal = Portal::start(raw).await.expect("a portal");
    records_come_and_go(&portal, "RAW").await;

    // not a challenge: said before anything is sent
    let provider = instance(
        "httpreq",
        &[("endpoint", &portal.url(), false), ("mode", "raw", false)],
    );
    let (class, message) = refused(&provider, Operation::Present, &[record(ZONE, &value('a'))]).await;
    assert_eq!(class, FailureClass::Unsupported);
    assert!(message.contains("default mode"), "{message}");
}

#[tokio::test]
async fn headers_of_the_operators_and_a_private_ca_are_used() {
    let identity = ServerIdentity::loopback().expect("a certificate");
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root.pem");
    std::fs::write(&root, &identity.root_pem).expect("a file");
    let portal = Portal::start(PortalOptions {
        header: Some(("x-api-key".to_owned(), "k3y".to_owned())),
        identity: Some(identity),
        ..PortalOptions::new(ZONE)
    })
    .await
    .expect("a portal");
    let provider = instance(
        "httpreq",
        &[
            ("endpoint", &portal.url(), false),
            ("ca-file", root.to_str().expect("text"), false),
            ("headers", "X-Tenant: 7", true),
            ("headers", "X-Api-Key: k3y", true),
        ],
    );
    present(&provider, &[record(ZONE, &value('a'))]).await;
    assert_eq!(portal.dns().txt(NAME).unwrap(), [value('a')]);
}

#[tokio::test]
async fn what_one_record_is_refused_does_not_hinder_the_others() {
    let portal = Portal::start(PortalOptions::new(ZONE)).await.expect("a portal");
    let provider = instance("httpreq", &[("endpoint", &portal.url(), false)]);
    let records = [
        record("a.example.test", &value('a')),
        record("b.example.test", "no value of dns-01"),
        record("c.example.test", &value('c')),
    ];
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    let failure = outcomes[1].as_ref().expect_err("a failure");
    assert_eq!(failure.class, FailureClass::Permanent);
    assert_eq!(failure.native_code, Some(400));
    assert!(
        failure.message.contains("(it says: the value is none of dns-01)"),
        "{}",
        failure.message
    );
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert_eq!(
        portal.dns().txt("_acme-challenge.c.example.test").unwrap(),
        [value('c')]
    );
}

#[tokio::test]
async fn whoever_must_act_is_told_so_and_no_secret_is_repeated() {
    let portal = Portal::start(secured(ZONE)).await.expect("a portal");
    let open = |password: &str| {
        instance(
            "httpreq",
            &[
                ("endpoint", &portal.url(), false),
                ("username", "operator", false),
                ("password", password, true),
                ("timeout", "500", false),
            ],
        )
    };
    let one = [record(ZONE, &value('a'))];
    for operation in [Operation::Present, Operation::Remove, Operation::Check] {
        let (class, message) = refused(&open("wr0ng-horse"), operation, &one).await;
        assert_eq!(class, FailureClass::Auth);
        assert!(message.contains("HTTP 401"), "{message}");
    }
    let provider = open(PASSWORD);
    let chatty = format!(
        "{{\"you sent\": \"{PASSWORD}\",\r\n \"trace\": \"{}\"}}",
        "x".repeat(5000)
    );
    for (fault, class, words) in [
        (
            HttpFault::Answer(503, "down for repairs".to_owned()),
            FailureClass::Transient,
            "down for repairs",
        ),
        (
            HttpFault::Answer(404, "no such page".to_owned()),
            FailureClass::Transient,
            "correct the address",
        ),
        (
            HttpFault::Answer(307, String::new()),
            FailureClass::Config,
            "redirect",
        ),
        (
            HttpFault::Answer(403, chatty),
            FailureClass::Auth,
            "{\"you sent\": \"***\", \"trace\"",
        ),
        (HttpFault::RateLimited(7), FailureClass::RateLimited, "slow down"),
        (
            HttpFault::Delay(Duration::from_secs(5)),
            FailureClass::Transient,
            "within 0.5 s",
        ),
        (HttpFault::Reset, FailureClass::Transient, "broke"),
    ] {
        portal.fault(fault.clone());
        for operation in [Operation::Present, Operation::Remove] {
            let (found, message) = refused(&provider, operation, &one).await;
            assert_eq!(found, class, "{fault:?}: {message}");
            assert!(message.contains(words), "{fault:?}: {message}");
            assert!(!message.contains(PASSWORD) && message.len() < 600, "{message}");
        }
    }
    portal.fault(HttpFault::Answer(410, String::new()));
    assert!(remove(&provider, &one).await[0].no_change);
    portal.fault(HttpFault::RateLimited(7));
    let outcomes = provider.present(&one, LONG).await.expect("an answer");
    let failure = outcomes[0].as_ref().expect_err("a failure");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

/// A client that we did not write is served by the same portal, so that it is not made to our measure.
async fn lego_proves_a_name_and_its_wildcard(options: PortalOptions) {
    let is_raw = options.is_raw;
    let portal = Portal::start(options).await.expect("a portal");
    let dns = portal.dns().addr().to_string();
    let ca = AcmeCa::start(CaOptions::new(vec![portal.dns().addr()]))
        .await
        .expect("a CA");
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root.pem");
    std::fs::write(&root, ca.https_root_pem()).expect("a file");
    let mut lego = Command::new("lego");
    lego.env("LEGO_CA_CERTIFICATES", root)
        .env("HTTPREQ_ENDPOINT", portal.url())
        .env("HTTPREQ_MODE", if is_raw { "RAW" } else { "" })
        .env("HTTPREQ_USERNAME", "operator")
        .env("HTTPREQ_PASSWORD", PASSWORD)
        .env("HTTPREQ_POLLING_INTERVAL", "1")
        .args([
            "--accept-tos",
            "--email",
            "operator@example.test",
            "--dns",
            "httpreq",
        ])
        .args(["--dns.disable-cp", "--dns.resolvers", &dns])
        .args(["--server", &ca.directory_url(), "--path"])
        .arg(directory.path().join("lego"))
        .args(["--domains", ZONE, "--domains", "*.example.test", "run"]);
    let report = tokio::task::spawn_blocking(move || lego.output())
        .await
        .expect("a report")
        .expect("lego runs; `./dev setup` installs it");
    assert!(
        report.status.success(),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
    assert_eq!(ca.counts().certificates, 1);
    let requests: Vec<(String, u16)> = portal
        .seen()
        .into_iter()
        .map(|seen| (seen.request, seen.status))
        .collect();
    let expected = ["present", "present", "cleanup", "cleanup"];
    assert_eq!(
        requests,
        expected.map(|verb| (format!("POST /dns/v1/{verb}"), 200))
    );
    assert!(portal.dns().txt(NAME).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn lego_is_served_by_the_portal() {
    lego_proves_a_name_and_its_wildcard(secured(ZONE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lego_is_served_by_the_portal_in_raw_mode() {
    lego_proves_a_name_and_its_wildcard(PortalOptions {
        is_raw: true,
        ..secured(ZONE)
    })
    .await;
}
