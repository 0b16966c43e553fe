//! The right zone is written to.

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::moto::Reply;

use super::{Lab, refused};
use crate::instance::{LONG, present, record, remove};

#[tokio::test]
async fn the_longest_zone_wins_and_a_neighbour_never_does() {
    let lab = Lab::new().await;
    let sub = lab.moto.zone(&format!("sub.{}", lab.zone)).await;
    lab.moto.zone(&format!("b.{}", lab.zone)).await;
    let provider = lab.provider(&[]);
    let records = [
        lab.record("sub", "v"),
        lab.record("www.sub", "v"),
        lab.record("bb", "v"),
    ];
    present(&provider, &records).await;
    for (zone, record) in [(&sub, &records[0]), (&sub, &records[1]), (&lab.id, &records[2])] {
        assert_eq!(
            lab.moto.txt(zone, &record.fqdn).await.0,
            [r#""v""#],
            "{}",
            record.fqdn
        );
    }
    assert_eq!(
        lab.front.seen_of("ListHostedZonesByName").len(),
        1,
        "one list knows them all"
    );
}

#[tokio::test]
async fn a_hint_counts_where_the_account_has_that_zone_and_only_there() {
    let lab = Lab::new().await;
    // made, but not delegated: public DNS knows only the zone above
    let leftover = lab.moto.zone(&format!("sub.{}", lab.zone)).await;
    let provider = lab.provider(&[]);
    for (hint, zone) in [
        (lab.zone.clone(), &lab.id),
        ("elsewhere.invalid".to_owned(), &leftover),
        (format!("www.sub.{}", lab.zone), &leftover),
        (String::new(), &leftover),
    ] {
        let mut record = lab.record("www.sub", "v");
        record.zone = hint;
        present(&provider, std::slice::from_ref(&record)).await;
        assert_eq!(
            lab.moto.txt(zone, &record.fqdn).await.0,
            [r#""v""#],
            "{}",
            record.zone
        );
        remove(&provider, &[record]).await;
    }
}

#[tokio::test]
async fn private_zones_count_only_where_they_are_asked_for() {
    let lab = Lab::new().await;
    let private = lab.moto.private_zone(&format!("deep.{}", lab.zone)).await;
    let record = lab.record("deep", "v");
    present(&lab.provider(&[]), std::slice::from_ref(&record)).await;
    assert_eq!(lab.moto.txt(&lab.id, &record.fqdn).await.0, [r#""v""#]);
    let provider = lab.provider(&[("private", "true", false)]);
    present(&provider, std::slice::from_ref(&record)).await;
    assert_eq!(lab.moto.txt(&private, &record.fqdn).await.0, [r#""v""#]);
    let none = FailureClass::ZoneNotFound;
    refused(
        &provider,
        lab.record("", "v"),
        none,
        &["no private hosted zone", &lab.name()],
    )
    .await;
}

#[tokio::test]
async fn a_name_without_a_zone_says_so_and_spoils_no_other() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    let foreign = record("not-in-this-account.test", "v");
    let outcomes = provider
        .present(&[lab.record("", "v"), foreign], LONG)
        .await
        .unwrap();
    assert!(outcomes[0].is_ok());
    let failure = outcomes[1].as_ref().expect_err("no zone");
    assert_eq!(failure.class, FailureClass::ZoneNotFound);
    assert!(
        failure
            .message
            .contains("no public hosted zone for _acme-challenge.not-in"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn two_zones_of_one_name_are_told_apart_by_id() {
    let lab = Lab::new().await;
    let other = lab.moto.zone(&lab.zone).await;
    let config = FailureClass::Config;
    refused(
        &lab.provider(&[]),
        lab.record("", "v"),
        config,
        &[&lab.id, &other, "`hosted-zone-id`"],
    )
    .await;
    let id = format!("/hostedzone/{other}");
    let provider = lab.provider(&[("hosted-zone-id", &id, false)]);
    lab.front.forget();
    present(&provider, &[lab.record("", "v")]).await;
    assert_eq!(lab.moto.txt(&other, &lab.name()).await.0, [r#""v""#]);
    assert!(
        lab.front.seen_of("ListHostedZonesByName").is_empty(),
        "needs no right to list"
    );
    // a name of another zone
    let wrong = FailureClass::Permanent;
    refused(
        &provider,
        record("elsewhere.test", "v"),
        wrong,
        &["not permitted in zone", &other],
    )
    .await;
}

#[tokio::test]
async fn a_zone_that_was_made_anew_is_found_again() {
    let lab = Lab::new().await;
    let provider = lab.provider(&[]);
    present(&provider, &[lab.record("", "v")]).await;
    remove(&provider, &[lab.record("", "v")]).await;
    lab.moto.delete_zone(&lab.id).await;
    let new = lab.moto.zone(&lab.zone).await;
    present(&provider, &[lab.record("", "v")]).await;
    assert_eq!(lab.moto.txt(&new, &lab.name()).await.0, [r#""v""#]);

    // one that is given by its id is not sought
    let given = lab.provider(&[("hosted-zone-id", &lab.id, false)]);
    let gone = FailureClass::ZoneNotFound;
    refused(&given, lab.record("", "v"), gone, &["no hosted zone", &lab.id]).await;
}

#[tokio::test]
async fn a_right_to_list_that_is_missing_is_named_with_the_way_around_it() {
    let lab = Lab::new().await;
    let words = "User: arn:aws:iam::1:user/u is not authorized to perform: route53:ListHostedZonesByName";
    lab.front.fail(
        "ListHostedZonesByName",
        1,
        Reply::error(403, "AccessDenied", words),
    );
    let auth = FailureClass::Auth;
    let named = ["route53:ListHostedZonesByName", "user/u", "`hosted-zone-id`"];
    refused(&lab.provider(&[]), lab.record("", "v"), auth, &named).await;
}
