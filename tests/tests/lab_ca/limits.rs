//! Limits that are really counted.

use lab::ca::{Limit, Limits, Quota, Window};
use lab::dns::Zone;
use serde_json::json;

use crate::by_hand::{Bench, ZONE};

async fn limited() -> Bench {
    let bench = Bench::start().await;
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.limits = Some(Limits::default()));
    bench
}

fn hits(bench: &Bench) -> Vec<Limit> {
    bench.ca.limit_hits().iter().map(|hit| hit.limit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_certificate_of_a_set_is_refused_until_one_comes_back() {
    let bench = limited().await;
    let account = bench.register().await;
    for _ in 0..5 {
        bench.issue(&account, &[ZONE]).await;
    }
    let refused = bench.order(&account, &[ZONE]).await;
    assert_eq!((refused.status, refused.problem()), (429, "rateLimited"));
    let wait: i64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((33 * 3600..=34 * 3600).contains(&wait), "{wait}");
    assert!(
        refused.json["detail"].as_str().unwrap().contains("exact set"),
        "{}",
        refused.json
    );
    // another set is another matter, and another account is not
    assert_eq!(
        bench
            .order(&account, &[ZONE, "www.internal.example.test"])
            .await
            .status,
        201
    );
    assert_eq!(bench.order(&bench.register().await, &[ZONE]).await.status, 429);
    assert_eq!(hits(&bench), [Limit::CertificatesPerSet; 2]);
    bench.ca.knobs().update(|knobs| knobs.clock_offset = wait);
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_authorizations_and_new_orders_are_counted_for_the_account() {
    let bench = limited().await;
    let account = bench.register().await;
    bench.dns.put_zone(Zone::new(ZONE).unwrap());
    for _ in 0..5 {
        let order = bench.order(&account, &[ZONE]).await;
        let authorization = order.json["authorizations"][0].as_str().unwrap();
        let object = bench.post(&account, authorization, "").await.json;
        bench
            .post(&account, object["challenges"][0]["url"].as_str().unwrap(), "{}")
            .await;
        bench
            .until(&account, authorization, |status| status != "pending")
            .await;
    }
    let refused = bench.order(&account, &["*.internal.example.test"]).await;
    assert_eq!((refused.status, refused.retry_after.is_some()), (429, true));
    assert_eq!(bench.order(&bench.register().await, &[ZONE]).await.status, 201);

    bench.ca.knobs().update(|knobs| {
        knobs.limits = Some(Limits {
            orders_per_account: Quota {
                count: 2,
                window: std::time::Duration::from_secs(7200),
            },
            ..Limits::default()
        });
    });
    let account = bench.register().await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(bench.order(&account, &["a.other.test"]).await.status);
    }
    assert_eq!(statuses, [201, 201, 429]);
    assert_eq!(hits(&bench), [Limit::FailuresPerName, Limit::OrdersPerAccount]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacement_within_its_window_is_exempt() {
    let bench = limited().await;
    let account = bench.register().await;
    let mut last = bench.issue(&account, &[ZONE]).await;
    let now = bench.ca.now();
    let hours = |from: i64, to: i64| Window {
        start: now + jiff::SignedDuration::from_hours(from),
        end: now + jiff::SignedDuration::from_hours(to),
        explanation_url: None,
    };
    for _ in 0..8 {
        bench.ca.set_renewal_info(&last.serial, hours(-1, 1)).unwrap();
        let wish = json!({ "replaces": last.cert_id });
        last = bench.issue_with(&account, &[ZONE], &wish).await;
    }
    // nothing of that was counted: four are left
    for _ in 0..4 {
        bench.issue(&account, &[ZONE]).await;
    }
    // a window in the past, as after a revocation, exempts nobody
    bench.ca.set_renewal_info(&last.serial, hours(-2, -1)).unwrap();
    let wish = json!({ "replaces": last.cert_id });
    assert_eq!(bench.order_with(&account, &[ZONE], &wish).await.status, 429);
    assert_eq!(hits(&bench), [Limit::CertificatesPerSet]);
}
