//! What AWS says when something is wrong, and what the operator reads.

use std::time::Duration;

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::moto::Reply;

use super::{Lab, SECRET, failure, refused};
use crate::instance::{LONG, present};

const CHANGE: &str = "ChangeResourceRecordSets";

#[tokio::test]
async fn throttling_passes_or_is_rate_limited_with_a_hint() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let limited = FailureClass::RateLimited;
    for (code, status) in [
        ("Throttling", 400),
        ("PriorRequestNotComplete", 400),
        ("SlowDown", 503),
    ] {
        let reply = Reply::error(status, code, "Rate exceeded");
        // once: not even noticed
        lab.front.fail(CHANGE, 1, reply.clone());
        present(&provider, &[lab.record(&code.to_lowercase(), "v")]).await;
        // for longer
        lab.front.fail(CHANGE, 20, reply);
        lab.front.forget();
        let failure = refused(&provider, lab.record("", code), limited, &[code, "patience"]).await;
        assert_eq!(failure.retry_after, Some(Duration::from_secs(5)), "{failure:?}");
        assert_eq!(failure.native_code, Some(status.into()));
        assert!(
            lab.front.seen_of(CHANGE).len() <= 4,
            "no flood of requests at a limit"
        );
        lab.front.fail(CHANGE, 0, Reply::none());
    }
}

#[tokio::test]
async fn each_refusal_has_its_class_and_its_advice() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    // the canonical request in AWS's words repeats the session token
    let canonical = "The request signature we calculated does not match. The Canonical String should have been \
                     x-amz-security-token:FwoGZXIvYXdzEJr";
    let denied = "User: arn:aws:iam::123456789012:user/dns01d is not authorized to perform: \
                  route53:ChangeResourceRecordSets";
    for (status, code, text, class, words) in [
        (
            403,
            "AccessDenied",
            denied,
            FailureClass::Auth,
            ["user/dns01d", "conditions"],
        ),
        (
            403,
            "ExpiredToken",
            "expired",
            FailureClass::Auth,
            ["session token has expired", "aws sso login"],
        ),
        (
            403,
            "InvalidClientTokenId",
            "invalid",
            FailureClass::Auth,
            ["does not know the access key", "region"],
        ),
        (
            403,
            "SignatureDoesNotMatch",
            canonical,
            FailureClass::Auth,
            ["secret access key", "clock"],
        ),
        (
            403,
            "RequestExpired",
            "late",
            FailureClass::Transient,
            ["clock", "NTP"],
        ),
        (
            404,
            "NoSuchHostedZone",
            "no",
            FailureClass::ZoneNotFound,
            ["no hosted zone", "hosted-zone-id"],
        ),
        (
            400,
            "InvalidChangeBatch",
            "[odd &lt;words&gt;]",
            FailureClass::Permanent,
            ["odd <words>", "refuses"],
        ),
        (
            400,
            "InvalidInput",
            "hm",
            FailureClass::Permanent,
            ["InvalidInput: hm", CHANGE],
        ),
        (
            500,
            "InternalError",
            "oops",
            FailureClass::Transient,
            ["HTTP 500", "tried again"],
        ),
    ] {
        lab.front.fail(CHANGE, 20, Reply::error(status, code, text));
        let failure = refused(&provider, lab.record("", code), class, &words).await;
        assert!(!failure.message.contains("FwoGZX"), "{}", failure.message);
        assert!(
            !failure.message.contains("***"),
            "it was masked: {}",
            failure.message
        );
    }
    lab.front.fail(CHANGE, 0, Reply::none());
    present(&provider, &[lab.record("", "v")]).await;
    assert_eq!(lab.txt().await, [r#""v""#]);
}

#[tokio::test]
async fn one_name_that_the_policy_excludes_does_not_hinder_ninety_nine() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let records: Vec<_> = (0..100).map(|n| lab.record(&format!("n{n:02}"), "v")).collect();
    let excluded = format!("_acme-challenge.n57.{}<", lab.zone);
    lab.front.deny(CHANGE, &excluded);
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    for (at, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), at == 57, "{at}: {outcome:?}");
    }
    assert_eq!(outcomes[57].as_ref().unwrap_err().class, FailureClass::Auth);
    assert!(
        lab.front.seen_of(CHANGE).len() <= 16,
        "{}",
        lab.front.seen_of(CHANGE).len()
    );
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_transient_and_named() {
    let lab = Lab::new().await;
    let nobody = format!("http://127.0.0.1:{}", lab::process::free_port().unwrap());
    let provider = crate::instance::instance(
        "route53",
        &[
            ("endpoint", &nobody, false),
            ("access-key-id", "AKID", false),
            ("secret-access-key", SECRET, true),
        ],
    );
    let host = nobody.trim_start_matches("http://");
    refused(
        &provider,
        lab.record("", "v"),
        FailureClass::Transient,
        &["cannot connect", host],
    )
    .await;
    let failure = failure(provider.check(&[], LONG).await);
    assert_eq!(failure.class, FailureClass::Transient, "{failure:?}");
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused_by_name() {
    let lab = Lab::new().await;
    let url = lab.front.url();
    for (values, words) in [
        (
            &[("access-key-id", "AKID", false)][..],
            "`secret-access-key`: is missing",
        ),
        (
            &[("secret-access-key", SECRET, true)],
            "`access-key-id`: is missing",
        ),
        (&[("session-token", SECRET, true)], "`session-token`: goes with"),
        (&[("credentials", "magic", false)], "`magic` is none of auto"),
        (&[("credentials", "static", false)], "`access-key-id`: is missing"),
        (&[("external-id", "x", false)], "`external-id`: goes with"),
        (
            &[("web-identity-token-file", "/t", false)],
            "`role-arn`: is missing",
        ),
        (
            &[
                ("access-key-id", "AKID", false),
                ("secret-access-key", SECRET, true),
                ("web-identity-token-file", "/t", false),
                ("role-arn", "arn:aws:iam::123456789012:role/r", false),
            ],
            "`web-identity-token-file`: is given beside",
        ),
        (
            &[("hosted-zone-id", "../Z1", false)],
            "`hosted-zone-id`: `../Z1` is no id",
        ),
        (
            &[("endpoint", "http://192.0.2.1", false)],
            "`endpoint`: 192.0.2.1 is not this machine",
        ),
        (&[("imds-endpoint", "nonsense", false)], "`imds-endpoint`"),
    ] {
        let mut all = vec![("endpoint", url.as_str(), false)];
        all.retain(|(key, ..)| values.iter().all(|(other, ..)| other != key));
        all.extend(values);
        let provider = crate::instance::instance("route53", &all);
        let error = provider.check(&[], LONG).await.expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains(SECRET) && !error.contains("***"), "{error}");
    }
}
