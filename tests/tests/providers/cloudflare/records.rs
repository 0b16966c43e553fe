//! Adding: beside what others have, in few requests.

use std::time::Duration;

use dns01d::plugin::{ProviderClient as _, Record};

use super::{Scene, hinted, many};
use crate::instance::{LONG, all_done, present, record, remove};

const NAME: &str = "_acme-challenge.example.test";

#[tokio::test]
async fn two_values_of_one_name_stand_together_and_go_one_by_one() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    // apex and wildcard are proven at one name
    let mut records = [record("example.test", "apex"), record("example.test", "wildcard")];
    let done = present(&provider, &records).await;
    assert_eq!(scene.double.txt(NAME), ["apex", "wildcard"]);
    for (record, done) in records.iter_mut().zip(done) {
        record.handle = done.handle;
    }
    remove(&provider, &records[..1]).await;
    assert_eq!(scene.double.txt(NAME), ["wildcard"]);
    remove(&provider, &records[1..]).await;
    assert!(scene.double.txt(NAME).is_empty());
}

#[tokio::test]
async fn a_record_is_quoted_says_who_made_it_and_has_a_ttl_that_the_plan_takes() {
    let scene = Scene::start().await;
    let mut asked = record("example.test", "value");
    asked.ttl = 5;
    let long = "x".repeat(300);
    let texts = [asked, record("long.example.test", &long)];
    present(&scene.provider(&[]), &texts).await;
    let held = scene.double.records(&scene.zone);
    assert_eq!((held[0].content.as_str(), held[0].ttl), ("\"value\"", 60));
    assert_eq!(
        held[1].content,
        format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45))
    );
    let comment = held[0].comment.as_deref().expect("a comment");
    assert!(comment.starts_with("dns01d: "), "{comment}");
    assert!(comment.chars().count() <= 50, "{comment}");

    let automatic = scene.provider(&[("ttl", "1")]);
    present(&automatic, &[record("auto.example.test", "value")]).await;
    assert_eq!(scene.double.records(&scene.zone)[2].ttl, 1);
}

#[tokio::test]
async fn both_are_idempotent() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    let records = [record("example.test", "a"), record("example.test", "b")];
    for once in [false, true] {
        let done = present(&provider, &records).await;
        assert!(done.iter().all(|done| done.no_change == once), "{done:?}");
        assert_eq!(scene.double.txt(NAME), ["a", "b"]);
    }
    for once in [false, true] {
        let done = remove(&provider, &records).await;
        assert!(done.iter().all(|done| done.no_change == once), "{done:?}");
        assert!(scene.double.txt(NAME).is_empty());
    }
    // the bad one among good ones is told apart
    present(&provider, &records[..1]).await;
    let done = present(&provider, &records).await;
    assert_eq!((done[0].no_change, done[1].no_change), (true, false), "{done:?}");
}

#[tokio::test]
async fn fifty_names_are_one_request() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    let mut records = many(50);
    let done = present(&provider, &records).await;
    assert_eq!(scene.asked(), ["GET /zones", "POST ZONE/dns_records/batch"]);
    assert_eq!(scene.double.records(&scene.zone).len(), 50);
    for (record, done) in records.iter_mut().zip(&done) {
        record.handle = done.handle.clone();
        assert_eq!(scene.double.txt(&record.fqdn), [record.value.as_str()]);
    }
    remove(&provider, &records).await;
    assert_eq!(scene.asked(), ["POST ZONE/dns_records/batch"]);
    assert!(scene.double.records(&scene.zone).is_empty());
}

#[tokio::test]
async fn without_a_batch_endpoint_records_go_one_by_one() {
    let scene = Scene::start().await;
    scene.double.knobs().update(|knobs| knobs.batch = false);
    let provider = scene.provider(&[]);
    let records = many(3);
    present(&provider, &records).await;
    let post = "POST ZONE/dns_records";
    assert_eq!(
        scene.asked(),
        ["GET /zones", "POST ZONE/dns_records/batch", post, post, post]
    );
    remove(&provider, &records).await;
    let asked = scene.asked();
    assert!(
        !asked.iter().any(|asked| asked.ends_with("batch")),
        "it is not asked again: {asked:?}"
    );
    assert!(scene.double.records(&scene.zone).is_empty());
}

#[tokio::test]
async fn one_bad_record_does_not_hinder_the_others() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    let label = "x".repeat(64);
    let mut records = many(3);
    records[1] = hinted(&format!("{label}.example.test"), "value", "example.test");
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    let good: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true], "{outcomes:?}");
    assert_eq!(scene.double.records(&scene.zone).len(), 2);
}

#[tokio::test]
async fn several_zones_in_one_call() {
    let scene = Scene::start().await;
    let (sub, other) = (
        scene.double.add_zone("sub.example.test"),
        scene.double.add_zone("other.test"),
    );
    let provider = scene.provider(&[]);
    let names = [
        "example.test",
        "a.example.test",
        "sub.example.test",
        "b.sub.example.test",
        "other.test",
    ];
    let records: Vec<Record> = names.iter().map(|name| record(name, "value")).collect();
    present(&provider, &records).await;
    let held = |zone: &str| {
        let records = scene.double.records(zone).into_iter();
        let mut names: Vec<String> = records.map(|record| record.name).collect();
        names.sort();
        names
    };
    assert_eq!(held(&scene.zone), ["_acme-challenge.a.example.test", NAME]);
    assert_eq!(
        held(&sub),
        [
            "_acme-challenge.b.sub.example.test",
            "_acme-challenge.sub.example.test"
        ]
    );
    assert_eq!(held(&other), ["_acme-challenge.other.test"]);
    remove(&provider, &records).await;
    assert!(
        [&scene.zone, &sub, &other]
            .iter()
            .all(|zone| scene.double.records(zone).is_empty())
    );
}

#[tokio::test]
async fn a_plan_that_does_not_take_the_comment_gets_the_record_without() {
    let scene = Scene::start().await;
    scene.double.knobs().update(|knobs| knobs.comment = 10);
    for records in [many(1), many(3)] {
        let provider = scene.provider(&[]);
        present(&provider, &records).await;
        let held = scene.double.records(&scene.zone);
        assert_eq!(held.len(), records.len());
        assert!(held.iter().all(|held| held.comment.is_none()), "{held:?}");
        scene.asked();
        remove(&provider, &records).await;
        present(&provider, &records).await;
        let refused = scene
            .double
            .requests()
            .iter()
            .filter(|seen| seen.status == 400)
            .count();
        assert_eq!(refused, 0, "once is enough to know");
        remove(&provider, &records).await;
    }
}

#[tokio::test]
async fn a_slow_service_does_not_outlive_the_call() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    all_done(provider.check(&[], LONG).await);
    scene
        .double
        .knobs()
        .update(|knobs| knobs.latency = Duration::from_secs(20));
    let started = tokio::time::Instant::now();
    let outcomes = provider.present(&many(2), Duration::from_secs(1)).await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    let answered = outcomes.map(|outcomes| outcomes.iter().any(Result::is_ok));
    assert_ne!(answered.ok(), Some(true));
}

#[tokio::test]
async fn calls_overlap() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[("zone", &scene.zone)]);
    scene
        .double
        .knobs()
        .update(|knobs| knobs.latency = Duration::from_millis(400));
    all_done(provider.check(&[], LONG).await);
    let started = tokio::time::Instant::now();
    let calls = (0..6).map(|at| {
        let (provider, name) = (&provider, format!("n{at}.example.test"));
        async move { present(provider, &[record(&name, "value")]).await }
    });
    futures_util::future::join_all(calls).await;
    assert!(
        started.elapsed() < Duration::from_millis(1600),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(scene.double.records(&scene.zone).len(), 6);
}
