//! Validation looks into the DNS for itself, everywhere (RFC 8555 section 8.4).

use std::time::Duration;

use lab::ca::{AcmeCa, CaOptions};
use lab::dns::{DnsOptions, DnsServer, UpdatePolicy, Zone};
use serde_json::Value;

use crate::by_hand::{Account, Answer, Bench, ZONE};

const OWNER: &str = "_acme-challenge.internal.example.test";

/// An order for one name, with the URL of its authorization, that of its challenge, and the value to show.
struct Attempt {
    order: Answer,
    authorization: String,
    challenge: String,
    value: String,
}

impl Attempt {
    async fn begin(bench: &Bench, account: &Account, name: &str) -> Self {
        let order = bench.order(account, &[name]).await;
        let authorization = order.json["authorizations"][0].as_str().unwrap().to_owned();
        let object = bench.post(account, &authorization, "").await.json;
        let challenge = object["challenges"][0]["url"].as_str().unwrap().to_owned();
        let value = account
            .key
            .dns_01(object["challenges"][0]["token"].as_str().unwrap());
        Attempt {
            order,
            authorization,
            challenge,
            value,
        }
    }

    /// Answers the challenge; gives its final status and its error.
    async fn finish(&self, bench: &Bench, account: &Account) -> (String, Value) {
        bench.post(account, &self.challenge, "{}").await;
        let done = bench
            .until(account, &self.authorization, |status| status != "pending")
            .await;
        let status = done.json["status"].as_str().unwrap().to_owned();
        (status, done.json["challenges"][0]["error"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_says_what_was_found_and_ends_the_order() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let fail = async |name: &str| {
        let attempt = Attempt::begin(&bench, &account, name).await;
        let (status, error) = attempt.finish(&bench, &account).await;
        assert_eq!(status, "invalid");
        let order = bench
            .post(&account, attempt.order.location.as_ref().unwrap(), "")
            .await;
        assert_eq!(order.json["status"], "invalid");
        (
            error["type"].as_str().unwrap().to_owned(),
            error["detail"].as_str().unwrap().to_owned(),
        )
    };
    let (kind, detail) = fail(ZONE).await;
    assert!(
        kind.ends_with(":dns") && detail.contains("Non-Existent Domain"),
        "{kind} {detail}"
    );
    bench.dns.put_zone(
        Zone::new(ZONE)
            .and_then(|zone| zone.with_txt(OWNER, "wrong"))
            .unwrap(),
    );
    let (kind, detail) = fail(ZONE).await;
    assert!(
        kind.ends_with(":unauthorized") && detail.contains("\"wrong\""),
        "{kind} {detail}"
    );
    let (kind, detail) = fail("www.elsewhere.test").await;
    assert!(
        kind.ends_with(":dns") && detail.contains("refuses"),
        "{kind} {detail}"
    );
    assert_eq!(bench.ca.validations().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_value_among_others_is_enough() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let attempt = Attempt::begin(&bench, &account, ZONE).await;
    let zone = Zone::new(ZONE)
        .and_then(|zone| zone.with_txt(OWNER, "left over"))
        .and_then(|zone| zone.with_txt(OWNER, &attempt.value));
    bench.dns.put_zone(zone.unwrap());
    assert_eq!(attempt.finish(&bench, &account).await.0, "valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn alias_is_followed_to_a_zone_on_another_server() {
    let delegated = || Zone::new("acme.other.test").unwrap();
    let options = DnsOptions {
        policy: UpdatePolicy::Nothing,
        ..DnsOptions::new(vec![delegated()])
    };
    let other = DnsServer::start(options).await.unwrap();
    let bench = Bench::looking_also_at(vec![other.addr()]).await;
    let alias = Zone::new(ZONE).and_then(|zone| zone.with_cname(OWNER, "x.acme.other.test"));
    bench.dns.put_zone(alias.unwrap());
    let account = bench.register().await;

    let missing = Attempt::begin(&bench, &account, ZONE).await;
    assert_eq!(missing.finish(&bench, &account).await.0, "invalid");
    let attempt = Attempt::begin(&bench, &account, ZONE).await;
    other.put_zone(delegated().with_txt("x.acme.other.test", &attempt.value).unwrap());
    assert_eq!(attempt.finish(&bench, &account).await.0, "valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_lags_spoils_the_validation() {
    let options = DnsOptions {
        policy: UpdatePolicy::Nothing,
        ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
    };
    let dns = DnsServer::start(options).await.unwrap();
    let secondary = dns.secondary().await.unwrap();
    secondary
        .knobs()
        .update(|knobs| knobs.lag = Duration::from_secs(60));
    let ca = AcmeCa::start(CaOptions::new(vec![dns.addr(), secondary.addr()]))
        .await
        .unwrap();
    let bench = Bench::of(ca, dns);
    let account = bench.register().await;
    let attempt = Attempt::begin(&bench, &account, ZONE).await;
    let show = |value: &str| {
        Zone::new(ZONE)
            .and_then(|zone| zone.with_txt(OWNER, value))
            .unwrap()
    };
    bench.dns.put_zone(show(&attempt.value));
    let (status, error) = attempt.finish(&bench, &account).await;
    assert_eq!(status, "invalid");
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .contains(&secondary.addr().to_string()),
        "{error}"
    );

    secondary.knobs().update(|knobs| knobs.lag = Duration::ZERO);
    let attempt = Attempt::begin(&bench, &account, ZONE).await;
    bench.dns.put_zone(show(&attempt.value));
    assert_eq!(attempt.finish(&bench, &account).await.0, "valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_lost_the_zone_spoils_the_validation() {
    let lost = DnsServer::start(DnsOptions::new(Vec::new())).await.unwrap();
    let bench = Bench::looking_also_at(vec![lost.addr()]).await;
    let account = bench.register().await;
    let attempt = Attempt::begin(&bench, &account, ZONE).await;
    let zone = Zone::new(ZONE).and_then(|zone| zone.with_txt(OWNER, &attempt.value));
    bench.dns.put_zone(zone.unwrap());
    let (status, error) = attempt.finish(&bench, &account).await;
    assert_eq!(status, "invalid");
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("{} refuses", lost.addr())), "{error}");
}
