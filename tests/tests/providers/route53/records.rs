//! Values come and go without harm to others'.

use std::time::Duration;

use dns01d::plugin::{FailureClass, ProviderClient as _, Record};
use futures_util::future::join_all;
use lab::moto::Reply;

use super::{Lab, failure, refused};
use crate::instance::{LONG, all_done, present, remove};

#[tokio::test]
async fn two_values_of_one_name_stand_together_and_go_one_by_one() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let records = [lab.record("", "apex"), lab.record("", "wildcard")];

    present(&provider, &records).await;
    assert_eq!(lab.txt().await, [r#""apex""#, r#""wildcard""#]);
    assert_eq!(lab.moto.txt(&lab.id, &lab.name()).await.1, Some(60));
    remove(&provider, &records[..1]).await;
    assert_eq!(lab.txt().await, [r#""wildcard""#]);
    remove(&provider, &records[1..]).await;
    assert!(lab.txt().await.is_empty());
    // the set is gone, and can come back
    present(&provider, &records[..1]).await;
    assert_eq!(lab.txt().await, [r#""apex""#]);
}

#[tokio::test]
async fn foreign_values_keep_their_form_and_their_ttl() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[("ttl", "17", false)]);
    let foreign = [r#""a" "b""#, r#""say \"hi\" \\ \303\251 <&>""#];
    lab.moto.put(&lab.id, &lab.name(), "TXT", &foreign).await;
    let ours = [lab.record("", "ours"), lab.record("", r#"quote " and \"#)];

    present(&provider, &ours).await;
    let (values, ttl) = lab.moto.txt(&lab.id, &lab.name()).await;
    assert_eq!(values.len(), 4, "{values:?}");
    assert_eq!(ttl, Some(300));
    remove(&provider, &ours).await;
    assert_eq!(lab.txt().await, foreign);
    // a value is what it says, however it is written
    remove(&provider, &[lab.record("", "ab")]).await;
    assert_eq!(lab.txt().await, foreign[1..]);
}

#[tokio::test]
async fn what_is_already_so_is_no_change() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let records = [lab.record("", "one"), lab.record("other", "two")];

    assert!(
        present(&provider, &records)
            .await
            .iter()
            .all(|done| !done.no_change)
    );
    lab.front.forget();
    assert!(
        present(&provider, &records)
            .await
            .iter()
            .all(|done| done.no_change)
    );
    remove(&provider, &records).await;
    assert!(
        remove(&provider, &records)
            .await
            .iter()
            .all(|done| done.no_change)
    );
    assert_eq!(
        lab.front.seen_of("ChangeResourceRecordSets").len(),
        1,
        "the removal"
    );
}

#[tokio::test]
async fn a_fresh_process_removes_without_a_handle() {
    let lab = Lab::new().await;
    let records = [lab.record("", "one"), lab.record("", "two")];
    let first = lab.provider(&[]);
    present(&first, &records).await;
    first.shutdown().await;
    remove(&lab.provider(&[]), &records[..1]).await;
    assert_eq!(lab.txt().await, [r#""two""#]);
}

#[tokio::test]
async fn fifty_names_are_one_change_and_one_list() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let records: Vec<Record> = (0..50).map(|n| lab.record(&format!("n{n}"), "value")).collect();

    let done = present(&provider, &records).await;
    let count = |action| lab.front.seen_of(action).len();
    assert_eq!(count("ListHostedZonesByName"), 1);
    assert_eq!(count("ListResourceRecordSets"), 1);
    assert_eq!(count("ChangeResourceRecordSets"), 1);
    assert_eq!(done.len(), 50);
    remove(&provider, &records).await;
    assert_eq!(count("ListHostedZonesByName"), 1, "the zone is remembered");
    assert_eq!(count("ChangeResourceRecordSets"), 2);
    for record in &records {
        assert!(lab.moto.txt(&lab.id, &record.fqdn).await.0.is_empty());
    }
}

#[tokio::test]
async fn eight_writers_of_one_name_lose_nothing() {
    let lab = Lab::new().await;
    lab.moto.put(&lab.id, &lab.name(), "TXT", &[r#""foreign""#]).await;
    // eight instances are eight processes
    let providers: Vec<_> = (0..8).map(|_| lab.provider(&[])).collect();
    let own = |n: usize| {
        [
            lab.record("", &format!("w{n}-a")),
            lab.record("", &format!("w{n}-b")),
        ]
    };

    let all = providers.iter().enumerate().map(|(n, provider)| async move {
        let long = Duration::from_secs(100);
        all_done(provider.present(&own(n), long).await);
        all_done(provider.remove(&own(n)[..1], long).await);
    });
    join_all(all).await;
    let mut expected: Vec<String> = (0..8).map(|n| format!("\"w{n}-b\"")).collect();
    expected.insert(0, r#""foreign""#.to_owned());
    assert_eq!(lab.txt().await, expected);
    let tries = lab.front.seen_of("ChangeResourceRecordSets").len();
    assert!(
        tries > 16,
        "{tries} changes: they never met, so this showed nothing"
    );
}

#[tokio::test]
async fn calls_that_overlap_in_one_process_take_turns() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let records: Vec<[Record; 1]> = (0..12)
        .map(|n| [lab.record("", &format!("value{n:02}"))])
        .collect();
    join_all(records.iter().map(|record| present(&provider, record))).await;
    assert_eq!(lab.txt().await.len(), 12);
    assert_eq!(
        lab.front.seen_of("ChangeResourceRecordSets").len(),
        12,
        "none was in the way of another"
    );
}

#[tokio::test]
async fn a_conflict_is_understood_in_both_forms_of_the_error() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let words = "Tried to create resource record set [name=&apos;x.&apos;, type=&apos;TXT&apos;] but it already exists";
    let document = format!(
        "<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <Messages><Message>{words}</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>"
    );
    for (at, reply) in [
        Reply::new(400, document),
        Reply::error(400, "InvalidChangeBatch", words),
    ]
    .into_iter()
    .enumerate()
    {
        lab.front.forget();
        lab.front.fail("ChangeResourceRecordSets", 2, reply);
        present(&provider, &[lab.record("", &format!("value{at}"))]).await;
        assert_eq!(lab.front.seen_of("ChangeResourceRecordSets").len(), 3);
        assert_eq!(
            lab.front.seen_of("ListResourceRecordSets").len(),
            3,
            "read anew each time"
        );
    }
    assert_eq!(lab.txt().await.len(), 2);
}

#[tokio::test]
async fn a_conflict_is_found_without_the_words_for_it() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    lab.moto.put(&lab.id, &lab.name(), "TXT", &[r#""foreign""#]).await;
    // what was read is out of date by the time of the change, and AWS words that anew
    let nothing = "<ListResourceRecordSetsResponse><ResourceRecordSets/><IsTruncated>false</IsTruncated>\
                   <MaxItems>300</MaxItems></ListResourceRecordSetsResponse>";
    lab.front
        .fail("ListResourceRecordSets", 1, Reply::new(200, nothing));
    let reworded = Reply::error(400, "InvalidChangeBatch", "[that set is another one by now]");
    lab.front.fail("ChangeResourceRecordSets", 1, reworded);
    present(&provider, &[lab.record("", "ours")]).await;
    assert_eq!(lab.txt().await, [r#""foreign""#, r#""ours""#]);
}

#[tokio::test]
async fn a_conflict_that_does_not_end_is_read_without_leaning_on_the_order_of_names() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    lab.moto.put(&lab.id, &lab.name(), "TXT", &[r#""foreign""#]).await;
    // as if the set stood before the page on which it belongs
    let nothing = "<ListResourceRecordSetsResponse><ResourceRecordSets/><IsTruncated>false</IsTruncated>\
                   <MaxItems>300</MaxItems></ListResourceRecordSetsResponse>";
    lab.front
        .fail("ListResourceRecordSets", 3, Reply::new(200, nothing));
    present(&provider, &[lab.record("", "ours")]).await;
    assert_eq!(lab.txt().await, [r#""foreign""#, r#""ours""#]);
    let last = lab.front.seen_of("ListResourceRecordSets").pop().expect("a list");
    assert!(last.path.contains("type=TXT"), "{}", last.path);
}

#[tokio::test]
async fn batches_keep_to_the_quotas_of_route_53() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    // 32,000 characters: 8 values of 3,900
    let long = "v".repeat(3900);
    let records: Vec<Record> = (0..20).map(|n| lab.record(&format!("n{n}"), &long)).collect();
    present(&provider, &records).await;
    assert_eq!(lab.front.seen_of("ChangeResourceRecordSets").len(), 3);
    let (values, _) = lab.moto.txt(&lab.id, &records[19].fqdn).await;
    assert!(
        values[0].starts_with(&format!("\"{}\" \"", "v".repeat(255))),
        "{}",
        &values[0][..300]
    );
    remove(&provider, &records).await;

    // 400 values in a set
    let many: Vec<String> = (0..400).map(|n| format!("\"{n}\"")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    lab.moto.put(&lab.id, &lab.name(), "TXT", &many).await;
    let full = FailureClass::Permanent;
    refused(
        &provider,
        lab.record("", "ours"),
        full,
        &["400 values", &lab.name()],
    )
    .await;
    remove(&provider, &[lab.record("", "7")]).await;
    assert_eq!(lab.txt().await.len(), 399);
    // and one value that no record can hold
    refused(
        &provider,
        lab.record("n", &"v".repeat(5000)),
        full,
        &["5000 bytes"],
    )
    .await;
}

#[tokio::test]
async fn names_far_apart_in_a_large_zone_are_found_on_its_pages() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let filler: Vec<Record> = (0..400)
        .map(|n| lab.record(&format!("m{n:03}"), "filler"))
        .collect();
    for part in filler.chunks(100) {
        present(&provider, part).await;
    }
    let records = [
        lab.record("a", "v"),
        lab.record("m200", "v"),
        lab.record("z-z", "v"),
        lab.record("z", "v"),
    ];
    present(&provider, &records).await;
    let (values, _) = lab.moto.txt(&lab.id, &records[1].fqdn).await;
    assert_eq!(values, [r#""filler""#, r#""v""#]);
    remove(&provider, &records).await;
    assert_eq!(lab.moto.txt(&lab.id, &records[1].fqdn).await.0, [r#""filler""#]);
    assert!(lab.moto.txt(&lab.id, &records[2].fqdn).await.0.is_empty());
}

#[tokio::test]
async fn one_record_that_cannot_be_does_not_hinder_the_others() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let name = |below: &str| format!("_acme-challenge.{below}.{}", lab.zone);
    lab.moto
        .put(&lab.id, &name("cname"), "CNAME", &["elsewhere.test"])
        .await;
    let weighted = "<SetIdentifier>blue</SetIdentifier><Weight>10</Weight><TTL>60</TTL><ResourceRecords>\
                    <ResourceRecord><Value>&quot;w&quot;</Value></ResourceRecord></ResourceRecords>";
    lab.moto
        .put_set(&lab.id, &name("weighted"), "TXT", weighted)
        .await;
    let alias = format!(
        "<AliasTarget><HostedZoneId>{}</HostedZoneId><DNSName>t.{}</DNSName>\
         <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>",
        lab.id, lab.zone
    );
    lab.moto.put_set(&lab.id, &name("alias"), "TXT", &alias).await;

    let bad = [
        ("cname", FailureClass::Permanent, "CNAME"),
        (
            "weighted",
            FailureClass::Unsupported,
            "routing policy (set `blue`)",
        ),
        ("alias", FailureClass::Unsupported, "alias"),
    ];
    let records: Vec<Record> = ["good", "cname", "fine", "weighted", "alias"]
        .iter()
        .map(|below| lab.record(below, "v"))
        .collect();
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    for (at, (below, class, words)) in [1, 3, 4].into_iter().zip(bad) {
        let failure = outcomes[at].as_ref().expect_err(below);
        assert_eq!(failure.class, class, "{failure:?}");
        assert!(
            failure.message.contains(words) && failure.message.contains(&name(below)),
            "{failure:?}"
        );
    }
    assert_eq!(lab.moto.txt(&lab.id, &name("good")).await.0, [r#""v""#]);
    // where no value of ours can be there is none to remove
    let gone = remove(&provider, &records).await;
    assert_eq!(gone.iter().filter(|done| done.no_change).count(), 3);
}

#[tokio::test]
async fn a_change_is_in_sync_when_route_53_says_so() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let mut records = [lab.record("a", "v"), lab.record("b", "v")];
    let done = present(&provider, &records).await;
    for (record, done) in records.iter_mut().zip(done) {
        assert!(done.handle.starts_with('C'), "{done:?}");
        record.handle = done.handle;
    }
    let pending = all_done(provider.sync(&records, LONG).await);
    assert!(
        pending
            .iter()
            .all(|done| done.ask_again.is_some() && !done.in_sync),
        "{pending:?}"
    );
    let settled = all_done(provider.sync(&records, LONG).await);
    assert!(
        settled
            .iter()
            .all(|done| done.ask_again.is_none() && done.in_sync),
        "{settled:?}"
    );
    assert_eq!(
        lab.front.seen_of("GetChange").len(),
        2,
        "one change, asked for twice"
    );
    // a change that Route 53 has forgotten, and none at all
    records[0].handle = "C0000FORGOTTEN".to_owned();
    records[1].handle = String::new();
    let done = all_done(provider.sync(&records, LONG).await);
    assert!(
        done.iter().all(|done| done.ask_again.is_none() && !done.in_sync),
        "{done:?}"
    );
}

#[tokio::test]
async fn check_sees_the_right_to_change_and_changes_nothing() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    lab.moto.put(&lab.id, &lab.name(), "TXT", &[r#""foreign""#]).await;
    all_done(provider.check(&[], LONG).await);
    let done = all_done(
        provider
            .check(&[lab.record("", "v"), lab.record("new", "v")], LONG)
            .await,
    );
    assert!(
        done[0].message.contains(&lab.zone) && done[0].message.contains(&lab.id),
        "{done:?}"
    );
    assert_eq!(lab.txt().await, [r#""foreign""#]);
    assert!(
        lab.moto
            .txt(&lab.id, &lab.record("new", "").fqdn)
            .await
            .0
            .is_empty()
    );

    let denied = Reply::error(
        403,
        "AccessDenied",
        "User: arn:aws:iam::1:user/u is not authorized",
    );
    lab.front.fail("ChangeResourceRecordSets", 1, denied);
    let failure = failure(provider.check(&[lab.record("", "v")], LONG).await);
    assert_eq!(failure.class, FailureClass::Auth);
    assert!(
        failure.message.contains("route53:ChangeResourceRecordSets"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn the_time_of_a_call_and_a_cancellation_are_kept_to() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    present(&provider, &[lab.record("warm", "v")]).await;
    lab.front.fail("ChangeResourceRecordSets", 100, Reply::none());
    let start = tokio::time::Instant::now();
    let outcomes = provider
        .present(&[lab.record("", "v")], Duration::from_secs(2))
        .await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    match outcomes {
        Ok(outcomes) => {
            let failure = outcomes[0].as_ref().expect_err("no success");
            assert_eq!(failure.class, FailureClass::Cancelled, "{failure:?}");
        }
        Err(error) => assert!(!error.untouched(), "{error}"),
    }
    // the process answered for itself and serves on
    lab.front.fail("ChangeResourceRecordSets", 0, Reply::none());
    present(&provider, &[lab.record("", "v")]).await;
    assert_eq!(lab.txt().await, [r#""v""#]);
}
