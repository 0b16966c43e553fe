use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::{
    acme::stub_ca::{Answer, Seen, StubCa},
    clock::{Clock as _, SystemClock},
};

fn order(status: &str) -> Answer {
    Answer::json(&json!({"status": status, "authorizations": [], "finalize": "https://ca.example/f"}))
}

/// Answers one after the other; the last one for ever.
fn script(answers: Vec<Box<dyn Fn() -> Answer + Send + Sync>>) -> impl Fn(&Seen) -> Answer + Send + Sync {
    let next = AtomicUsize::new(0);
    move |_| {
        let turn = next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
        answers[turn]()
    }
}

fn soon(seconds: i64) -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second() + seconds).expect("a moment")
}

#[tokio::test]
async fn no_look_comes_before_retry_after() {
    let ca = StubCa::start(script(vec![
        Box::new(|| order("pending").header("retry-after", "1")),
        Box::new(|| order("ready")),
    ]))
    .await;
    let account = ca.account();
    let seen = account
        .wait_validated(&ca.address("/order"), None, soon(60))
        .await
        .expect("an order");
    assert_eq!(seen.status, OrderStatus::Ready);
    let looks = ca.seen();
    assert_eq!(looks.len(), 2);
    assert!(looks[1].at - looks[0].at >= Duration::from_secs(1));
    assert!(
        account.client().validation_time().guess() > Typical::default().guess(),
        "the first look was too early"
    );
}

#[tokio::test]
async fn the_first_look_obeys_what_the_answer_before_it_asked() {
    let ca = StubCa::start(script(vec![Box::new(|| order("valid"))])).await;
    let started = Instant::now();
    let wait = Some(Duration::from_millis(700));
    ca.account()
        .wait_validated(&ca.address("/order"), wait, soon(60))
        .await
        .expect("an order");
    assert!(started.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn an_order_issued_at_once_costs_no_look() {
    let ca = StubCa::start(script(vec![Box::new(|| order("valid"))])).await;
    let account = ca.account();
    let finalized = account.order(&ca.address("/order")).await.expect("an order");
    let seen = account
        .wait_issued(&ca.address("/order"), finalized, soon(60))
        .await
        .expect("an order");
    assert_eq!((seen.status, ca.seen().len()), (OrderStatus::Valid, 1));
}

#[tokio::test]
async fn a_wait_ends_at_its_deadline_and_says_when_to_come_back() {
    let ca = StubCa::start(script(vec![Box::new(|| {
        order("processing").header("retry-after", "3600")
    })]))
    .await;
    let account = ca.account();
    let finalized = account.order(&ca.address("/order")).await.expect("an order");
    let started = Instant::now();
    let error = account
        .wait_issued(&ca.address("/order"), finalized, soon(60))
        .await
        .expect_err("too long");
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "a wait that cannot succeed is not begun"
    );
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(3600)));
    assert!(error.to_string().contains("still processing"), "{error}");
    assert_eq!(ca.seen().len(), 1);
}

#[tokio::test]
async fn passing_faults_do_not_end_a_wait_and_lasting_ones_do() {
    let ca = StubCa::start(script(vec![
        Box::new(|| Answer::new(502, "<html>")),
        Box::new(|| Answer::new(503, "").header("retry-after", "1")),
        Box::new(|| order("ready")),
    ]))
    .await;
    let seen = ca
        .account()
        .wait_validated(&ca.address("/order"), None, soon(60))
        .await
        .expect("an order");
    assert_eq!(seen.status, OrderStatus::Ready);
    let looks = ca.seen();
    assert!(looks[2].at - looks[1].at >= Duration::from_secs(1));

    let ca = StubCa::start(script(vec![Box::new(|| Answer::problem(404, "malformed"))])).await;
    let error = ca
        .account()
        .wait_validated(&ca.address("/order"), None, soon(60))
        .await
        .expect_err("gone");
    assert_eq!((error.retry(), ca.seen().len()), (Retry::NextCycle, 1));
}
