//! Which zone a name is in: as configured, or as the token sees it.

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::cloudflare::{Plan, Rights};

use super::{Scene, failure, hinted};
use crate::instance::{LONG, present, record, remove};

#[tokio::test]
async fn a_zone_is_found_by_the_hint_or_else_by_walking_up() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    present(&provider, &[hinted("a.example.test", "value", "example.test")]).await;
    assert_eq!(scene.asked(), ["GET /zones", "POST ZONE/dns_records"]);

    let provider = scene.provider(&[]);
    present(&provider, &[record("b.example.test", "value")]).await;
    let walk = ["GET /zones", "GET /zones", "GET /zones", "POST ZONE/dns_records"];
    assert_eq!(scene.asked(), walk);

    // a hint that the account knows nothing of
    let provider = scene.provider(&[]);
    present(&provider, &[hinted("c.example.test", "value", "c.example.test")]).await;
    assert_eq!(scene.double.records(&scene.zone).len(), 3);
}

#[tokio::test]
async fn a_token_that_may_not_list_zones_works_with_ids() {
    let scene = Scene::start().await;
    let sub = scene.double.add_zone("sub.example.test");
    let token = scene.double.add_token(Rights {
        zones: vec![scene.zone.clone(), sub.clone()],
        dns_edit: true,
        ..Rights::default()
    });
    let one = scene.provider_with(&token, &[("zone", &scene.zone)]);
    present(&one, &[record("example.test", "one")]).await;
    assert_eq!(scene.asked(), ["POST ZONE/dns_records"]);
    remove(&one, &[record("example.test", "one")]).await;

    let (first, second) = (
        format!("example.test={}", scene.zone),
        format!("sub.example.test={sub}"),
    );
    let named = scene.provider_with(&token, &[("zone", &first), ("zone", &second)]);
    present(
        &named,
        &[record("example.test", "a"), record("x.sub.example.test", "b")],
    )
    .await;
    assert_eq!(
        (
            scene.double.records(&scene.zone).len(),
            scene.double.records(&sub).len()
        ),
        (1, 1)
    );
    assert!(!scene.asked().contains(&"GET /zones".to_owned()));

    let outside = failure(named.present(&[record("other.test", "c")], LONG).await);
    assert_eq!(outside.class, FailureClass::Config);
    assert!(
        outside.message.contains("none of the zones"),
        "{}",
        outside.message
    );

    let blind = scene.provider_with(&token, &[]);
    let refused = failure(blind.present(&[record("example.test", "d")], LONG).await);
    assert_eq!(refused.class, FailureClass::ZoneNotFound);
    assert!(refused.message.contains("Zone:Read"), "{}", refused.message);
}

#[tokio::test]
async fn the_id_of_another_zone_leaves_nothing_behind() {
    let scene = Scene::start().await;
    // the real API does not refuse a name outside the zone: it appends the zone's
    scene
        .double
        .knobs()
        .update(|knobs| knobs.refuses_outside_names = false);
    let provider = scene.provider(&[("zone", &scene.zone)]);
    for records in [
        vec![record("other.test", "a")],
        vec![record("other.test", "a"), record("other.test", "b")],
    ] {
        for outcome in provider.present(&records, LONG).await.expect("an answer") {
            let refused = outcome.expect_err("the wrong zone");
            assert_eq!(refused.class, FailureClass::Config);
            let became = "_acme-challenge.other.test.example.test";
            assert!(refused.message.contains(became), "{}", refused.message);
        }
        assert!(scene.double.records(&scene.zone).is_empty());
    }
}

#[tokio::test]
async fn of_two_zones_of_one_name_the_active_one_counts_and_one_that_is_not_served_is_said_so() {
    let scene = Scene::start().await;
    scene.double.add_zone_as("twice.test", "pending", Plan::Free);
    let active = scene.double.add_zone("twice.test");
    scene.double.add_zone_as("waiting.test", "pending", Plan::Free);
    let provider = scene.provider(&[]);
    present(&provider, &[record("twice.test", "value")]).await;
    assert_eq!(scene.double.records(&active).len(), 1);
    let refused = failure(provider.present(&[record("waiting.test", "value")], LONG).await);
    assert_eq!(refused.class, FailureClass::ZoneNotFound);
    assert!(refused.message.contains("pending"), "{}", refused.message);
}
