use std::sync::Arc;

use dns01d::{
    acme::{AuthorizationStatus, Client, Options},
    clock::{Clock as _, SystemClock},
};

use super::stage::{Stage, issue, names, register};

#[tokio::test]
async fn a_wildcard_and_its_apex_take_ten_requests_with_a_warm_account() {
    let stage = Stage::start(|_| ()).await;
    let client = stage.client();
    let account = register(&client).await;
    issue(&account, "warm.example.test").await;
    let before = client.counters().requests;
    let chain = issue(&account, "internal.example.test").await;
    let spent = client.counters().requests - before;
    assert!(spent <= 10, "{spent} requests");
    assert!(chain.not_after() > SystemClock.now());
}

#[tokio::test]
async fn a_ca_with_an_unknown_root_is_not_trusted_and_the_reason_is_told() {
    let stage = Stage::start(|_| ()).await;
    let options = Options {
        ca_file: None,
        ..stage.options()
    };
    let client = Client::open(options, Arc::new(SystemClock)).expect("a client");
    let error = client.directory().await.expect_err("nobody vouches for it");
    let text = "the server's certificate is not trusted (unable to get local issuer certificate); if the CA's own server \
                has a private certificate, name its root in `ca-file`";
    assert!(error.to_string().ends_with(text), "{error}");
}

#[tokio::test]
async fn an_authorization_can_be_given_up() {
    let stage = Stage::start(|_| ()).await;
    let account = register(&stage.client()).await;
    let (url, order) = account
        .new_order(names("given.example.test").as_slice())
        .await
        .expect("an order");
    let given = &order.authorizations[0];
    let ended = account
        .deactivate_authorization(given)
        .await
        .expect("deactivation");
    assert_eq!(ended.status, AuthorizationStatus::Deactivated);
    let now = account.order(&url).await.expect("the order").value;
    let failed = account.failed_authorizations(&now).await.expect("the names");
    // Pebble lists authorizations in another order each time
    assert_eq!(failed.iter().map(|it| &it.url).collect::<Vec<_>>(), [given]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_come_although_nine_nonces_in_ten_are_rejected() {
    for (rejected, orders) in [(30, 8), (90, 4)] {
        let stage = Stage::start(|options| options.nonce_reject = rejected).await;
        let client = stage.client();
        let account = register(&client).await;
        let work = (0..orders).map(|number| {
            let account = account.clone();
            tokio::spawn(async move { issue(&account, &format!("n{number}.example.test")).await })
        });
        for order in work.collect::<Vec<_>>() {
            order.await.expect("a certificate");
        }
        assert!(client.counters().rejected_nonces > 0);
    }
}
