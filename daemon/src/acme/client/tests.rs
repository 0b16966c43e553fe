use serde_json::json;

use super::*;
use crate::{
    acme::{
        Account, AccountKey, Algorithm, ExternalAccount, MacAlgorithm, Retry,
        stub_ca::{Answer, Seen, StubCa},
    },
    secret::Secret,
};

fn order(_: &Seen) -> Answer {
    Answer::json(&json!({"status": "pending", "authorizations": [], "finalize": "https://ca.example/f"}))
}

#[tokio::test]
async fn every_request_succeeds_although_nine_nonces_in_ten_are_rejected() {
    let ca = StubCa::rejecting(90, order).await;
    let account = ca.account();
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (account, url) = (account.clone(), ca.address("/order"));
            tokio::spawn(async move { account.order(&url).await })
        })
        .collect();
    for request in requests {
        request.await.expect("no panic").expect("an order");
    }
    assert_eq!(ca.bad_nonces(), 0, "no nonce was sent twice");
    assert_eq!(ca.seen().len(), 100);
    // one for each request that found the pool empty, none for a retry
    assert!(ca.nonces_asked() <= 100, "{} new nonces", ca.nonces_asked());
    assert!(account.client().counters().rejected_nonces > 300);
}

#[tokio::test]
async fn answers_bring_the_nonces_for_what_follows() {
    let ca = StubCa::start(order).await;
    let account = ca.account();
    for _ in 0..20 {
        account.order(&ca.address("/order")).await.expect("an order");
    }
    // the directory's answer brought the first one
    assert_eq!(ca.nonces_asked(), 0);
    assert_eq!(
        account.client().counters(),
        Counters {
            requests: 21,
            rejected_nonces: 0
        }
    );
}

#[tokio::test]
async fn a_nonce_is_not_used_again_after_a_timeout() {
    let ca = StubCa::start(|seen| match seen.path.as_str() {
        "/slow" => order(seen).after(Duration::from_secs(60)),
        _ => order(seen),
    })
    .await;
    let options = Options {
        request_timeout: Duration::from_millis(300),
        ..ca.options()
    };
    let client = Client::open(options, Arc::new(crate::clock::SystemClock)).expect("a client");
    let key = Arc::new(AccountKey::generate(Algorithm::Es256).expect("a key"));
    let account = Account::open(client, key, ca.address("/account"));
    for _ in 0..3 {
        let error = account.order(&ca.address("/slow")).await.expect_err("no answer");
        assert_eq!(error.retry(), Retry::Backoff);
        account.order(&ca.address("/order")).await.expect("an order");
    }
    assert_eq!(ca.bad_nonces(), 0);
    assert_eq!(account.client().counters().rejected_nonces, 0);
}

#[tokio::test]
async fn orders_that_wait_for_one_directory_share_its_fate() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let ca = StubCa::start(order).await;
    let directory = format!("http://{}/", silent.local_addr().expect("an address"));
    let options = Options {
        directory: directory.parse().expect("an address"),
        request_timeout: Duration::from_millis(300),
        ..ca.options()
    };
    let client = Client::open(options, Arc::new(crate::clock::SystemClock)).expect("a client");
    let started = Instant::now();
    let looks: Vec<_> = (0..16).map(|_| client.directory()).collect();
    for look in futures_util::future::join_all(looks).await {
        assert_eq!(look.expect_err("no answer").retry(), Retry::Backoff);
    }
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "they did not time out in turn"
    );
    assert_eq!(client.counters().requests, 1);
    // but a later one looks again
    client.directory().await.expect_err("no answer");
    assert_eq!(client.counters().requests, 2);
}

#[test]
fn a_ca_that_rejects_every_nonce_is_left_alone_after_half_a_minute() {
    let pauses: Duration = (0..MAX_NONCE_TRIES).filter_map(nonce_pause).sum();
    assert!(
        pauses > Duration::from_secs(5) && pauses < Duration::from_secs(30),
        "{pauses:?}"
    );
    assert_eq!(nonce_pause(EAGER_NONCE_TRIES - 1), None);
}

#[tokio::test]
async fn every_request_says_who_we_are() {
    let ca = StubCa::start(order).await;
    ca.account().order(&ca.address("/order")).await.expect("an order");
    let agent = format!(
        "dns01d/{} (+https://github.com/dns01d/dns01d)",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(ca.user_agents(), [agent]);
    let seen = &ca.seen()[0];
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.headers["content-type"], "application/jose+json");
    assert_eq!(seen.headers["accept-language"], "en");
    assert_eq!(seen.payload, serde_json::Value::Null, "POST-as-GET");
}

#[tokio::test]
async fn nothing_is_sent_before_the_operator_agreed_to_the_terms() {
    let ca = StubCa::start(order).await;
    let options = Options {
        agree_terms: false,
        ..ca.options()
    };
    let client = Client::open(options, Arc::new(crate::clock::SystemClock)).expect("a client");
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    let error = client.new_account(&key, None).await.expect_err("no agreement");
    assert_eq!(error.retry(), Retry::Never);
    let text = error.to_string();
    assert!(
        text.contains("https://ca.example/terms") && text.contains("`agree-terms: true`"),
        "{text}"
    );
    assert!(ca.seen().is_empty());
}

#[tokio::test]
async fn an_account_that_was_closed_is_not_used() {
    let ca = StubCa::start(|_| {
        Answer::json(&json!({"status": "deactivated"})).header("location", "https://ca.example/account/1")
    })
    .await;
    let error = ca
        .client()
        .new_account(&AccountKey::generate(Algorithm::Es256).expect("a key"), None)
        .await
        .expect_err("closed");
    assert!(error.is_account_gone(), "{error}");
    assert_eq!(ca.seen()[0].payload, json!({"termsOfServiceAgreed": true}));
}

#[tokio::test]
async fn an_account_that_is_not_there_is_no_error() {
    let ca = StubCa::start(|_| Answer::problem(400, "accountDoesNotExist")).await;
    let found = ca
        .client()
        .find_account(&AccountKey::generate(Algorithm::Es256).expect("a key"))
        .await
        .expect("an answer");
    assert_eq!(found, None);
    assert_eq!(ca.seen()[0].payload, json!({"onlyReturnExisting": true}));
}

#[tokio::test]
async fn an_order_says_what_it_wants_and_nothing_else() {
    let ca = StubCa::start(|seen| order(seen).header("location", "https://ca.example/order/1")).await;
    let names: Vec<crate::types::Identifier> = ["*.example.org", "example.org"]
        .map(|name| name.parse().expect("a name"))
        .into();
    let (url, _) = ca.account().new_order(names.as_slice()).await.expect("an order");
    assert_eq!(url.as_str(), "https://ca.example/order/1");
    let expected = json!({"identifiers": [
        {"type": "dns", "value": "*.example.org"}, {"type": "dns", "value": "example.org"}]});
    assert_eq!(ca.seen()[0].payload, expected);
}

fn external(hmac_key: &str) -> ExternalAccount {
    ExternalAccount {
        kid: "kid-1".into(),
        hmac_key: Secret::new(hmac_key.into()),
        algorithm: MacAlgorithm::Hs256,
    }
}

fn account_made(_: &Seen) -> Answer {
    Answer::json(&json!({"status": "valid"})).header("location", "https://ca.example/account/1")
}

#[tokio::test]
async fn rfc8555_7_3_4_a_binding_is_sent_whenever_there_is_one() {
    // neither of the two says so in its directory
    let ca = StubCa::start(account_made).await;
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    let client = ca.client();
    let external = external("aGVsbG8");
    client
        .new_account(&key, Some(&external))
        .await
        .expect("an account");
    client.find_account(&key).await.expect("an answer");
    let seen = ca.seen();
    let binding = &seen[0].payload["externalAccountBinding"];
    let header = crate::acme::jws::tests::header(binding);
    assert_eq!(header["kid"], "kid-1");
    assert_eq!(
        header["url"], seen[0].header["url"],
        "the outer request's address"
    );
    assert!(header.get("nonce").is_none());
    assert_eq!(seen[1].payload, json!({"onlyReturnExisting": true}));
}

#[tokio::test]
async fn rfc8555_7_3_4_a_ca_that_wants_a_binding_is_not_asked_without_one() {
    let wants =
        |directory: &mut serde_json::Value| directory["meta"]["externalAccountRequired"] = true.into();
    let ca = StubCa::with_directory(wants, account_made).await;
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    let error = ca.client().new_account(&key, None).await.expect_err("no binding");
    assert!(matches!(error.fault, Fault::BindingRequired), "{error}");
    assert!(
        error
            .to_string()
            .contains("`external-account: {kid: .., hmac-key: ..}`"),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::Never);
    let error = ca
        .client()
        .new_account(&key, Some(&external("hunter 2")))
        .await
        .expect_err("no key");
    assert!(
        matches!(error.fault, Fault::BindingKey(_)) && !error.to_string().contains("hunter"),
        "{error}"
    );
    assert!(ca.seen().is_empty());

    // its directory did not say so
    let ca = StubCa::start(|_| Answer::problem(403, "externalAccountRequired")).await;
    let error = ca.client().new_account(&key, None).await.expect_err("no binding");
    assert!(matches!(error.fault, Fault::BindingRequired), "{error}");
    let error = ca
        .client()
        .new_account(&key, Some(&external("aGVsbG8")))
        .await
        .expect_err("another one");
    assert!(error.is(&ProblemKind::ExternalAccountRequired), "{error}");
}

#[tokio::test]
async fn rfc8555_7_4_an_order_may_wish_for_its_validity() {
    let ca = StubCa::start(|seen| order(seen).header("location", "https://ca.example/order/1")).await;
    let names = ["example.org".parse().expect("a name")];
    let moment = |second| Some(jiff::Timestamp::from_second(second).expect("a moment"));
    let wish = crate::acme::NewOrder {
        not_before: moment(1_700_000_000),
        not_after: moment(1_700_086_400),
        profile: Some("shortlived"),
        ..names.as_slice().into()
    };
    ca.account().new_order(wish).await.expect("an order");
    let sent = &ca.seen()[0].payload;
    assert_eq!(sent["notBefore"], "2023-11-14T22:13:20Z");
    assert_eq!(sent["notAfter"], "2023-11-15T22:13:20Z");
    assert_eq!(sent["profile"], "shortlived");
}

#[tokio::test]
async fn rfc8555_7_4_2_alternates_come_with_the_certificate_and_insecure_ones_do_not() {
    let ca = StubCa::start(|_| {
        Answer::new(200, "PEM")
            .header(
                "link",
                r#"</certificate/1>;rel="alternate", <http://192.0.2.1/x>;rel="alternate""#,
            )
            .header(
                "link",
                r#"<ftp://ca.example/x>;rel="alternate", <https://ca.example/2>;rel="alternate""#,
            )
    })
    .await;
    let it = ca
        .account()
        .certificate(&ca.address("/certificate"))
        .await
        .expect("a certificate");
    assert_eq!(it.pem, "PEM");
    let alternates: Vec<&str> = it.alternates.iter().map(|url| url.as_str()).collect();
    assert_eq!(
        alternates,
        [
            format!("{}/certificate/1", ca.url).as_str(),
            "https://ca.example/2"
        ]
    );
    assert_eq!(
        ca.seen()[0].headers["accept"],
        "application/pem-certificate-chain"
    );
}

#[tokio::test]
async fn no_second_has_more_requests_than_configured_renewal_information_included() {
    let ca = StubCa::start(order).await;
    let options = Options {
        request_rate: std::num::NonZeroU32::new(5).expect("not zero"),
        ..ca.options()
    };
    let client = Client::open(options, Arc::new(crate::clock::SystemClock)).expect("a client");
    let key = Arc::new(AccountKey::generate(Algorithm::Es256).expect("a key"));
    let account = Account::open(client.clone(), key, ca.address("/account"));
    // the directory and a nonce are two of the first five
    let url = ca.address("/order");
    let looks = (0..6).map(|_| account.order(&url));
    futures_util::future::try_join_all(looks).await.expect("orders");
    let url = format!("{}/ari", ca.url);
    client.get(Operation::RenewalInfo, &url).await.expect("an answer");
    let at: Vec<Instant> = ca.seen().iter().map(|seen| seen.at).collect();
    assert_eq!(at.len(), 7);
    // a little less than a second: the way there differs
    for window in at.windows(6) {
        assert!(window[5] - window[0] > Duration::from_millis(900), "{at:?}");
    }
}

#[tokio::test]
async fn new_nonces_are_asked_for_far_below_what_public_cas_take() {
    // answers that keep their nonces to themselves for a while
    let ca = StubCa::start(|seen| order(seen).after(Duration::from_secs(60))).await;
    let (account, url) = (ca.account(), ca.address("/order"));
    let looks = (0..40).map(|_| account.order(&url));
    let looks = futures_util::future::join_all(looks);
    let cut_short = tokio::time::timeout(Duration::from_millis(1900), looks).await;
    assert!(cut_short.is_err());
    // one came with the directory, then ten at once and ten a second later
    assert_eq!(ca.nonces_asked(), 20);
}

#[tokio::test]
async fn a_ca_that_serves_nobody_is_asked_once_and_not_by_every_order() {
    let ca = StubCa::start(|_| Answer::new(503, "busy").header("retry-after", "3600")).await;
    let account = ca.account();
    let url = ca.address("/order");
    let first = account.order(&url).await.expect_err("busy");
    assert!(
        matches!(first.fault, Fault::Status { status: 503, .. }),
        "{first}"
    );
    for _ in 0..20 {
        let error = account.order(&url).await.expect_err("still busy");
        assert!(matches!(error.fault, Fault::HeldBack { .. }), "{error}");
        assert!(matches!(error.retry(), Retry::After(wait) if wait > Duration::from_secs(3590)));
        assert!(
            error
                .to_string()
                .contains("told everybody to wait; retry not before 20"),
            "{error}"
        );
    }
    assert_eq!(ca.seen().len(), 1);
    // another CA is not concerned
    let other = StubCa::start(order).await;
    other
        .account()
        .order(&other.address("/order"))
        .await
        .expect("an order");
}

#[tokio::test]
async fn requests_in_line_for_their_turn_hear_that_a_ca_serves_nobody() {
    let ca = StubCa::start(|_| Answer::new(503, "busy").header("retry-after", "3600")).await;
    let options = Options {
        request_rate: std::num::NonZeroU32::new(4).expect("not zero"),
        ..ca.options()
    };
    let client = Client::open(options, Arc::new(crate::clock::SystemClock)).expect("a client");
    let url = format!("{}/ari", ca.url);
    let looks = (0..12).map(|_| client.get(Operation::RenewalInfo, &url));
    let answers = futures_util::future::join_all(looks).await;
    let held_back = answers.iter().filter(|answer| {
        let error = answer.as_ref().expect_err("busy");
        matches!(error.fault, Fault::HeldBack { .. })
    });
    assert_eq!((held_back.count(), ca.seen().len()), (8, 4));
}

#[tokio::test]
async fn a_short_closure_is_waited_for() {
    let closed = std::sync::atomic::AtomicBool::new(true);
    let ca = StubCa::start(move |seen| match closed.swap(false, Ordering::Relaxed) {
        true => Answer::problem(503, "serverInternal").header("retry-after", "1"),
        false => order(seen),
    })
    .await;
    let (account, url) = (ca.account(), ca.address("/order"));
    account.order(&url).await.expect_err("busy");
    let looks = (0..10).map(|_| account.order(&url));
    futures_util::future::try_join_all(looks).await.expect("orders");
    let seen = ca.seen();
    assert_eq!(seen.len(), 11);
    assert!(
        seen[1..]
            .iter()
            .all(|look| look.at - seen[0].at >= Duration::from_millis(990))
    );
}
