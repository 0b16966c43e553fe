//! Plugins that run programs, with and without the operator's consent.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use dns01d::plugin::{CallError, DEFAULT_GRACE, FailureClass, Instance, Operation, Sandbox};

use tokio::time::Instant;

use crate::lab::{Captured, HOST, LONG, Lab, NOBODY, TOKEN, ask, fail, one, unprivileged};

/// Users for what multiplies: the kernel counts the processes of a user, so each has one to itself.
const BOMBERS: [u32; 2] = [64_991, 64_992];
/// One who may have one process.
const LONELY: u32 = 64_993;

/// A plugin that runs programs, as a user that is not root.
fn executing(user: u32) -> (Lab, tempfile::TempDir) {
    let scripts = tempfile::tempdir().expect("a directory");
    fs::set_permissions(scripts.path(), fs::Permissions::from_mode(0o755)).expect("our own directory");
    let lab = Lab::with(&["-DEXECS"], |options| {
        unprivileged(scripts.path(), user)(options);
        // SIGTERM and SIGKILL of programs come within what a daemon leaves for them
        options.grace = DEFAULT_GRACE;
    });
    (lab, scripts)
}

fn consenting(lab: &Lab) -> Instance {
    let mut options = lab.options();
    options.allow_exec = true;
    lab.instance_with(options, &[("token", TOKEN)])
}

/// A host that may start nothing.
fn limited_to_itself(directory: &Path, user: u32) -> PathBuf {
    let user = if rustix::process::geteuid().is_root() {
        format!("setpriv --reuid {user} --regid {user} --clear-groups")
    } else {
        String::new()
    };
    let script = directory.join("host");
    // a description needs threads, and runs no programs
    let text = format!(
        "#!/bin/sh\n[ $1 = describe ] && exec {HOST} \"$@\"\nexec prlimit --nproc=1 {user} {HOST} \"$@\"\n"
    );
    fs::write(&script, text).expect("our own directory");
    for path in [directory, &script] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    script
}

/// Command lines of all processes of this machine.
fn running(needle: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).replace('\0', " ").trim() == needle)
        .count()
}

#[tokio::test]
async fn a_provider_that_runs_programs_needs_consent() {
    let lab = Lab::new(&["-DEXECS"]);
    let error = fail(&lab.instance(), "pid", LONG).await;
    assert_eq!(
        error,
        CallError::Exec {
            provider: "hostile".to_owned()
        }
    );
}

#[tokio::test]
async fn consent_alone_does_not_let_a_plugin_run_programs() {
    let lab = Lab::new(&[]);
    assert_eq!(ask(&consenting(&lab), "fork-bomb").await, "0");
}

#[tokio::test]
async fn programs_run_inside_the_same_walls() {
    let log = Captured::start();
    let (lab, _scripts) = executing(NOBODY);
    assert_eq!(
        ask(&consenting(&lab), "program").await,
        "9",
        "it ran, and could not write"
    );
    log.wait_for("from the program").await;
}

#[tokio::test]
async fn programs_end_with_the_plugin_that_started_them() {
    let (lab, _scripts) = executing(NOBODY);
    let error = fail(&consenting(&lab), "program-hang", Duration::from_secs(1)).await;
    assert_eq!(
        error.to_string(),
        "the plugin process did not answer within 1 s and was killed"
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(running("sleep 4711"), 0);
}

/// Processes of a plugin that runs no program.
const HOST_AND_GUARD: usize = 2;

/// Processes of a user.
fn processes_of(user: u32) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let statuses = processes.filter_map(|process| fs::read_to_string(process.path().join("status")).ok());
    let own = format!("Uid:\t{user}\t");
    // a zombie is a number and nothing else
    statuses
        .filter(|status| status.contains(&own) && !status.contains("State:\tZ"))
        .count()
}

async fn within_a_second(mut wanted: impl FnMut() -> bool, what: &str) {
    for _ in 0..50 {
        if wanted() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn a_cancelled_call_ends_its_programs_and_the_plugin_lives_on() {
    let (lab, _scripts) = executing(NOBODY);
    let instance = consenting(&lab);
    let pid = ask(&instance, "pid").await;
    let began = Instant::now();
    // it ignores SIGTERM, and so does what it starts
    let outcome = one(
        &instance,
        Operation::Present,
        "program-deaf",
        Duration::from_millis(500),
    )
    .await;
    let failure = outcome.expect("an answer").expect_err("cancelled");
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Cancelled, "my programs have ended")
    );
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    within_a_second(|| running("sleep 4712") == 0, "what the program started went on").await;
    assert_eq!(ask(&instance, "pid").await, pid);
}

#[tokio::test]
async fn a_fork_bomb_is_limited_and_ended_with_its_call() {
    let user = BOMBERS[0];
    let (lab, _scripts) = executing(user);
    let instance = consenting(&lab);
    let most = async {
        let mut most = 0;
        for _ in 0..150 {
            most = most.max(processes_of(user));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        most
    };
    let bomb = async {
        let call = one(
            &instance,
            Operation::Present,
            "program-bomb",
            Duration::from_secs(4),
        )
        .await;
        call.expect("an answer").expect_err("cancelled")
    };
    let (most, failure) = tokio::join!(most, bomb);
    assert_eq!(
        failure.message, "my programs have ended",
        "after {most} processes"
    );
    within_a_second(|| processes_of(user) <= HOST_AND_GUARD, "the bomb went on").await;
    ask(&instance, "pid").await;
}

#[tokio::test]
async fn a_fork_bomb_that_is_left_behind_ends_when_the_call_returns() {
    let user = BOMBERS[1];
    let (lab, _scripts) = executing(user);
    let instance = consenting(&lab);
    ask(&instance, "program-bomb-left").await;
    within_a_second(|| processes_of(user) <= HOST_AND_GUARD, "the bomb went on").await;
    assert_eq!(ask(&instance, "program").await, "9", "programs can be run again");
}

/// Root has no limit on its processes, and these tests have no cgroup.
#[tokio::test]
async fn programs_that_nothing_limits_in_number_are_refused() {
    let lab = Lab::new(&["-DEXECS"]);
    let instance = consenting(&lab);
    if !rustix::process::geteuid().is_root() {
        assert_eq!(ask(&instance, "program").await, "9");
        return;
    }
    let error = fail(&instance, "program", LONG).await.to_string();
    assert!(error.contains("root has no such limit"), "{error}");
    assert!(
        error.contains("Delegate=yes") && error.contains("sandbox: best-effort"),
        "{error}"
    );
}

#[tokio::test]
async fn a_measurement_that_fails_leaves_the_limit_as_it_was() {
    let lab = Lab::with(&["-DEXECS"], |options| options.sandbox = Sandbox::BestEffort);
    let facts = ask(&consenting(&lab), "facts").await;
    // what every plugin has, and for a user the measured one instead
    assert_eq!(
        facts.contains(" nproc=4096 "),
        rustix::process::geteuid().is_root(),
        "{facts}"
    );
    assert!(!facts.contains(" nproc=1 "), "{facts}");
}

#[tokio::test]
async fn programs_are_refused_where_no_process_starts_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let lab = Lab::with(&["-DEXECS"], |options| {
        options.executable = limited_to_itself(directory.path(), LONELY);
    });
    let error = fail(&consenting(&lab), "program", LONG).await.to_string();
    assert!(
        error.contains("no process starts even within 1:") && error.contains("TasksMax="),
        "{error}"
    );
}
