use std::{convert::Infallible, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::*;
use crate::{
    acme::{
        Client, ProblemKind, Retry,
        stub_ca::{Answer, StubCa},
    },
    clock::SystemClock,
    types::OrderUrl,
};

/// What a look at an order gives when the CA answers so.
async fn look(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Error {
    let ca = StubCa::start(move |_| answer()).await;
    ca.account()
        .order(&ca.address("/order"))
        .await
        .expect_err("an error")
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    // announced, and not
    let announced = || Answer::new(200, vec![b' '; MAX_BODY + 1]);
    let error = look(announced).await;
    assert!(
        matches!(error.fault, Fault::TooLong { limit: MAX_BODY }),
        "{error}"
    );
    let endless = || {
        let chunk = Ok::<_, Infallible>(Bytes::from(vec![b' '; 10_000]));
        Answer::new(200, Body::from_stream(stream::repeat(chunk)))
    };
    let error = look(endless).await;
    assert!(
        matches!(error.fault, Fault::TooLong { limit: MAX_BODY }),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirection_is_refused_and_its_target_never_asked() {
    let ca = StubCa::start(|seen| match seen.path.as_str() {
        "/order" => Answer::new(307, "").header("location", "/elsewhere"),
        _ => Answer::json(&json!({})),
    })
    .await;
    let error = ca
        .account()
        .order(&ca.address("/order"))
        .await
        .expect_err("an error");
    assert!(
        error
            .to_string()
            .contains("the server answered 307 and points to /elsewhere"),
        "{error}"
    );
    assert_eq!(ca.seen().len(), 1);
}

#[tokio::test]
async fn a_redirection_of_a_get_is_not_followed_either() {
    let ca = StubCa::start(|seen| match seen.path.as_str() {
        "/moved" => Answer::new(302, "").header("location", "/elsewhere"),
        _ => Answer::json(&json!({})),
    })
    .await;
    let mut options = ca.options();
    options.directory = format!("{}/moved", ca.url).parse().expect("an address");
    let client = Client::open(options, Arc::new(SystemClock)).expect("a client");
    let error = client.directory().await.expect_err("an error");
    assert!(
        matches!(error.fault, Fault::Redirect { status: 302, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("configure its new directory"),
        "{error}"
    );
    assert_eq!(ca.seen().len(), 1);
}

#[tokio::test]
async fn a_bottomless_document_is_an_error_and_no_overflow() {
    const DEPTH: usize = 200_000;
    let nested = |member: &str| {
        let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
        format!(
            r#"{{"status":"ready","authorizations":[],"finalize":"https://x/","{member}":{open}{close}}}"#
        )
    };
    for member in ["error", "identifiers"] {
        let text = nested(member);
        let error = look(move || Answer::new(200, text.clone())).await;
        assert!(matches!(error.fault, Fault::Malformed { .. }), "{error}");
    }
    let text = nested("detail");
    let error = look(move || Answer::new(400, text.clone())).await;
    assert!(
        matches!(error.fault, Fault::Status { status: 400, .. }),
        "{error}"
    );
    // where nobody looks it is skipped, without recursion
    let text = nested("future");
    let ca = StubCa::start(move |_| Answer::new(200, text.clone())).await;
    let seen = ca.account().order(&ca.address("/order")).await.expect("an order");
    assert_eq!(seen.value.authorizations.len(), 0);
}

#[tokio::test]
async fn a_ca_is_reached_over_ipv6_as_over_ipv4() {
    for address in ["[::1]:0", "127.0.0.1:0"] {
        let ca = StubCa::start_at(address, |_| Answer::json(&json!({}))).await;
        ca.client().directory().await.expect("the directory");
    }
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    let ca = StubCa::start(|_| Answer::json(&json!({}))).await;
    let away: OrderUrl = "http://192.0.2.1/order".parse().expect("an address");
    let error = ca.account().order(&away).await.expect_err("an error");
    assert!(matches!(error.fault, Fault::Insecure), "{error}");

    for directory in [
        "http://ca.example/directory",
        "http://192.0.2.1/",
        "ftp://localhost/",
    ] {
        let mut options = ca.options();
        options.directory = directory.parse().expect("an address");
        let error = Client::open(options, Arc::new(SystemClock)).expect_err("not https");
        assert!(matches!(error, SetupError::InsecureDirectory(_)), "{error}");
    }
}

#[tokio::test]
async fn a_ca_on_https_cannot_send_us_to_this_machine() {
    let ca = StubCa::start(|_| Answer::json(&json!({}))).await;
    let mut options = ca.options();
    options.directory = "https://ca.example/directory".parse().expect("an address");
    let transport = Transport::open(&options).expect("a transport");
    let exchange = transport
        .get(Operation::Order, &ca.url, Timestamp::UNIX_EPOCH)
        .await;
    assert!(matches!(
        exchange.result.expect_err("an error").fault,
        Fault::Insecure
    ));
    assert!(ca.seen().is_empty());
}

#[tokio::test]
async fn retry_after_of_a_429_is_understood_in_both_forms() {
    let seconds = || Answer::problem(429, "rateLimited").header("retry-after", "120");
    let error = look(seconds).await;
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(120)));
    assert!(error.to_string().contains("; retry not before "), "{error}");

    let date = || {
        Answer::problem(429, "rateLimited")
            .header("date", "Wed, 21 Oct 2015 07:28:00 GMT")
            .header("retry-after", "Wed, 21 Oct 2015 07:30:00 GMT")
    };
    assert_eq!(look(date).await.retry(), Retry::After(Duration::from_secs(120)));

    // as Let's Encrypt says of a paused name
    let silent = || Answer::problem(429, "rateLimited");
    let error = look(silent).await;
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(86_400)));
    assert_eq!(error.problem().expect("a problem").kind, ProblemKind::RateLimited);
}

#[tokio::test]
async fn a_page_instead_of_a_problem_is_kept_in_brief() {
    let page =
        || Answer::new(503, format!("<html>\r\n<b>busy</b>{}", "x".repeat(5000))).header("retry-after", "7");
    let error = look(page).await;
    let Fault::Status {
        status: 503, excerpt, ..
    } = &error.fault
    else {
        panic!("{error}")
    };
    assert!(excerpt.starts_with("<html> <b>busy</b>xxx"), "{excerpt}");
    assert_eq!(excerpt.chars().count(), EXCERPT + 1);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_answer_that_is_not_what_the_rfc_says_names_the_place() {
    let error =
        look(|| Answer::json(&json!({"status": "ready", "authorizations": [7], "finalize": "https://x/"})))
            .await;
    assert!(
        error
            .to_string()
            .contains("authorizations[0]: invalid type: integer `7`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_silent_server_and_a_dripping_one_end_at_the_timeout() {
    let silent = |_: &_| Answer::new(200, "").after(Duration::from_secs(60));
    let dripping = |_: &_| {
        let drops = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, Infallible>(Bytes::from_static(b" "))
        });
        Answer::new(200, Body::from_stream(drops))
    };
    for ca in [StubCa::start(silent).await, StubCa::start(dripping).await] {
        let mut options = ca.options();
        options.request_timeout = Duration::from_millis(200);
        let transport = Transport::open(&options).expect("a transport");
        let exchange = transport
            .get(Operation::Order, &format!("{}/x", ca.url), Timestamp::UNIX_EPOCH)
            .await;
        let error = exchange.result.expect_err("no answer");
        assert!(matches!(error.fault, Fault::Timeout(_)), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
        assert!(error.to_string().ends_with("no answer within 0.2 s"), "{error}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_or_is_refused_is_a_passing_fault_with_its_cause() {
    let broken = || {
        let parts = stream::iter([
            Ok(Bytes::from_static(b"{")),
            Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        ]);
        // the beginning is on its way before the end of it all
        let parts = parts.then(|part| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            part
        });
        Answer::new(200, Body::from_stream(parts))
    };
    let error = look(broken).await;
    assert!(error.to_string().contains("the answer broke off"), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port");
    let ca = StubCa::start(|_| Answer::json(&json!({}))).await;
    let mut options = ca.options();
    options.directory = format!("http://{closed}/directory").parse().expect("an address");
    let client = Client::open(options, Arc::new(SystemClock)).expect("a client");
    let error = client.directory().await.expect_err("nobody there");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[tokio::test]
async fn trust_roots_that_cannot_be_used_are_refused_at_start() {
    let ca = StubCa::start(|_| Answer::json(&json!({}))).await;
    let directory = tempfile::tempdir().expect("a directory");
    let (absent, empty) = (directory.path().join("absent"), directory.path().join("empty"));
    std::fs::write(&empty, "no certificate").expect("a file");
    let open = |path| {
        Transport::open(&Options {
            ca_file: Some(path),
            ..ca.options()
        })
        .expect_err("no roots")
    };
    assert!(matches!(open(absent), SetupError::ReadRoots { .. }));
    assert!(matches!(open(empty), SetupError::Roots { .. }));
}
