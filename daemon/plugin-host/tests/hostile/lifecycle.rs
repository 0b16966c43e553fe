//! When a process is started, kept and ended.

use std::{path::Path, time::Duration};

use dns01d::plugin::{CallError, Operation, ProviderClient, Retry};
use tokio::time::Instant;

use crate::lab::{Captured, LONG, Lab, ask, fail, one};

async fn gone(pid: &str) {
    for _ in 0..250 {
        if !Path::new("/proc").join(pid).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("process {pid} lives on");
}

#[tokio::test]
async fn one_process_serves_many_calls_and_ends_in_order_when_idle() {
    let log = Captured::start();
    let lab = Lab::with(&[], |options| options.idle = Duration::from_millis(400));
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(ask(&instance, "pid").await, pid);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(
        ask(&instance, "pid").await,
        pid,
        "each call starts the idle time anew"
    );
    gone(&pid).await;
    log.wait_for("closed in order").await;
    assert_ne!(
        ask(&instance, "pid").await,
        pid,
        "and no pause after an orderly end"
    );
}

#[tokio::test]
async fn a_process_that_alone_can_remove_its_records_stays_until_it_has() {
    let lab = Lab::with(&["-DCAPS=0"], |options| options.idle = Duration::from_millis(200));
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(Path::new("/proc").join(&pid).exists());
    one(&instance, Operation::Remove, "pid", LONG)
        .await
        .expect("an answer")
        .expect("success");
    gone(&pid).await;
}

#[tokio::test]
async fn a_failure_is_followed_by_a_pause_that_grows() {
    let lab = Lab::new(&[]);
    let instance = lab.instance_with(lab.options(), &[("token", crate::lab::TOKEN), ("open", "crash")]);
    for expected in [1, 2] {
        assert!(matches!(fail(&instance, "pid", LONG).await, CallError::Died(_)));
        let begin = Instant::now();
        let error = fail(&instance, "pid", LONG).await;
        assert!(begin.elapsed() < Duration::from_millis(100), "it fails fast");
        assert!(error.untouched());
        let Retry::After(pause) = error.retry() else {
            panic!("{error}")
        };
        let range = Duration::from_millis(expected * 1000 - 300)..=Duration::from_secs(expected);
        assert!(range.contains(&pause), "{pause:?}");
        assert!(error.to_string().contains("SIGSEGV"), "{error}");
        tokio::time::sleep(pause + Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_success_ends_the_series_of_failures() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    for _ in 0..2 {
        ask(&instance, "pid").await;
        fail(&instance, "exit", LONG).await;
        let Retry::After(pause) = fail(&instance, "pid", LONG).await.retry() else {
            panic!("no pause")
        };
        assert!(pause <= Duration::from_secs(1), "{pause:?}");
        tokio::time::sleep(pause + Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn shutdown_waits_for_the_end_and_a_later_call_starts_anew() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    instance.shutdown().await;
    assert!(!Path::new("/proc").join(&pid).exists(), "reaped, too");
    log.wait_for("closed in order").await;
    assert_ne!(ask(&instance, "pid").await, pid);

    // with a call in progress that does not want to end
    let busy = instance.clone();
    let call = tokio::spawn(async move { fail(&busy, "hang", LONG).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    instance.shutdown().await;
    assert!(begin.elapsed() < Duration::from_secs(4));
    assert!(matches!(call.await.expect("no panic"), CallError::Died(_)));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_process() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    drop(instance);
    gone(&pid).await;
}

#[test]
fn the_end_of_the_runtime_ends_the_process_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = runtime.block_on(ask(&instance, "pid"));
    drop(runtime);
    let begin = Instant::now();
    while Path::new("/proc").join(&pid).exists() {
        assert!(begin.elapsed() < Duration::from_secs(5), "process {pid} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn starting_is_cheap() {
    let lab = Lab::new(&[]);
    lab.plugins.describe(&lab.library, None).await.expect("described");
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..10 {
        let instance = lab.instance();
        let begin = Instant::now();
        ask(&instance, "pid").await;
        times.push(begin.elapsed());
        instance.shutdown().await;
    }
    times.sort();
    println!("from nothing to the answer: median {:?} of {times:?}", times[5]);
    // a debug build on a busy machine; the release build takes a few milliseconds
    assert!(times[5] < Duration::from_millis(500), "{times:?}");
}
