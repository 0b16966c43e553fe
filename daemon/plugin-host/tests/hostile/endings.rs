//! Every way of dying fails that call, with its cause, and nothing else.

use std::time::Duration;

use dns01d::plugin::{CallError, Ending, FailureClass, Operation, ProviderClient, Retry};
use tokio::time::Instant;

use crate::lab::{Captured, GRACE, LONG, Lab, ask, fail, one, record};

/// The pause after a first failure, and some more.
const PAUSE: Duration = Duration::from_millis(1100);

async fn dies(value: &str, timeout: Duration, cause: &str) {
    let lab = Lab::new(&[]);
    let (instance, neighbour) = (lab.instance(), lab.instance());
    let (first, other) = (ask(&instance, "pid").await, ask(&neighbour, "pid").await);

    let error = fail(&instance, value, timeout).await;
    let text = error.to_string();
    assert!(text.starts_with(&format!("the plugin process {cause}")), "{text}");
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(!error.untouched(), "it may have written");
    assert!(!alive(&first), "the process is gone");

    assert_eq!(
        ask(&neighbour, "pid").await,
        other,
        "another instance does not notice"
    );
    tokio::time::sleep(PAUSE).await;
    assert_ne!(
        ask(&instance, "pid").await,
        first,
        "the next call has a new process"
    );
}

fn alive(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid).exists()
}

#[tokio::test]
async fn a_crash_is_named_by_its_signal() {
    dies("crash", LONG, "was killed by SIGSEGV").await;
    dies("abort", LONG, "was killed by SIGABRT").await;
}

#[tokio::test]
async fn an_exit_is_named_by_its_code() {
    dies("exit", LONG, "exited with code 3").await;
}

#[tokio::test]
async fn a_hang_is_killed_after_deadline_and_grace() {
    for way in ["hang", "hang-masked", "spin"] {
        let begin = Instant::now();
        dies(
            way,
            Duration::from_secs(1),
            "did not answer within 1 s and was killed",
        )
        .await;
        assert!(begin.elapsed() < Duration::from_secs(1) + GRACE + PAUSE + Duration::from_secs(8));
    }
}

#[tokio::test]
async fn garbage_on_the_socket_is_the_end() {
    dies("garbage", LONG, "sent a malformed message and was killed").await;
    dies(
        "huge-frame",
        LONG,
        "sent a malformed message and was killed: a frame of 4294967295 bytes",
    )
    .await;
}

#[tokio::test]
async fn a_closed_socket_is_the_end() {
    let lab = Lab::new(&[]);
    match fail(&lab.instance(), "close", LONG).await {
        // the host may notice first that its socket is gone; Rust aborts where descriptors were stolen
        CallError::Died(death) => assert!(
            matches!(
                death.ending,
                Ending::Closed | Ending::Exited(_) | Ending::Killed(6)
            ),
            "{death}"
        ),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_flood_of_output_is_the_end_and_fills_no_memory() {
    let before = resident();
    dies("flood-stdout", LONG, "flooded its output and was killed").await;
    dies("long-line", LONG, "flooded its output and was killed").await;
    assert!(resident() < before + (64 << 20), "{} to {}", before, resident());
}

#[tokio::test]
async fn a_flood_of_log_lines_is_dropped_and_the_call_goes_on() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    for value in ["flood-log", "flood-log-threads"] {
        one(&instance, Operation::Present, value, LONG)
            .await
            .expect("an answer")
            .expect("success");
    }
    ask(&instance, "log afterwards").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ask(&instance, "log and later").await;
    assert!(
        log.count("line=\"noise\"") < 3000,
        "{}",
        log.count("line=\"noise\"")
    );
    log.wait_for("lines of the plugin were dropped").await;
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("our own status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a size");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        << 10
}

#[tokio::test]
async fn memory_beyond_the_limit_is_refused_to_the_plugin() {
    let lab = Lab::new(&[]);
    let got: u64 = ask(&lab.instance(), "gigabyte").await.parse().expect("a number");
    assert!((100..256).contains(&got), "{got} MiB");
}

#[tokio::test]
async fn a_fork_bomb_has_no_fuse() {
    let lab = Lab::new(&[]);
    assert_eq!(ask(&lab.instance(), "fork-bomb").await, "0");
}

#[tokio::test]
async fn the_last_words_of_a_dead_process_are_kept_and_logged() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    match fail(&lab.instance(), "crash", LONG).await {
        CallError::Died(death) => assert!(
            death.last_words.iter().any(|line| line == "about to crash"),
            "{death:?}"
        ),
        other => panic!("{other}"),
    }
    let text = log.text();
    let line = text
        .lines()
        .find(|line| line.contains("plugin process failed"))
        .expect("logged");
    assert!(
        line.contains("WARN") && line.contains("provider=\"dns\""),
        "{line}"
    );
    assert!(
        line.contains("about to crash") && line.contains("SIGSEGV"),
        "{line}"
    );
}

#[tokio::test]
async fn a_plugin_that_heeds_the_deadline_keeps_its_process() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    let outcome = one(&instance, Operation::Present, "heed", Duration::from_millis(300))
        .await
        .expect("an answer");
    let failure = outcome.expect_err("cancelled");
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Cancelled, "asked to stop")
    );
    assert_eq!(ask(&instance, "pid").await, pid);
}

#[tokio::test]
async fn dropping_the_future_cancels_the_call() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    let records = [record("heed")];
    let dropped = tokio::time::timeout(Duration::from_millis(200), instance.present(&records, LONG)).await;
    assert!(dropped.is_err());
    let begin = Instant::now();
    assert_eq!(
        ask(&instance, "pid").await,
        pid,
        "it stopped when told, so it lives"
    );
    assert!(begin.elapsed() < Duration::from_secs(5));

    let records = [record("hang")];
    let dropped = tokio::time::timeout(Duration::from_millis(200), instance.present(&records, LONG)).await;
    assert!(dropped.is_err());
    let error = fail(&instance, "pid", LONG).await;
    assert!(
        matches!(error, CallError::BackOff { .. }),
        "it did not stop, so it was killed: {error}"
    );
    assert!(
        error.to_string().contains("did not stop when it was told to"),
        "{error}"
    );
    assert!(!alive(&pid));
}
