//! Accounts and their keys (RFC 8555 section 7.3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use lab::ca::ExternalAccount;
use openssl::hash::MessageDigest;
use serde_json::{Value, json};

use crate::by_hand::{Account, Bench, ZONE};
use crate::keys::{Key, mac};

#[tokio::test(flavor = "multi_thread")]
async fn account_is_made_once_and_deactivation_ends_it() {
    let bench = Bench::start().await;
    let key = Key::generate();
    let new_account = async |payload: &str| {
        bench
            .new_account(&key, &serde_json::from_str(payload).unwrap())
            .await
    };
    assert_eq!(
        new_account(r#"{"onlyReturnExisting":true}"#).await.problem(),
        "accountDoesNotExist"
    );
    assert_eq!(new_account("{}").await.problem(), "userActionRequired");
    let tel = r#"{"termsOfServiceAgreed":true,"contact":["tel:+1"]}"#;
    assert_eq!(new_account(tel).await.problem(), "unsupportedContact");
    let made = new_account(
        r#"{"termsOfServiceAgreed":true,"onlyReturnExisting":null,"contact":["mailto:a@example.test"]}"#,
    )
    .await;
    assert_eq!(made.status, 201);
    let found = new_account(r#"{"onlyReturnExisting":true}"#).await;
    assert_eq!((found.status, &found.location), (200, &made.location));
    assert_eq!(bench.ca.counts().accounts, 1);

    let account = Account {
        key: Key(key.0.clone()),
        url: made.location.unwrap(),
    };
    let gone = bench
        .post(&account, &account.url, r#"{"status":"deactivated"}"#)
        .await;
    assert_eq!(gone.json["status"], "deactivated");
    assert_eq!(bench.order(&account, &[ZONE]).await.problem(), "unauthorized");
    assert_eq!(new_account("{}").await.problem(), "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_change_moves_the_account_to_the_new_key_only() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let other = bench.register().await;
    let url = bench.url("/key-change");
    let change = json!({ "account": account.url, "oldKey": account.key.jwk() }).to_string();
    let inner = |key: &Key| key.sign(&json!({ "alg": "ES256", "jwk": key.jwk(), "url": url }), &change);

    let taken = bench.post(&account, &url, &inner(&other.key)).await;
    assert_eq!((taken.status, taken.location.as_ref()), (409, Some(&other.url)));

    let new = Key::generate();
    let foreign = bench.post(&other, &url, &inner(&new)).await;
    assert_eq!(foreign.problem(), "malformed");
    assert_eq!(bench.post(&account, &url, &inner(&new)).await.status, 200);
    assert_eq!(
        bench.post(&account, &account.url, "").await.problem(),
        "malformed"
    );
    let renewed = Account {
        key: new,
        url: account.url,
    };
    assert_eq!(bench.post(&renewed, &renewed.url, "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_keys_of_each_good_kind_get_certificates_and_weak_ones_no_account() {
    let bench = Bench::start().await;
    for key in [Key::generate(), Key::p384(), Key::rsa(2048), Key::rsa(3072)] {
        let account = bench.register_with(key).await;
        bench.issue(&account, &[ZONE]).await;
    }
    let weak = bench
        .new_account(&Key::rsa(1024), &json!({ "termsOfServiceAgreed": true }))
        .await;
    assert_eq!(weak.problem(), "badPublicKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_change_and_bad_ones_change_nothing() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let update = async |payload: &str| bench.post(&account, &account.url, payload).await;
    let good = update(r#"{"contact":["mailto:a@example.test","mailto:b@example.test"]}"#).await;
    assert_eq!(
        good.json["contact"],
        json!(["mailto:a@example.test", "mailto:b@example.test"])
    );
    let bad = update(r#"{"contact":["mailto:a@example.test,b@example.test"]}"#).await;
    assert_eq!(bad.problem(), "invalidContact");
    assert_eq!(
        update("").await.json["contact"],
        json!(["mailto:a@example.test", "mailto:b@example.test"])
    );
    assert_eq!(update(r#"{"contact":[]}"#).await.json["contact"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn external_account_is_bound_once_and_only_by_its_key() {
    let bench = Bench::start().await;
    let secret = b"a secret that both sides know..";
    let url = bench.url("/new-account");
    bench.ca.knobs().update(|knobs| {
        knobs.external_account_required = true;
        knobs.external_accounts = ["one", "two", "three"]
            .map(|kid| ExternalAccount {
                kid: kid.to_owned(),
                hmac_key: B64.encode(secret),
            })
            .to_vec();
    });
    let bind = async |key: &Key, binding: Value| {
        let payload = json!({ "termsOfServiceAgreed": true, "externalAccountBinding": binding });
        bench.new_account(key, &payload).await
    };
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid, "url": url });
    let sha256 = MessageDigest::sha256();

    let directory = bench.get(&bench.ca.directory_url()).await.json;
    assert_eq!(directory["meta"]["externalAccountRequired"], true);
    let key = Key::generate();
    let none = bench
        .new_account(&key, &json!({ "termsOfServiceAgreed": true }))
        .await;
    assert_eq!(none.problem(), "externalAccountRequired");

    let (jwk, stranger) = (key.jwk(), Key::generate().jwk());
    let mut with_nonce = header("HS256", "one");
    with_nonce["nonce"] = json!("x");
    let elsewhere = json!({ "alg": "HS256", "kid": "one", "url": bench.url("/new-order") });
    let cases = [
        (
            mac(b"another secret", sha256, &header("HS256", "one"), &jwk),
            "unauthorized",
        ),
        (
            mac(secret, sha256, &header("HS256", "four"), &jwk),
            "unauthorized",
        ),
        (mac(secret, sha256, &header("HS512", "one"), &jwk), "unauthorized"),
        (
            mac(secret, sha256, &header("ES256", "one"), &jwk),
            "badSignatureAlgorithm",
        ),
        (
            mac(secret, sha256, &header("HS256", "one"), &stranger),
            "malformed",
        ),
        (mac(secret, sha256, &with_nonce, &jwk), "malformed"),
        (mac(secret, sha256, &elsewhere, &jwk), "malformed"),
    ];
    for (binding, problem) in cases {
        assert_eq!(bind(&key, binding.clone()).await.problem(), problem, "{binding}");
    }
    assert_eq!(bench.ca.counts().accounts, 0);

    for (alg, digest, kid) in [
        ("HS256", MessageDigest::sha256(), "one"),
        ("HS384", MessageDigest::sha384(), "two"),
        ("HS512", MessageDigest::sha512(), "three"),
    ] {
        let key = Key::generate();
        let made = bind(&key, mac(secret, digest, &header(alg, kid), &key.jwk())).await;
        assert_eq!(made.status, 201, "{made:?}");
        let path = bench.ca.bound_account(kid).unwrap();
        assert!(made.location.unwrap().ends_with(&path));
    }
    let again = bind(&key, mac(secret, sha256, &header("HS256", "one"), &jwk)).await;
    assert_eq!(again.problem(), "unauthorized");
    // optional: good without, and checked if it is there
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.external_account_required = false);
    assert_eq!(
        bind(&key, mac(b"x", sha256, &header("HS256", "one"), &jwk))
            .await
            .status,
        403
    );
    bench.register().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_terms_stop_an_account_until_it_or_a_person_agrees() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let terms = async || bench.get(&bench.ca.directory_url()).await.json["meta"]["termsOfService"].clone();
    let first = terms().await;
    bench.ca.change_terms();
    assert_ne!(terms().await, first);

    let stopped = bench.order(&account, &[ZONE]).await;
    assert_eq!((stopped.status, stopped.problem()), (403, "userActionRequired"));
    assert!(
        stopped.links.iter().any(|link| link.contains("terms-of-service")),
        "{stopped:?}"
    );
    let page = stopped.json["instance"].as_str().unwrap();
    assert_eq!(bench.get(page).await.status, 200);
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 403);
    assert_eq!(bench.http.post(page).send().await.unwrap().status(), 200);
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);

    bench.ca.change_terms();
    let object = bench.post(&account, &account.url, "").await.json;
    assert_eq!(object["termsOfServiceAgreed"], false);
    bench
        .post(&account, &account.url, r#"{"termsOfServiceAgreed":true}"#)
        .await;
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_account_does_not_exist_any_more() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.forget_account(&account.url).unwrap();
    let order = bench.order(&account, &[ZONE]).await;
    assert_eq!((order.status, order.problem()), (400, "accountDoesNotExist"));
    let found = bench
        .new_account(&account.key, &json!({ "onlyReturnExisting": true }))
        .await;
    assert_eq!(found.problem(), "accountDoesNotExist");
    assert!(bench.ca.forget_account(&account.url).is_err());
}
