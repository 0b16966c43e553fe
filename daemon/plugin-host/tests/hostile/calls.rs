//! What goes in and what comes out of calls that end well.

use std::{collections::BTreeSet, time::Duration};

use dns01d::plugin::{
    CallError, FailureClass, Operation, Options, ProviderClient, Record, RecordKind, Retry,
};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::lab::{Captured, LONG, Lab, TOKEN, ask, one, record};

const CONCURRENT: &str = "-DCAPS=(DNS01_CAP_CONCURRENT|DNS01_CAP_STATELESS_REMOVE|DNS01_CAP_CANCELS)";

#[tokio::test]
async fn outcomes_carry_what_the_plugin_said() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let failure = one(&instance, Operation::Present, "transient", LONG)
        .await
        .expect("an answer")
        .expect_err("503");
    assert_eq!(failure.class, FailureClass::Transient);
    assert_eq!((failure.code, failure.native_code), (100, Some(503)));
    assert_eq!(failure.retry(), Retry::After(Duration::from_millis(1500)));
    assert_eq!(
        failure.message, "try \u{fffd}[31mlater",
        "no terminal is told anything"
    );

    let done = one(&instance, Operation::Present, "handle", LONG)
        .await
        .expect("an answer")
        .expect("success");
    assert_eq!(done.handle, "id-_acme-challenge.example.org");
    let with_handle = Record {
        handle: done.handle,
        ..record("x")
    };
    let done = instance
        .remove(&[with_handle], LONG)
        .await
        .expect("an answer")
        .remove(0)
        .expect("success");
    assert!(done.no_change);
    assert_eq!(
        done.message, "id-_acme-challenge.example.org",
        "the handle came back"
    );

    let done = one(&instance, Operation::Sync, "x", LONG)
        .await
        .expect("an answer")
        .expect("pending is no failure");
    assert_eq!(done.ask_again, Some(Duration::from_millis(250)));
}

#[tokio::test]
async fn broken_answers_are_bugs_of_the_plugin_and_no_more() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let failure = one(&instance, Operation::Present, "unset", LONG)
        .await
        .expect("an answer")
        .expect_err("no status");
    assert_eq!(failure.class, FailureClass::Internal);
    assert_eq!(failure.retry(), Retry::Never);
    let done = one(&instance, Operation::Present, "wild", LONG)
        .await
        .expect("an answer")
        .expect("success");
    assert_eq!(done.handle, "", "neither terminated nor UTF-8");
    assert!(done.message.starts_with("\u{fffd}mmm"), "{}", done.message);
    let failure = one(&instance, Operation::Setup, "x", LONG)
        .await
        .expect("an answer")
        .expect_err("absent");
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Unsupported, "this provider has no `setup`")
    );
    let failure = one(&instance, Operation::Present, "nul\0inside", LONG)
        .await
        .expect("an answer")
        .expect_err("no C text");
    assert_eq!(failure.class, FailureClass::Internal);
}

#[tokio::test]
async fn a_check_without_records_tests_the_credentials() {
    let lab = Lab::new(&[]);
    let outcomes = lab.instance().check(&[], LONG).await.expect("an answer");
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].as_ref().expect("success").message, "credentials fine");
    assert_eq!(
        lab.instance().present(&[], LONG).await.expect("nothing to do"),
        []
    );
}

#[tokio::test]
async fn large_calls_are_split_grouped_by_name_and_answered_in_order() {
    let lab = Lab::new(&["-DBATCH=2"]);
    let instance = lab.instance();
    let names = ["b", "a", "b", "c", "a"];
    let records: Vec<Record> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Record {
            fqdn: format!("{name}.example.org"),
            ..record(&format!("{name}{at}"))
        })
        .collect();
    let outcomes = instance.sync(&records, LONG).await.expect("an answer");
    let said: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("success").message)
        .collect();
    // asked as a1 a4 | b0 b2 | c3
    assert_eq!(
        said,
        ["0 of 2 b0", "0 of 2 a1", "1 of 2 b2", "0 of 1 c3", "1 of 2 a4"]
    );
}

#[tokio::test]
async fn what_an_earlier_part_did_survives_the_failure_of_a_later_one() {
    let lab = Lab::new(&["-DBATCH=1"]);
    let instance = lab.instance();
    let records = [("a", "handle"), ("b", "exit"), ("c", "handle")].map(|(name, value)| Record {
        fqdn: format!("{name}.example.org"),
        ..record(value)
    });
    let outcomes = instance.present(&records, LONG).await.expect("answers");
    assert_eq!(
        outcomes[0].as_ref().expect("done before").handle,
        "id-a.example.org"
    );
    for outcome in &outcomes[1..] {
        let failure = outcome.as_ref().expect_err("unknown");
        assert_eq!(failure.class, FailureClass::Cancelled);
        assert_eq!(failure.message, "the plugin process exited with code 3");
    }
}

#[tokio::test]
async fn calls_are_paced_as_the_instance_wants() {
    let lab = Lab::new(&["-DINTERVAL=300"]);
    let instance = lab.instance();
    ask(&instance, "pid").await;
    let begin = Instant::now();
    ask(&instance, "pid").await;
    ask(&instance, "pid").await;
    assert!(
        begin.elapsed() >= Duration::from_millis(550),
        "{:?}",
        begin.elapsed()
    );
    let error = instance
        .present(&[record("pid")], Duration::from_millis(100))
        .await
        .expect_err("too soon");
    assert!(
        matches!(error, CallError::NoTime(_)) && error.untouched(),
        "{error}"
    );
}

#[tokio::test]
async fn without_concurrent_all_calls_come_from_one_thread_in_turn() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let threads = join_all((0..4).map(|_| ask(&instance, "thread"))).await;
    assert_eq!(threads.iter().collect::<BTreeSet<_>>().len(), 1, "{threads:?}");
    let begin = Instant::now();
    join_all((0..3).map(|_| ask(&instance, "sleep"))).await;
    assert!(
        begin.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn with_concurrent_calls_overlap_and_a_hang_beside_them_is_told_from_them() {
    let lab = Lab::new(&[CONCURRENT]);
    let instance = lab.instance();
    ask(&instance, "pid").await;
    let begin = Instant::now();
    join_all((0..8).map(|_| ask(&instance, "sleep"))).await;
    assert!(
        begin.elapsed() < Duration::from_millis(1500),
        "{:?}",
        begin.elapsed()
    );
    // more than there are threads
    join_all((0..20).map(|_| ask(&instance, "sleep"))).await;

    let cancelled = one(&instance, Operation::Present, "heed", Duration::from_millis(300));
    let (cancelled, slept) = tokio::join!(cancelled, ask(&instance, "sleep"));
    assert_eq!(
        cancelled.expect("an answer").expect_err("cancelled").message,
        "asked to stop"
    );
    assert_eq!(slept, "");
    assert!(instance.info(LONG).await.expect("open").concurrent);
}

#[tokio::test]
async fn the_operator_limits_how_many_calls_overlap_and_how_fast_they_come() {
    let lab = Lab::new(&[CONCURRENT]);
    let limited = |change: fn(&mut Options)| {
        let mut options = lab.options();
        change(&mut options);
        lab.instance_with(options, &[("token", TOKEN)])
    };

    // each sleeps for 300 ms
    let two = limited(|options| options.concurrent_calls = 2);
    ask(&two, "pid").await;
    let begin = Instant::now();
    join_all((0..6).map(|_| ask(&two, "sleep"))).await;
    assert!(
        begin.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );

    let paced = limited(|options| options.call_interval = Duration::from_millis(150));
    ask(&paced, "pid").await;
    let begin = Instant::now();
    join_all((0..4).map(|_| ask(&paced, "pid"))).await;
    assert!(
        begin.elapsed() >= Duration::from_millis(600),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_too_long_fails_alone() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    let slow = ask(&instance, "sleep");
    let hasty = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        one(&instance, Operation::Present, "pid", Duration::from_millis(100)).await
    };
    let (_, hasty) = tokio::join!(slow, hasty);
    assert!(matches!(hasty, Err(CallError::NoTime(_))), "{hasty:?}");
    assert_eq!(ask(&instance, "pid").await, pid);
}

#[tokio::test]
async fn information_is_that_of_the_open_instance_and_is_kept() {
    let lab = Lab::new(&["-DBATCH=7", "-DINTERVAL=20"]);
    let instance = lab.instance();
    let info = instance.info(LONG).await.expect("open");
    assert_eq!((info.max_batch, info.min_call_interval_ms), (7, 20));
    assert!(info.stateless_remove && !info.concurrent && info.syncs && info.checks && !info.sets_up);
    assert_eq!(info.kinds, [RecordKind::Dns01, RecordKind::Canary]);
    instance.shutdown().await;
    assert_eq!(instance.info(Duration::ZERO).await.expect("known"), info);
}

#[tokio::test]
async fn state_lasts_longer_than_the_process_and_is_removed_by_an_empty_value() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    assert_eq!(ask(&instance, "kept").await, "");
    ask(&instance, "keep account 17").await;
    instance.shutdown().await;
    assert_eq!(ask(&instance, "kept").await, "account 17");
    ask(&instance, "keep ").await;
    assert_eq!(ask(&instance, "kept").await, "");
    assert_eq!(ask(&instance, "bad-keys").await, "4");
}

#[tokio::test]
async fn log_lines_come_with_provider_level_and_call() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    ask(&lab.instance(), "log a word from the plugin").await;
    let text = log.wait_for("a word from the plugin").await;
    let line = text
        .lines()
        .find(|line| line.contains("a word from the plugin"))
        .expect("logged");
    assert!(
        line.contains("INFO") && line.contains("provider=\"dns\"") && line.contains("call=1"),
        "{line}"
    );
}
