//! lego's HTTP protocol, against a portal: names, classes, TLS.

use std::fs;

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::ca::{AcmeCa, CaOptions};
use lab::service::HttpFault;

use super::captured::Captured;
use super::{OWNER, PASSWORD, USER, challenge, lego, portal, refused};
use crate::instance::{LONG, all_done, present, remove};

#[tokio::test]
async fn two_values_of_one_name_stand_together_at_a_portal() {
    let portal = portal().await;
    let endpoint = portal.url();
    let values = [
        ("HTTPREQ_ENDPOINT", endpoint.as_str(), false),
        ("HTTPREQ_USERNAME", USER, false),
        ("HTTPREQ_PASSWORD", PASSWORD, true),
    ];
    let provider = lego("lego:httpreq", "lego-portal", &values);
    assert_eq!(provider.info(LONG).await.expect("open").max_values_per_name, 0);
    let records = [
        challenge("example.test", "token-1"),
        challenge("example.test", "token-2"),
    ];
    let name = format!("{OWNER}.");

    present(&provider, &records).await;
    let mut both: Vec<String> = records.iter().map(|record| record.value.clone()).collect();
    both.sort();
    assert_eq!(portal.values(&name), both);
    remove(&provider, &records[..1]).await;
    assert_eq!(portal.values(&name), [records[1].value.as_str()]);
    provider.shutdown().await;

    let later = lego("lego:httpreq", "lego-portal", &values);
    all_done(later.remove(&records[1..], LONG).await);
    assert!(portal.values(&name).is_empty());
}

#[tokio::test]
async fn a_record_behind_a_cname_is_written_where_the_host_says() {
    let portal = portal().await;
    let provider = lego(
        "lego:httpreq",
        "lego-cname",
        &[
            ("HTTPREQ_ENDPOINT", &portal.url(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
            // nobody answers: lego must not need to ask
            ("resolvers", "127.0.0.1:1", false),
        ],
    );
    let mut moved = challenge("example.test", "token-1");
    moved.fqdn = "_acme-challenge.delegated.test".to_owned();
    present(&provider, std::slice::from_ref(&moved)).await;
    assert_eq!(
        portal.values("_acme-challenge.delegated.test."),
        [moved.value.as_str()]
    );

    moved.fqdn = "example-test.delegated.test".to_owned();
    let failure = refused(&provider, &moved).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(
        failure.message.contains(
            "lego follows CNAMEs to _acme-challenge.example.test and dns01d to example-test.delegated.test"
        ),
        "{failure}"
    );
    moved.value = "something else".to_owned();
    assert_eq!(refused(&provider, &moved).await.class, FailureClass::Unsupported);
}

#[tokio::test]
async fn tls_is_verified_against_the_systems_roots_and_the_ca_file() {
    // any HTTPS server of a CA of its own; this one has no /present
    let server = AcmeCa::start(CaOptions::new(Vec::new())).await.expect("a server");
    let directory = tempfile::tempdir().expect("a directory");
    let roots = directory.path().join("roots.pem");
    fs::write(&roots, server.https_root_pem()).expect("a file");
    let endpoint = server.directory_url();
    let one = challenge("example.test", "token-1");

    let stranger = lego(
        "lego:httpreq",
        "lego-tls",
        &[("HTTPREQ_ENDPOINT", &endpoint, false)],
    );
    let failure = refused(&stranger, &one).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(
        failure
            .message
            .contains("certificate signed by unknown authority"),
        "{failure}"
    );

    let friend = lego(
        "lego:httpreq",
        "lego-tls",
        &[
            ("HTTPREQ_ENDPOINT", &endpoint, false),
            ("ca-file", roots.to_str().expect("UTF-8"), false),
        ],
    );
    let failure = refused(&friend, &one).await;
    assert!(failure.native_code.is_some(), "{failure}");
}

#[tokio::test]
async fn what_a_portal_answers_becomes_a_class_without_its_secret() {
    let log = Captured::start();
    let portal = portal().await;
    let provider = lego(
        "lego:httpreq",
        "lego-answers",
        &[
            ("HTTPREQ_ENDPOINT", &portal.url(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    let one = challenge("example.test", "token-1");
    for (status, class) in [
        (401, FailureClass::Auth),
        (403, FailureClass::Auth),
        (429, FailureClass::RateLimited),
        (503, FailureClass::Transient),
        (418, FailureClass::Transient),
    ] {
        // as careless servers do
        portal.fault(HttpFault::Answer(
            status,
            format!("no: you said {USER}:{PASSWORD}"),
        ));
        let failure = refused(&provider, &one).await;
        assert_eq!(failure.class, class, "{status}: {failure}");
        assert_eq!(failure.native_code, Some(i32::from(status)));
        assert!(
            failure.message.contains(&format!("you said {USER}:***")),
            "{failure}"
        );
    }
    let text = log.text();
    // it is the log of this very process
    assert!(
        text.contains("lego-answers") && !text.contains(PASSWORD),
        "{text}"
    );
}
