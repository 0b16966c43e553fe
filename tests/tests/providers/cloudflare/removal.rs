//! Removing: exactly what was added, whatever became of the handle.

use dns01d::plugin::{ProviderClient as _, RecordKind};
use lab::cloudflare::Fault;

use super::{Scene, many, value};
use crate::instance::{LONG, all_done, present, record, remove};

const NAME: &str = "_acme-challenge.example.test";

#[tokio::test]
async fn values_of_others_stay() {
    let scene = Scene::start().await;
    for (kind, name, content) in [
        ("TXT", NAME, "\"theirs\""),
        ("TXT", NAME, "ours"),
        ("TXT", NAME, "\"ours and more\""),
        ("TXT", "other._acme-challenge.example.test", "\"ours\""),
        ("A", "example.test", "192.0.2.1"),
    ] {
        scene.double.add_record(&scene.zone, kind, name, content);
    }
    let provider = scene.provider(&[]);
    let records = [record("example.test", "ours")];
    present(&provider, &records).await;
    // without a handle: also the one that somebody made without quotes, which says the same
    remove(&provider, &records).await;
    assert_eq!(scene.double.txt(NAME), ["ours and more", "theirs"]);
    assert_eq!(scene.double.records(&scene.zone).len(), 4);
}

#[tokio::test]
async fn a_new_process_removes_with_and_without_the_handle() {
    let scene = Scene::start().await;
    let mut records = many(3);
    let done = present(&scene.provider(&[]), &records).await;
    records[0].handle = done[0].handle.clone();
    assert!(done.iter().all(|done| done.handle.len() == 32), "{done:?}");
    scene.asked();

    remove(&scene.provider(&[]), &records).await;
    assert!(scene.double.records(&scene.zone).is_empty());
    let list = "GET ZONE/dns_records";
    assert_eq!(
        scene.asked(),
        ["GET /zones", list, list, "POST ZONE/dns_records/batch"]
    );
}

#[tokio::test]
async fn a_stale_handle_is_no_hindrance() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    for count in [1, 3] {
        let mut records = many(count);
        let done = present(&provider, &records).await;
        for (record, done) in records.iter_mut().zip(&done) {
            record.handle = done.handle.clone();
        }
        scene.double.renumber(&scene.zone);
        let done = remove(&provider, &records).await;
        assert!(done.iter().all(|done| !done.no_change), "{done:?}");
        assert!(scene.double.records(&scene.zone).is_empty());
        // gone under any id
        let done = remove(&provider, &records).await;
        assert!(done.iter().all(|done| done.no_change), "{done:?}");
    }
}

#[tokio::test]
async fn a_record_for_months_is_removed_by_what_it_says_now() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    let mut standing = record("example.test", "ca.example; policy=wildcard");
    standing.kind = RecordKind::Persist;
    standing.handle = present(&provider, std::slice::from_ref(&standing)).await[0]
        .handle
        .clone();
    // somebody else's words, under the same id
    scene
        .double
        .edit(&scene.zone, &standing.handle, "\"edited by hand\"");
    assert!(remove(&provider, &[standing]).await[0].no_change);
    assert_eq!(scene.double.txt(NAME), ["edited by hand"]);
}

#[tokio::test]
async fn every_page_of_a_crowded_name_is_read() {
    let scene = Scene::start().await;
    scene.double.knobs().update(|knobs| knobs.page = 10);
    for at in 0..24 {
        scene
            .double
            .add_record(&scene.zone, "TXT", NAME, &format!("\"{}\"", value(at)));
    }
    let provider = scene.provider(&[]);
    let records = [record("example.test", &value(23))];
    assert!(!remove(&provider, &records).await[0].no_change);
    assert_eq!(scene.double.txt(NAME).len(), 23);
    let pages = scene
        .asked()
        .iter()
        .filter(|asked| *asked == "GET ZONE/dns_records")
        .count();
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_next_try() {
    let scene = Scene::start().await;
    let provider = scene.provider(&[]);
    for records in [many(1), many(3)] {
        // finds the zone, so that the fault meets what follows
        all_done(provider.check(&records, LONG).await);
        scene
            .double
            .knobs()
            .update(|knobs| knobs.faults = vec![Fault::Lose]);
        let outcomes = provider.present(&records, LONG).await.expect("an answer");
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        let done = present(&provider, &records).await;
        assert!(done.iter().all(|done| done.no_change), "{done:?}");
        scene
            .double
            .knobs()
            .update(|knobs| knobs.faults = vec![Fault::Lose]);
        let lost = provider.remove(&records, LONG).await.expect("an answer");
        assert!(lost[0].is_err(), "{lost:?}");
        remove(&provider, &records).await;
        assert!(scene.double.records(&scene.zone).is_empty());
    }
}

#[tokio::test]
async fn an_answer_in_another_order_does_not_mix_up_the_handles() {
    let scene = Scene::start().await;
    scene.double.knobs().update(|knobs| knobs.batch_order = false);
    let provider = scene.provider(&[]);
    let mut records = many(3);
    let done = present(&provider, &records).await;
    for (record, done) in records.iter_mut().zip(&done) {
        record.handle = done.handle.clone();
    }
    remove(&provider, &records[..1]).await;
    assert!(scene.double.txt(&records[0].fqdn).is_empty());
    assert_eq!(scene.double.records(&scene.zone).len(), 2);
}
