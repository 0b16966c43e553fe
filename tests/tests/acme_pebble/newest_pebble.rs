//! What only the Pebble has that Go builds: Debian's is older.

use dns01d::{
    acme::{
        Account, AccountKey, Algorithm, Challenge, ChallengeKind, Fault, NewOrder, OrderStatus,
        PERSIST_LABEL, Retry,
    },
    clock::{Clock as _, SystemClock},
    pki::{KeyType, PrivateKey},
};
use jiff::{SignedDuration, Timestamp};
use lab::{
    dns::{DnsOptions, DnsServer, Zone},
    pebble::{Pebble, PebbleOptions},
    process::tool,
};

use super::stage::{Stage, issue, issue_for, names, register, register_with};

const ZONE: &str = "example.test";

async fn newest(edit: impl FnOnce(&mut PebbleOptions)) -> Stage {
    let program = tool("pebble").expect("target/tools/pebble: ./dev test builds it where Go is installed");
    Stage::start(|options| {
        options.program = program;
        edit(options);
    })
    .await
}

#[tokio::test]
async fn rfc9773_4_a_window_is_given_moved_and_in_the_past_once_revoked() {
    let stage = newest(|_| ()).await;
    let client = stage.client();
    let account = register(&client).await;
    let chain = issue(&account, "ari.example.test").await;
    let certificate = chain.cert_id().unwrap();
    let first = client.renewal_info(&certificate).await.unwrap();
    assert!(chain.not_before() < first.start && first.end < chain.not_after());
    assert_eq!(first.retry_after.unwrap().as_secs(), 6 * 3600);
    assert_eq!(first.explanation_url, None);

    let answers = r#"{"suggestedWindow": {"start": "2030-01-02T04:00:00Z", "end": "2030-01-03T04:00:00Z"},
        "explanationURL": "https://ca.example/why"}"#;
    let set = async |body: &str| {
        stage
            .pebble
            .set_renewal_info(chain.cert_pem(), body)
            .await
            .unwrap()
    };
    set(answers).await;
    let moved = client.renewal_info(&certificate).await.unwrap();
    assert_eq!(moved.start, "2030-01-02T04:00:00Z".parse().unwrap());
    assert_eq!(moved.explanation_url.as_deref(), Some("https://ca.example/why"));

    set(r#"{"suggestedWindow": {"start": "2030-01-03T04:00:00Z", "end": "2030-01-02T04:00:00Z"}}"#).await;
    let error = client.renewal_info(&certificate).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Window { .. }), "{error}");
    set("<html>").await;
    let error = client.renewal_info(&certificate).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Malformed { .. }), "{error}");
    assert_eq!(error.retry(), Retry::NextCycle);

    let other = issue(&account, "revoked.example.test").await;
    account
        .revoke(other.der(), dns01d::acme::RevocationReason::KeyCompromise)
        .await
        .unwrap();
    let info = client.renewal_info(&other.cert_id().unwrap()).await.unwrap();
    assert!(info.end < SystemClock.now(), "now: {info:?}");
}

#[tokio::test]
async fn a_key_change_that_pebble_says_it_made_and_did_not_make_is_seen() {
    let stage = newest(|_| ()).await;
    let client = stage.client();
    let key = AccountKey::generate(Algorithm::Es256).unwrap();
    let taken = register_with(&client, key.clone()).await;
    // Pebble answers with success where the key is another account's
    let error = register(&client).await.change_key(&key).await.unwrap_err();
    let Fault::KeyInUse { account } = &error.fault else {
        panic!("{error}")
    };
    assert_eq!(account, taken.url().as_str());
}

#[tokio::test]
async fn rfc9773_5_a_certificate_has_one_successor() {
    let stage = newest(|_| ()).await;
    let account = register(&stage.client()).await;
    let names = names("replaced.example.test");
    let certificate = issue(&account, "replaced.example.test").await.cert_id().unwrap();
    let wish = || NewOrder {
        replaces: Some(&certificate),
        ..names.as_slice().into()
    };
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    issue_for(&account, wish(), key).await;
    let error = account.new_order(wish()).await.unwrap_err();
    assert!(error.is_already_replaced(), "{error}");
    // once more without it
    account.new_order(names.as_slice()).await.unwrap();
}

#[tokio::test]
async fn draft_profiles_an_offered_profile_decides_the_lifetime_and_another_is_refused_before() {
    let stage = newest(|options| {
        options.profiles = [
            ("classic".to_owned(), ("what you had".to_owned(), 90 * 86_400)),
            ("shortlived".to_owned(), ("six days".to_owned(), 6 * 86_400)),
        ]
        .into();
    })
    .await;
    let client = stage.client();
    let account = register(&client).await;
    let names = names("profiles.example.test");
    for (profile, days) in [("classic", 90), ("shortlived", 6)] {
        client.check_profile(profile).await.unwrap();
        let wish = NewOrder {
            profile: Some(profile),
            ..names.as_slice().into()
        };
        let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let chain = issue_for(&account, wish, key).await.chain;
        let lifetime = chain.not_after().duration_since(chain.not_before());
        assert!((lifetime - SignedDuration::from_hours(24 * days)).abs() < SignedDuration::from_secs(2));
    }
    let error = client.check_profile("eternal").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it has `classic` (what you had), `shortlived` (six days)"),
        "{error}"
    );
    // and Pebble agrees
    let wish = NewOrder {
        profile: Some("eternal"),
        ..names.as_slice().into()
    };
    let error = account.new_order(wish).await.unwrap_err();
    assert_eq!(
        error.problem().unwrap().kind,
        dns01d::acme::ProblemKind::InvalidProfile
    );
}

/// A Pebble that looks into a zone of ours, which holds what `record` makes of a challenge.
struct Proofs {
    stage: Stage,
    dns: DnsServer,
}

impl Proofs {
    async fn start() -> Self {
        let dns = DnsServer::start(DnsOptions::new(vec![Zone::new(ZONE).unwrap()]))
            .await
            .unwrap();
        let stage = newest(|options| {
            options.dns = dns.addr();
            options.always_valid = false;
            options.caa_identities = vec!["ca.example.test".into(), "other.example.test".into()];
        })
        .await;
        Proofs { stage, dns }
    }

    fn pebble(&self) -> &Pebble {
        &self.stage.pebble
    }

    /// Orders a wildcard and its apex, proves each by a record, and tells how the order ends. Each
    /// `label` once: Pebble may use a valid authorization again.
    async fn prove(
        &self,
        account: &Account,
        label: &str,
        kind: &ChallengeKind,
        record: impl Fn(&Challenge, &str, bool) -> (String, String),
    ) -> OrderStatus {
        let names = names(&format!("{label}.{ZONE}"));
        let (url, order) = account.new_order(names.as_slice()).await.unwrap();
        let mut zone = Zone::new(ZONE).unwrap();
        let mut challenges = Vec::new();
        for authorization in &order.authorizations {
            let it = account.authorization(authorization).await.unwrap().value;
            let challenge = it.challenge(kind).expect("it is offered").clone();
            let name = it.identifier().unwrap();
            let (owner, value) = record(&challenge, name.name().as_str(), name.is_wildcard());
            zone = zone.with_txt(&owner, &value).unwrap();
            challenges.push(challenge);
        }
        self.dns.put_zone(zone);
        for challenge in &challenges {
            account.answer(&challenge.url).await.unwrap();
        }
        account
            .wait_validated(&url, None, Timestamp::MAX)
            .await
            .unwrap()
            .status
    }
}

#[tokio::test]
async fn draft_account_label_pebble_finds_the_proof_under_the_label_of_the_account() {
    let proofs = Proofs::start().await;
    let account = register(&proofs.stage.client()).await;
    let at = |label: String| {
        let account = &account;
        move |challenge: &Challenge, name: &str, _| {
            let value = account.dns01_value(challenge.token.as_ref().unwrap());
            (format!("{label}._acme-challenge.{name}"), value)
        }
    };
    let kind = ChallengeKind::DnsAccount01;
    let status = proofs
        .prove(&account, "own", &kind, at(account.dns_account_label()))
        .await;
    assert_eq!(status, OrderStatus::Ready, "{}", proofs.pebble().log());
    let stranger = register(&proofs.stage.client()).await.dns_account_label();
    let status = proofs.prove(&account, "strange", &kind, at(stranger)).await;
    assert_eq!(status, OrderStatus::Invalid);
}

#[tokio::test]
async fn draft_dns_persist_pebble_takes_the_record_as_it_is_written_here() {
    let proofs = Proofs::start().await;
    let account = register(&proofs.stage.client()).await;
    let soon = SystemClock.now() + SignedDuration::from_hours(1);
    let past = SystemClock.now() - SignedDuration::from_hours(1);
    for (label, policy, until, expected) in [
        ("always", true, None, OrderStatus::Ready),
        ("still", true, Some(soon), OrderStatus::Ready),
        // the wildcard needs its policy
        ("narrow", false, None, OrderStatus::Invalid),
        ("late", true, Some(past), OrderStatus::Invalid),
    ] {
        let record = |challenge: &Challenge, name: &str, wildcard: bool| {
            let record = account
                .persist_record(challenge, wildcard && policy, until)
                .unwrap();
            assert_eq!(record.issuer.as_str(), "ca.example.test");
            assert_eq!(record.account_uri.as_str(), account.url().as_str());
            (format!("{PERSIST_LABEL}.{name}"), record.to_string())
        };
        let status = proofs
            .prove(&account, label, &ChallengeKind::DnsPersist01, record)
            .await;
        assert_eq!(status, expected, "{label}\n{}", proofs.pebble().log());
    }
}
