//! What Cloudflare refuses, in its class and with words that help; what is seen before it comes to that.

use std::time::Duration;

use dns01d::plugin::{FailureClass, ProviderClient as _, Record};
use lab::cloudflare::{Fault, RateLimit, Rights, TokenStatus};

use super::{Scene, failure};
use crate::instance::{LONG, all_done, instance, present, record};

fn refuse(status: u16, code: i64) -> Fault {
    Fault::Refuse {
        status,
        code,
        message: "as Cloudflare says it".to_owned(),
    }
}

#[tokio::test]
async fn each_refusal_has_its_class_its_status_and_its_words() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[("zone", &scene.zone)]);
    for (fault, class, native, word) in [
        (refuse(403, 9109), FailureClass::Auth, 403, "DNS:Edit"),
        (refuse(403, 10000), FailureClass::Auth, 403, "10000"),
        (refuse(400, 6003), FailureClass::Auth, 400, "wrong or has run out"),
        (refuse(400, 6111), FailureClass::Auth, 400, "6111"),
        (
            refuse(404, 1003),
            FailureClass::ZoneNotFound,
            404,
            "correct `zone`",
        ),
        (
            refuse(400, 7003),
            FailureClass::ZoneNotFound,
            400,
            "correct `zone`",
        ),
        (
            refuse(400, 81045),
            FailureClass::Permanent,
            400,
            "no more records",
        ),
        (
            refuse(403, 1038),
            FailureClass::Auth,
            403,
            "1038, as Cloudflare says it",
        ),
        (
            refuse(400, 4711),
            FailureClass::Permanent,
            400,
            "4711, as Cloudflare says it",
        ),
        (refuse(500, 10000), FailureClass::Transient, 500, "tried again"),
        (Fault::Gateway(502), FailureClass::Transient, 502, "HTTP 502"),
        (Fault::Gateway(403), FailureClass::Auth, 403, "HTTP 403"),
    ] {
        let expected = format!("{fault:?}");
        scene.double.knobs().update(|knobs| knobs.faults = vec![fault]);
        let refused = failure(provider.present(&[record("example.test", "value")], LONG).await);
        assert_eq!(
            (refused.class, refused.native_code),
            (class, Some(native)),
            "{refused:?}"
        );
        assert!(refused.message.contains(word), "{expected}: {}", refused.message);
    }
    // and what is no failure
    for (status, code) in [(400, 81057), (400, 81058)] {
        scene
            .double
            .knobs()
            .update(|knobs| knobs.faults = vec![refuse(status, code)]);
        assert!(present(&provider, &[record("example.test", "value")]).await[0].no_change);
    }
    assert!(
        scene.double.records(&scene.zone).is_empty(),
        "every fault came before the request was looked at"
    );
}

#[tokio::test]
async fn after_a_429_nothing_is_sent_before_it_is_welcome() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[("zone", &scene.zone)]);
    let limit = RateLimit {
        left: 0,
        retry_after: Some(4),
    };
    scene
        .double
        .knobs()
        .update(|knobs| knobs.rate_limit = Some(limit));
    let records = [record("example.test", "a"), record("example.test", "b")];
    for outcome in provider.present(&records, LONG).await.expect("an answer") {
        let refused = outcome.expect_err("too many");
        assert_eq!(
            (refused.class, refused.native_code),
            (FailureClass::RateLimited, Some(429))
        );
        assert!(
            refused
                .retry_after
                .is_some_and(|wait| wait <= Duration::from_secs(4)),
            "{refused:?}"
        );
        assert!(refused.message.contains("1200 requests"), "{}", refused.message);
    }
    assert_eq!(scene.asked().len(), 1, "the batch is not tried record by record");
    scene.double.knobs().update(|knobs| knobs.rate_limit = None);

    // with less time than the wait: told at once; with more: waited for
    let short = provider.present(&records[..1], Duration::from_millis(500)).await;
    assert_eq!(failure(short).class, FailureClass::RateLimited);
    assert!(scene.asked().is_empty());
    let started = tokio::time::Instant::now();
    present(&provider, &records[..1]).await;
    assert!(
        started.elapsed() > Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(scene.asked().len(), 1);
}

#[tokio::test]
async fn what_others_spent_counts_before_cloudflare_refuses() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[("zone", &scene.zone)]);
    let limit = RateLimit {
        left: 2,
        retry_after: Some(60),
    };
    scene
        .double
        .knobs()
        .update(|knobs| knobs.rate_limit = Some(limit));
    for at in 0..2 {
        present(&provider, &[record("example.test", &format!("{at}"))]).await;
    }
    let refused = failure(provider.present(&[record("example.test", "2")], LONG).await);
    assert_eq!(refused.class, FailureClass::RateLimited);
    assert!(
        refused
            .retry_after
            .is_some_and(|wait| wait > Duration::from_secs(50)),
        "{refused:?}"
    );
    let seen = scene.double.requests();
    assert_eq!(seen.len(), 2, "the third was not sent");
    assert!(seen.iter().all(|seen| seen.status == 200));
}

#[tokio::test]
async fn a_429_without_a_word_of_how_long_is_five_minutes() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[("zone", &scene.zone)]);
    let limit = RateLimit {
        left: 0,
        retry_after: None,
    };
    scene
        .double
        .knobs()
        .update(|knobs| knobs.rate_limit = Some(limit));
    let refused = failure(provider.present(&[record("example.test", "a")], LONG).await);
    assert_eq!(refused.retry_after, Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn tokens_that_are_not_good_are_told_apart() {
    let scene = Scene::start().await;
    let rights = Rights {
        dns_edit: true,
        zone_read: true,
        ..Rights::default()
    };
    let expired = scene
        .double
        .add_token_as(rights.clone(), TokenStatus::Expired, false);
    let disabled = scene.double.add_token_as(rights, TokenStatus::Disabled, false);
    let reader = scene.double.add_token(Rights {
        dns_read: true,
        zone_read: true,
        ..Rights::default()
    });
    for (token, word) in [
        (expired.as_str(), "expired"),
        (disabled.as_str(), "disabled"),
        ("0123456789012345678901234567890123456789", "wrong or has run out"),
        ("short", "6111"),
    ] {
        let provider = scene.provider_with(token, &[]);
        let refused = failure(provider.check(&[], LONG).await);
        assert_eq!(refused.class, FailureClass::Auth, "{refused:?}");
        assert!(refused.message.contains(word), "{token}: {}", refused.message);
    }
    // good, but not for this
    let provider = scene.provider_with(&reader, &[]);
    let known = Record {
        handle: "0".repeat(32),
        ..record("example.test", "v")
    };
    all_done(provider.check(&[], LONG).await);
    for outcomes in [
        provider.check(&[record("example.test", "v")], LONG).await,
        provider.present(&[record("example.test", "v")], LONG).await,
        provider.remove(&[known], LONG).await,
    ] {
        let refused = failure(outcomes);
        assert_eq!(refused.class, FailureClass::Auth, "{refused:?}");
        assert!(refused.message.contains("DNS:Edit"), "{}", refused.message);
    }
}

#[tokio::test]
async fn check_sees_what_it_can_and_changes_nothing() {
    let scene = Scene::start().await;
    scene
        .double
        .add_record(&scene.zone, "TXT", "_acme-challenge.example.test", "\"there\"");
    let provider = scene.provider(&[]);
    all_done(provider.check(&[], LONG).await);
    let done = all_done(provider.check(&[record("a.example.test", "v")], LONG).await);
    assert!(done[0].message.contains("zone example.test"), "{done:?}");
    let refused = failure(provider.check(&[record("other.test", "v")], LONG).await);
    assert_eq!(refused.class, FailureClass::ZoneNotFound);
    assert_eq!(scene.double.records(&scene.zone).len(), 1);

    // a token of the account is not known to `verify`
    let rights = Rights {
        dns_edit: true,
        zone_read: true,
        ..Rights::default()
    };
    let of_account = scene.double.add_token_as(rights, TokenStatus::Active, true);
    all_done(scene.provider_with(&of_account, &[]).check(&[], LONG).await);
    all_done(
        scene
            .provider_with(&of_account, &[("zone", &scene.zone)])
            .check(&[], LONG)
            .await,
    );
}

#[tokio::test]
async fn the_global_key_is_refused_with_the_reason() {
    let key = "144c9defac04969c7bfad8efaa8ea194fe7e6";
    let token = "0123456789012345678901234567890123456789";
    for values in [
        vec![("api-token", key, true)],
        vec![
            ("api-token", token, true),
            ("email", "me@example.org", false),
            ("api-key", key, true),
        ],
    ] {
        let provider = instance("cloudflare", &values);
        let refused = provider.check(&[], LONG).await.expect_err("it does not open");
        let refused = refused.to_string();
        assert!(refused.contains("may do everything in the account"), "{refused}");
        assert!(
            refused.contains("DNS:Edit") && !refused.contains(key),
            "{refused}"
        );
    }
}
