//! Challenges beside dns-01: at a name of the account's own, and by a record that stays.

use lab::ca::ChallengeType::{self, Dns01, DnsAccount01, DnsPersist01, Smoke01};
use lab::dns::Zone;
use openssl::sha::sha256;
use serde_json::Value;

use crate::by_hand::{Account, Bench, ZONE};

/// The first authorization of an order for the name.
async fn authorization(bench: &Bench, account: &Account, name: &str) -> (String, Value) {
    let order = bench.order(account, &[name]).await;
    let url = order.json["authorizations"][0].as_str().unwrap().to_owned();
    let object = bench.post(account, &url, "").await.json;
    (url, object)
}

fn challenge(authorization: &Value, kind: &str) -> Value {
    let challenges = authorization["challenges"].as_array().unwrap();
    let found = challenges.iter().find(|challenge| challenge["type"] == kind);
    found
        .unwrap_or_else(|| panic!("no {kind} in {authorization}"))
        .clone()
}

/// Answers the challenge of a new authorization; gives its end, and what the challenge says then.
async fn attempt(bench: &Bench, account: &Account, name: &str, kind: &str) -> (String, Value) {
    let (url, object) = authorization(bench, account, name).await;
    let url_of_challenge = challenge(&object, kind)["url"].as_str().unwrap().to_owned();
    bench.post(account, &url_of_challenge, "{}").await;
    let done = bench.until(account, &url, |status| status != "pending").await;
    let status = done.json["status"].as_str().unwrap().to_owned();
    (status, challenge(&done.json, kind)["error"]["detail"].clone())
}

fn offer(bench: &Bench, challenges: &[ChallengeType]) {
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.challenges = challenges.to_vec());
}

fn show(bench: &Bench, owner: &str, values: &[&str]) {
    let mut zone = Zone::new(ZONE).unwrap();
    for value in values {
        zone = zone.with_txt(owner, value).unwrap();
    }
    bench.dns.put_zone(zone);
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_are_those_of_the_knob_and_only_some_have_tokens() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    offer(&bench, &[Smoke01, DnsPersist01, DnsAccount01, Dns01]);
    let (_, object) = authorization(&bench, &account, ZONE).await;
    let challenges = object["challenges"].as_array().unwrap();
    let kinds: Vec<&str> = challenges
        .iter()
        .map(|challenge| challenge["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["smoke-01", "dns-persist-01", "dns-account-01", "dns-01"]);
    let tokens: Vec<bool> = challenges
        .iter()
        .map(|challenge| challenge.get("token").is_some())
        .collect();
    assert_eq!(tokens, [false, false, true, true]);
    assert_eq!(
        challenges[1]["issuer-domain-names"],
        serde_json::json!(["lab.test"])
    );
    assert_eq!(challenges[1]["accounturi"], account.url.as_str());
    // nobody can prove it
    assert_eq!(attempt(&bench, &account, ZONE, "smoke-01").await.0, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_account_01_looks_below_the_label_of_the_account_alone() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    offer(&bench, &[DnsAccount01]);
    // RFC 4648 by another way: eight letters for five bytes
    let digest = sha256(account.url.as_bytes());
    let bits: String = digest[..10].iter().map(|byte| format!("{byte:08b}")).collect();
    let letters = "abcdefghijklmnopqrstuvwxyz234567".as_bytes();
    let label: String = bits
        .as_bytes()
        .chunks(5)
        .map(|five| usize::from_str_radix(std::str::from_utf8(five).unwrap(), 2).unwrap())
        .map(|value| char::from(letters[value]))
        .collect();
    let own = format!("_{label}._acme-challenge.{ZONE}");

    for (owner, end) in [
        (own.as_str(), "valid"),
        ("_acme-challenge.internal.example.test", "invalid"),
    ] {
        let (url, object) = authorization(&bench, &account, ZONE).await;
        let offered = challenge(&object, "dns-account-01");
        let value = account.key.dns_01(offered["token"].as_str().unwrap());
        show(&bench, owner, &[&value]);
        bench.post(&account, offered["url"].as_str().unwrap(), "{}").await;
        let done = bench.until(&account, &url, |status| status != "pending").await;
        assert_eq!(done.json["status"], end, "{owner}");
    }
    assert_eq!(bench.ca.validations()[0].challenge, DnsAccount01);
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_persist_01_takes_a_standing_record_again_and_again() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    offer(&bench, &[DnsPersist01]);
    bench.ca.knobs().update(|knobs| knobs.reuse_authorizations = true);
    let owner = format!("_validation-persist.{ZONE}");
    let wildcard = format!("*.{ZONE}");
    let kind = "dns-persist-01";

    let plain = format!("lab.test; accounturi={}", account.url);
    show(
        &bench,
        &owner,
        &["ca.example; accounturi=https://ca.example/1", &plain],
    );
    for _ in 0..2 {
        assert_eq!(attempt(&bench, &account, ZONE, kind).await.0, "valid");
    }
    // each order looks anew
    assert_eq!(bench.ca.validations().len(), 2);
    let (end, why) = attempt(&bench, &account, &wildcard, kind).await;
    assert_eq!(end, "invalid");
    assert!(why.as_str().unwrap().contains("policy=wildcard"), "{why}");

    show(&bench, &owner, &[&format!("{plain}; policy=wildcard")]);
    for name in [ZONE, &wildcard] {
        assert_eq!(attempt(&bench, &account, name, kind).await.0, "valid", "{name}");
    }
    let stranger = bench.register().await;
    let (end, why) = attempt(&bench, &stranger, ZONE, kind).await;
    assert_eq!(end, "invalid");
    assert!(why.as_str().unwrap().contains(&stranger.url), "{why}");

    // until its end, by the CA's clock
    show(&bench, &owner, &[&format!("{plain}; persistUntil=4102444800")]);
    assert_eq!(attempt(&bench, &account, ZONE, kind).await.0, "valid");
    show(&bench, &owner, &[&format!("{plain}; persistUntil=1700000000")]);
    let (end, why) = attempt(&bench, &account, ZONE, kind).await;
    assert_eq!(end, "invalid");
    assert!(why.as_str().unwrap().contains("has passed"), "{why}");
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.issuer_domain_names = vec!["other.test".to_owned()]);
    let (_, why) = attempt(&bench, &account, ZONE, kind).await;
    assert!(
        why.as_str().unwrap().contains("no record is for other.test"),
        "{why}"
    );
}
