//! The lab's CA keeps the rules of RFC 8555, also against clients that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod by_hand;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use by_hand::{Account, Bench, Key, ZONE, csr};
use lab::ca::{Endpoint, Fault, FaultRule, NameProblem, NameStage, Phase, ProblemType, RetryAfter, When};
use openssl::x509::X509;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn request_is_refused_for_each_thing_that_is_wrong_with_it() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let url = bench.url("/new-order");
    let payload = r#"{"identifiers":[{"type":"dns","value":"internal.example.test"}]}"#;
    let nonce = async || bench.nonce().await;
    let kid = account.url.clone();

    let good = json!({ "alg": "ES256", "kid": kid, "nonce": nonce().await, "url": url });
    let again = good.clone();
    assert_eq!(
        bench.send(&url, account.key.sign(&good, payload)).await.status,
        201
    );

    let nobody = bench.url("/account/999");
    let jwk = account.key.jwk();
    let cases = [
        (again, "badNonce"),
        (json!({ "alg": "ES256", "kid": kid, "url": url }), "badNonce"),
        (
            json!({ "alg": "ES256", "kid": kid, "nonce": nonce().await, "url": bench.url("/order/1") }),
            "unauthorized",
        ),
        (
            json!({ "alg": "ES256", "kid": kid, "nonce": nonce().await }),
            "unauthorized",
        ),
        (
            json!({ "alg": "ES256", "kid": nobody, "nonce": nonce().await, "url": url }),
            "accountDoesNotExist",
        ),
        (
            json!({ "alg": "ES256", "kid": kid, "jwk": jwk, "nonce": nonce().await, "url": url }),
            "malformed",
        ),
        (
            json!({ "alg": "ES256", "jwk": jwk, "nonce": nonce().await, "url": url }),
            "malformed",
        ),
        (
            json!({ "alg": "ES256", "nonce": nonce().await, "url": url }),
            "malformed",
        ),
        (
            json!({ "alg": "ES384", "kid": kid, "nonce": nonce().await, "url": url }),
            "malformed",
        ),
        (
            json!({ "alg": "HS256", "kid": kid, "nonce": nonce().await, "url": url }),
            "badSignatureAlgorithm",
        ),
    ];
    for (header, problem) in cases {
        let answer = bench.send(&url, account.key.sign(&header, payload)).await;
        assert_eq!(answer.problem(), problem, "{header}");
        assert!(answer.nonce.is_some(), "{header}");
    }

    let header = json!({ "alg": "none", "kid": kid, "nonce": nonce().await, "url": url });
    let algorithms = bench.send(&url, account.key.sign(&header, payload)).await;
    assert_eq!(algorithms.json["algorithms"], json!(["ES256", "ES384", "RS256"]));

    let header = json!({ "alg": "ES256", "kid": kid, "nonce": nonce().await, "url": url });
    let forged = bench.send(&url, Key::generate().sign(&header, payload)).await;
    assert_eq!(forged.problem(), "malformed");

    let plain = bench.http.post(&url).body("{}").send().await.unwrap();
    assert_eq!(plain.status(), 415);
    assert_eq!(bench.ca.counts().orders, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_is_made_once_and_deactivation_ends_it() {
    let bench = Bench::start().await;
    let url = bench.url("/new-account");
    let key = Key::generate();
    let new_account = async |payload: &str| {
        let header = json!({ "alg": "ES256", "jwk": key.jwk(), "nonce": bench.nonce().await, "url": url });
        bench.send(&url, key.sign(&header, payload)).await
    };
    assert_eq!(
        new_account(r#"{"onlyReturnExisting":true}"#).await.problem(),
        "accountDoesNotExist"
    );
    assert_eq!(new_account("{}").await.problem(), "userActionRequired");
    let tel = r#"{"termsOfServiceAgreed":true,"contact":["tel:+1"]}"#;
    assert_eq!(new_account(tel).await.problem(), "unsupportedContact");
    let made = new_account(r#"{"termsOfServiceAgreed":true,"contact":["mailto:a@example.test"]}"#).await;
    assert_eq!(made.status, 201);
    let found = new_account(r#"{"onlyReturnExisting":true}"#).await;
    assert_eq!((found.status, &found.location), (200, &made.location));
    assert_eq!(bench.ca.counts().accounts, 1);

    let account = Account {
        key: Key(key.0.clone()),
        url: made.location.unwrap(),
    };
    let gone = bench
        .post(&account, &account.url, r#"{"status":"deactivated"}"#)
        .await;
    assert_eq!(gone.json["status"], "deactivated");
    assert_eq!(bench.order(&account, &[ZONE]).await.problem(), "unauthorized");
    assert_eq!(new_account("{}").await.problem(), "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_change_moves_the_account_to_the_new_key_only() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let other = bench.register().await;
    let url = bench.url("/key-change");
    let change = json!({ "account": account.url, "oldKey": account.key.jwk() }).to_string();
    let inner = |key: &Key| key.sign(&json!({ "alg": "ES256", "jwk": key.jwk(), "url": url }), &change);

    let taken = bench.post(&account, &url, &inner(&other.key)).await;
    assert_eq!((taken.status, taken.location.as_ref()), (409, Some(&other.url)));

    let new = Key::generate();
    let foreign = bench.post(&other, &url, &inner(&new)).await;
    assert_eq!(foreign.problem(), "malformed");
    assert_eq!(bench.post(&account, &url, &inner(&new)).await.status, 200);
    assert_eq!(
        bench.post(&account, &account.url, "").await.problem(),
        "malformed"
    );
    let renewed = Account {
        key: new,
        url: account.url,
    };
    assert_eq!(bench.post(&renewed, &renewed.url, "").await.status, 200);
}

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
async fn validation_looks_for_itself_and_says_what_it_found() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let attempt = async |name: &str| {
        let order = bench.order(&account, &[name]).await;
        let url = order.json["authorizations"][0].as_str().unwrap().to_owned();
        let authorization = bench.post(&account, &url, "").await.json;
        bench
            .post(
                &account,
                authorization["challenges"][0]["url"].as_str().unwrap(),
                "{}",
            )
            .await;
        let failed = bench.until(&account, &url, |status| status != "pending").await;
        assert_eq!(failed.json["status"], "invalid");
        let order = bench.post(&account, order.location.as_ref().unwrap(), "").await;
        assert_eq!(order.json["status"], "invalid");
        failed.json["challenges"][0]["error"].clone()
    };
    let missing = attempt(ZONE).await;
    assert!(missing["type"].as_str().unwrap().ends_with(":dns"), "{missing}");
    assert!(
        missing["detail"]
            .as_str()
            .unwrap()
            .contains("Non-Existent Domain"),
        "{missing}"
    );
    let wrong = lab::dns::Zone::new(ZONE)
        .and_then(|zone| zone.with_txt("_acme-challenge.internal.example.test", "wrong"));
    bench.dns.put_zone(wrong.unwrap());
    let incorrect = attempt(ZONE).await;
    assert!(
        incorrect["type"].as_str().unwrap().ends_with(":unauthorized"),
        "{incorrect}"
    );
    assert!(
        incorrect["detail"].as_str().unwrap().contains("\"wrong\""),
        "{incorrect}"
    );
    assert!(
        attempt("www.elsewhere.test").await["detail"]
            .as_str()
            .unwrap()
            .contains("refuses")
    );
    assert_eq!(bench.ca.validations().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_strike_where_and_as_often_as_they_were_told() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let rule = |when, phase, fault| FaultRule {
        endpoint: Some(Endpoint::NewOrder),
        when,
        phase,
        fault,
    };
    let set = |faults| bench.ca.knobs().update(|knobs| knobs.faults = faults);

    set(vec![
        rule(
            When::Next(1),
            Phase::Before,
            Fault::RateLimited(RetryAfter::Seconds(7)),
        ),
        rule(
            When::Next(1),
            Phase::Before,
            Fault::RateLimited(RetryAfter::DateIn(60)),
        ),
        rule(
            When::Next(1),
            Phase::Before,
            Fault::Unavailable(RetryAfter::Absent),
        ),
    ]);
    let limited = bench.order(&account, &[ZONE]).await;
    assert_eq!((limited.status, limited.problem()), (429, "rateLimited"));
    assert_eq!(limited.retry_after.as_deref(), Some("7"));
    assert!(
        bench
            .order(&account, &[ZONE])
            .await
            .retry_after
            .unwrap()
            .ends_with(" GMT")
    );
    let busy = bench.order(&account, &[ZONE]).await;
    assert_eq!((busy.status, busy.retry_after), (503, None));
    assert_eq!(bench.ca.counts().orders, 0);
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);

    // the effect stays when only the answer is lost
    set(vec![rule(When::Next(1), Phase::After, Fault::Reset)]);
    let url = bench.url("/new-order");
    let header = json!({ "alg": "ES256", "kid": account.url, "nonce": bench.nonce().await, "url": url });
    let body = account.key.sign(
        &header,
        r#"{"identifiers":[{"type":"dns","value":"internal.example.test"}]}"#,
    );
    let request = bench
        .http
        .post(&url)
        .header("content-type", "application/jose+json")
        .body(body);
    assert!(request.send().await.is_err());
    assert_eq!(bench.ca.counts().orders, 2);

    set(vec![rule(When::Next(1), Phase::After, Fault::TruncateBody)]);
    let header = json!({ "alg": "ES256", "kid": account.url, "nonce": bench.nonce().await, "url": url });
    let body = account.key.sign(
        &header,
        r#"{"identifiers":[{"type":"dns","value":"internal.example.test"}]}"#,
    );
    let request = bench
        .http
        .post(&url)
        .header("content-type", "application/jose+json")
        .body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.bytes().await.is_err());

    set(vec![rule(When::Always, Phase::Before, Fault::Delay(0.3))]);
    let begin = tokio::time::Instant::now();
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(bench.ca.requests_by_endpoint()[&Endpoint::NewOrder], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_are_rejected_at_the_share_asked_for() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| knobs.nonce_reject = 0.3);
    let mut rejected = 0;
    for _ in 0..200 {
        rejected += u32::from(bench.post(&account, &account.url, "").await.problem() == "badNonce");
    }
    assert!((40..=80).contains(&rejected), "{rejected} of 200");
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
}
