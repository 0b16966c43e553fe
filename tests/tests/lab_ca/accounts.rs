//! Accounts and their keys (RFC 8555 section 7.3).

use serde_json::json;

use crate::by_hand::{Account, Bench, Key, ZONE};

#[tokio::test(flavor = "multi_thread")]
async fn account_is_made_once_and_deactivation_ends_it() {
    let bench = Bench::start().await;
    let url = bench.url("/new-account");
    let key = Key::generate();
    let new_account = async |payload: &str| {
        let header = json!({ "alg": "ES256", "jwk": key.jwk(), "nonce": bench.nonce().await, "url": url });
        bench.send(&url, key.sign(&header, payload)).await
    };
    assert_eq!(
        new_account(r#"{"onlyReturnExisting":true}"#).await.problem(),
        "accountDoesNotExist"
    );
    assert_eq!(new_account("{}").await.problem(), "userActionRequired");
    let tel = r#"{"termsOfServiceAgreed":true,"contact":["tel:+1"]}"#;
    assert_eq!(new_account(tel).await.problem(), "unsupportedContact");
    let made = new_account(r#"{"termsOfServiceAgreed":true,"contact":["mailto:a@example.test"]}"#).await;
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
