//! kill -9 of the real process at every durable step of an issuance. strace delivers SIGKILL at the N-th
//! system call by which the state database grows or is flushed, for N from 1 until a run ends uninjured:
//! before, in and after every commit, so in every state of the machine.

use std::{collections::BTreeSet, time::Duration};

use lab::daemon::{CertificateSetup, Home};

use super::stage::{Stage, ZONE, verify_live};

/// Every state that an issuance is durable in.
const STATES: [&str; 7] = [
    "ordered",
    "presented",
    "visible",
    "answered",
    "ready",
    "finalizing",
    "issued",
];
/// More than were ever needed.
const SWEEPS: usize = 4;
/// Far more than an issuance needs; a sweep that gets here does not end.
const MOST: u32 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_flush_costs_no_certificate_no_account_and_leaves_no_record() {
    let mut seen = BTreeSet::new();
    // commits that happen to share a flush shift those behind them, so that one sweep may step over a state
    for _ in 0..SWEEPS {
        seen.extend(sweep("fsync", 1, 1).await);
        if STATES.iter().all(|state| seen.contains(*state)) {
            return;
        }
    }
    panic!("no kill hit every state of {STATES:?}, only {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_write_of_the_state_database_does_neither() {
    // every third: two halves of one commit are alike, and the flushes are swept whole
    sweep("pwrite64", 1, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_orders_share_their_calls_does_neither() {
    sweep("fsync", 5, 3).await;
}

/// Sweeps one system call, with so many certificates; returns the states that kills were survived in.
async fn sweep(call: &str, certificates: usize, stride: usize) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for n in (1..MOST).step_by(stride) {
        let mut stage = Stage::new().await;
        for more in 1..certificates {
            let name = format!("more{more}");
            let host = format!("{name}.{ZONE}");
            stage
                .setup
                .certificates
                .push(CertificateSetup::new(&name, &[&host]));
        }
        let home = initialised(&stage).await;
        let injured = run_until_killed(&home, call, n).await;
        if let Some(state) = stored_state(&home) {
            seen.insert(state);
        }
        if !injured {
            assert!(
                n > 10,
                "the daemon was done after {n} calls of {call}: nothing was swept"
            );
            println!("{call}: {n} kill points, states hit: {seen:?}");
            return seen;
        }
        let daemon = home.start().await.unwrap();
        for certificate in &stage.setup.certificates {
            daemon
                .until(&certificate.name, Duration::from_secs(60), |it| {
                    !it["deployed_at"].is_null()
                })
                .await;
        }
        let counts = stage.ca.counts();
        let log = || format!("killed at {call} number {n}; then:\n{}", daemon.program.log());
        assert_eq!(counts.certificates, certificates, "{}", log());
        assert_eq!(counts.accounts, 1, "{}", log());
        verify_live(&home, "internal", stage.ca.acme_root_pem());
        stage.until_clean().await;
    }
    panic!("more than {MOST} calls of {call}");
}

/// A state directory in use: strace counts the calls of each thread, and the calls that make a new
/// database, on another thread, would otherwise hide the first ones of the store's writer.
async fn initialised(stage: &Stage) -> Home {
    let mut empty = stage.setup.clone();
    empty.certificates.clear();
    let home = Home::new(&empty).unwrap();
    let mut daemon = home.start().await.unwrap();
    daemon.signal(rustix::process::Signal::TERM);
    while daemon.program.is_running() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(daemon);
    home.configure(&stage.setup).unwrap();
    home
}

/// Runs the daemon under strace until it is killed (true) or its certificate is deployed (false).
async fn run_until_killed(home: &Home, call: &str, n: u32) -> bool {
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:signal=SIGKILL:when={n}");
    let wrapper = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let mut strace = home.launch(&wrapper).unwrap();
    for _ in 0..3000 {
        if !strace.program.is_running() {
            return true;
        }
        let is_done = |status: serde_json::Value| {
            let certificates = status["certificates"].as_array().unwrap();
            certificates.iter().all(|it| !it["deployed_at"].is_null())
        };
        if strace.status().is_some_and(is_done) {
            // let clean-up come to its commits, then end the daemon itself: strace alone would leave it running
            tokio::time::sleep(Duration::from_millis(300)).await;
            if !strace.program.is_running() {
                return true;
            }
            kill_daemon(home);
            while strace.program.is_running() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("neither killed nor done:\n{}", strace.program.log());
}

/// By the number in its lock file.
fn kill_daemon(home: &Home) {
    let note = std::fs::read_to_string(home.state().join("lock")).unwrap();
    let pid = note
        .split_whitespace()
        .last()
        .and_then(|number| number.parse().ok())
        .unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// What a daemon that starts now will find.
fn stored_state(home: &Home) -> Option<String> {
    let database = rusqlite::Connection::open(home.database()).ok()?;
    database
        .query_row("SELECT state ->> 'state' FROM issuance", [], |row| row.get(0))
        .ok()
}
