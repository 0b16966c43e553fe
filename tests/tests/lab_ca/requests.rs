//! What every request must be, and faults on demand (RFC 8555 section 6).

use std::time::Duration;

use lab::ca::{Endpoint, Fault, FaultRule, Phase, RetryAfter, When};
use serde_json::json;

use crate::by_hand::{Bench, ZONE};
use crate::keys::Key;

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
