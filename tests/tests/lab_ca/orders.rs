//! From an order to a certificate, and its revocation (RFC 8555 sections 7.4 to 7.6).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use lab::ca::{NameProblem, NameStage, ProblemType, RetryAfter};
use openssl::x509::X509;
use serde_json::json;

use crate::by_hand::{Bench, ZONE};
use crate::keys::{Key, csr};

#[tokio::test(flavor = "multi_thread")]
async fn names_are_judged_one_by_one() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| {
        knobs.name_problems.push(NameProblem {
            name: "blocked.internal.example.test".to_owned(),
            at: NameStage::NewOrder,
            problem: ProblemType::RejectedIdentifier,
            detail: "policy forbids it".to_owned(),
        });
    });
    for bad in [
        "localhost",
        "UPPER.example.test",
        "a..b",
        "x.*.example.test",
        "192.0.2.1",
        "-a.example.test",
        "a_b.test",
    ] {
        assert_eq!(
            bench.order(&account, &[bad]).await.problem(),
            "rejectedIdentifier",
            "{bad}"
        );
    }
    let mixed = bench
        .order(&account, &[ZONE, "blocked.internal.example.test", "bad..name"])
        .await;
    let subproblems = mixed.json["subproblems"].as_array().unwrap();
    let names: Vec<&str> = subproblems
        .iter()
        .map(|sub| sub["identifier"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["bad..name", "blocked.internal.example.test"]);
    assert_eq!(bench.ca.counts().orders, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn csr_must_be_the_order_to_the_letter_and_a_bad_one_leaves_the_order_ready() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let wildcard = format!("*.{ZONE}");
    let names = [ZONE, wildcard.as_str()];
    let early = bench.order(&account, &names).await;
    let key = Key::generate().0;
    let good = csr(&key, &key, Some(ZONE), &names);
    assert_eq!(
        bench.finalize(&account, &early, &good).await.problem(),
        "orderNotReady"
    );

    let order = bench.ready_order(&account, &names).await;
    assert_eq!(order.json["status"], "ready");
    let foreign = Key::generate().0;
    let weak = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    let more = [ZONE, wildcard.as_str(), "more.internal.example.test"];
    let bad = [
        ("a name missing", csr(&key, &key, None, &[ZONE])),
        ("a name too many", csr(&key, &key, None, &more)),
        ("no names", csr(&key, &key, Some(ZONE), &[])),
        (
            "CN not in SAN",
            csr(&key, &key, Some("www.internal.example.test"), &names),
        ),
        ("signed by another key", csr(&key, &foreign, None, &names)),
        (
            "the account's key",
            csr(&account.key.0, &account.key.0, None, &names),
        ),
        ("weak key", csr(&weak, &weak, None, &names)),
        ("no CSR", b"not DER".to_vec()),
    ];
    for (what, csr) in bad {
        assert_eq!(
            bench.finalize(&account, &order, &csr).await.problem(),
            "badCSR",
            "{what}"
        );
    }

    let done = bench.finalize(&account, &order, &good).await;
    assert_eq!(done.json["status"], "valid", "{done:?}");
    let pem = bench
        .post(&account, done.json["certificate"].as_str().unwrap(), "")
        .await
        .text;
    let chain = X509::stack_from_pem(pem.as_bytes()).unwrap();
    let root = X509::from_pem(bench.ca.acme_root_pem().as_bytes()).unwrap();
    assert_eq!(chain.len(), 2);
    assert!(chain[0].verify(&chain[1].public_key().unwrap()).unwrap());
    assert!(chain[1].verify(&root.public_key().unwrap()).unwrap());
    assert!(chain[0].public_key().unwrap().public_eq(&key));
    assert_eq!(bench.ca.certificates()[0].names, [wildcard.as_str(), ZONE]);
    assert_eq!(
        bench.finalize(&account, &order, &good).await.problem(),
        "orderNotReady"
    );
    assert_eq!(bench.ca.counts().certificates, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn processing_serials_lifetimes_and_reuse_follow_their_knobs() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| {
        knobs.processing = Some(Duration::from_millis(200));
        knobs.order_retry_after = RetryAfter::Seconds(3);
        knobs.high_serials = true;
        knobs.lifetime = Duration::from_secs(120);
        knobs.reuse_orders = true;
        knobs.reuse_authorizations = true;
    });
    let order = bench.ready_order(&account, &[ZONE]).await;
    let same = bench.order(&account, &[ZONE]).await;
    assert_eq!(same.location, order.location);

    let key = Key::generate().0;
    let processing = bench
        .finalize(&account, &order, &csr(&key, &key, None, &[ZONE]))
        .await;
    assert_eq!(processing.json["status"], "processing");
    assert_eq!(processing.retry_after.as_deref(), Some("3"));
    let done = bench
        .until(&account, order.location.as_ref().unwrap(), |status| {
            status != "processing"
        })
        .await;
    assert_eq!(done.json["status"], "valid");

    let issued = &bench.ca.certificates()[0];
    assert!(issued.serial.as_bytes()[0] >= b'8', "{}", issued.serial);
    let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
    let life = leaf.not_before().diff(leaf.not_after()).unwrap();
    assert_eq!((life.days, life.secs), (0, 120));

    let reused = bench.order(&account, &[ZONE]).await;
    assert_ne!(reused.location, order.location);
    assert_eq!(reused.json["status"], "ready");
    bench.ca.expire_authorizations();
    assert_eq!(bench.order(&account, &[ZONE]).await.json["status"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_of_an_order_are_those_of_the_certificate_unless_the_ca_takes_none() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let dates = json!({ "notBefore": "2026-01-02T03:04:05Z", "notAfter": "2026-02-03T04:05:06Z" });
    let issued = bench.issue_with(&account, &[ZONE], &dates).await;
    let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
    assert_eq!(leaf.not_before().to_string(), "Jan  2 03:04:05 2026 GMT");
    assert_eq!(leaf.not_after().to_string(), "Feb  3 04:05:06 2026 GMT");
    let backwards = json!({ "notBefore": "2026-02-02T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z" });
    let backwards = bench.order_with(&account, &[ZONE], &backwards).await;
    assert_eq!(backwards.problem(), "malformed");
    bench.ca.knobs().update(|knobs| knobs.refuse_dates = true);
    let refused = bench.order_with(&account, &[ZONE], &dates).await;
    assert_eq!(refused.problem(), "malformed");
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_is_for_those_who_may_and_happens_once() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let order = bench.ready_order(&account, &[ZONE]).await;
    let key = Key::generate();
    let done = bench
        .finalize(&account, &order, &csr(&key.0, &key.0, None, &[ZONE]))
        .await;
    let pem = bench
        .post(&account, done.json["certificate"].as_str().unwrap(), "")
        .await
        .text;
    let der = B64.encode(X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap());
    let url = bench.url("/revoke-cert");
    let payload = |reason: u32| json!({ "certificate": der, "reason": reason }).to_string();

    let stranger = bench.register().await;
    assert_eq!(
        bench.post(&stranger, &url, &payload(1)).await.problem(),
        "unauthorized"
    );
    assert_eq!(
        bench.post(&account, &url, &payload(7)).await.problem(),
        "badRevocationReason"
    );
    let header = json!({ "alg": "ES256", "jwk": key.jwk(), "nonce": bench.nonce().await, "url": url });
    assert_eq!(bench.send(&url, key.sign(&header, &payload(1))).await.status, 200);
    assert_eq!(
        bench.post(&account, &url, &payload(1)).await.problem(),
        "alreadyRevoked"
    );
    assert_eq!(bench.ca.certificates()[0].revoked, Some(1));

    // whoever showed the key as compromised has lost it
    let order = bench.ready_order(&account, &[ZONE]).await;
    let again = bench
        .finalize(&account, &order, &csr(&key.0, &key.0, None, &[ZONE]))
        .await;
    assert_eq!(again.problem(), "badCSR");
    let account = bench
        .new_account(&key, &json!({ "termsOfServiceAgreed": true }))
        .await;
    assert_eq!(account.problem(), "badPublicKey");
}
