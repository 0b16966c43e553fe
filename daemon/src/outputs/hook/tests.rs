use std::{fs, path::Path, time::Duration};

use tokio::time::Instant;

use super::*;

/// Runs `script` by sh with `$1` being `directory`.
async fn sh(
    script: &str,
    directory: &Path,
    limit: Duration,
    stop: &CancellationToken,
) -> Result<(), HookFailure> {
    let argument = directory.to_str().expect("a plain path");
    let command = ["sh", "-c", script, "hook", argument].map(str::to_owned).to_vec();
    run(command, limit, stop).await
}

async fn run(command: Vec<String>, limit: Duration, stop: &CancellationToken) -> Result<(), HookFailure> {
    let certificate = "internal".parse().expect("a name");
    let identifiers = ["*.example.test", "example.test"].map(|name| name.parse().expect("an identifier"));
    let run = HookRun {
        certificate: &certificate,
        live: Path::new("/out/live"),
        generation: 7,
        serial: "0a0b",
        identifiers: &identifiers,
    };
    run_hook(
        &HookOptions {
            command,
            timeout: limit,
        },
        run,
        stop,
    )
    .await
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The process whose number a hook wrote; true while it runs.
fn alive(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).expect("the hook wrote its child's number");
    match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        // a zombie that nobody reaps yet is dead
        Ok(stat) => !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")),
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_hook_sees_its_certificate_and_nothing_of_the_daemons_environment() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = r#"env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD= | sort > "$1/env"; pwd > "$1/cwd"; readlink /proc/self/fd/0 > "$1/stdin""#;
    sh(script, directory.path(), seconds(20), &CancellationToken::new())
        .await
        .expect("success");
    let read = |name| fs::read_to_string(directory.path().join(name)).expect("written");
    assert_eq!(
        read("env"),
        format!(
            "DNS01D_CERTIFICATE=internal\nDNS01D_GENERATION=7\nDNS01D_LIVE=/out/live\n\
             DNS01D_NAMES=*.example.test example.test\nDNS01D_SERIAL=0a0b\nPATH={SEARCH_PATH}\n"
        )
    );
    assert_eq!(read("cwd"), "/\n");
    assert_eq!(read("stdin"), "/dev/null\n");
}

#[tokio::test]
async fn a_failure_carries_status_and_last_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let failure = sh(
        "echo first; echo 'unknown directive' >&2; exit 3",
        directory.path(),
        seconds(20),
        &CancellationToken::new(),
    )
    .await
    .expect_err("status 3");
    assert_eq!(failure.cause, HookCause::Exit(3));
    let failure = sh(
        "echo 'last words' >&2; kill -9 $$",
        directory.path(),
        seconds(20),
        &CancellationToken::new(),
    )
    .await
    .expect_err("a signal");
    assert_eq!(
        failure,
        HookFailure {
            cause: HookCause::Signal(9),
            last_line: Some("last words".into())
        }
    );
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let plain = directory.path().join("plain");
    fs::write(&plain, "no script").expect("written");
    let stop = CancellationToken::new();
    for (program, why) in [
        (
            "no-such-program-dns01d",
            "not found as a path, nor in /usr/local/sbin",
        ),
        (
            plain.to_str().expect("a plain path"),
            "the daemon's user may not execute it",
        ),
    ] {
        let failure = run(vec![program.to_owned()], seconds(20), &stop)
            .await
            .expect_err("no program");
        let HookCause::CannotStart { reason, .. } = &failure.cause else {
            panic!("{failure}")
        };
        assert!(reason.starts_with(why), "{failure}");
    }
    let failure = run(vec![], seconds(20), &stop).await.expect_err("no command");
    assert!(
        matches!(failure.cause, HookCause::CannotStart { .. }),
        "{failure}"
    );
}

#[tokio::test]
async fn a_hung_hook_and_its_children_are_gone_within_a_second_of_the_timeout() {
    let directory = tempfile::tempdir().expect("a directory");
    // both ignore SIGTERM; the child also holds the output pipe
    let script = r#"trap '' TERM; sh -c 'trap "" TERM; echo $$ > "$1/child"; while :; do sleep 0.1; done' c "$1" & while :; do sleep 0.1; done"#;
    let begin = Instant::now();
    let failure = sh(script, directory.path(), seconds(1), &CancellationToken::new())
        .await
        .expect_err("a timeout");
    assert_eq!(failure.cause, HookCause::TimedOut(seconds(1)));
    assert!(begin.elapsed() < seconds(2), "{:?}", begin.elapsed());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!alive(&directory.path().join("child")));
}

#[tokio::test]
async fn a_hook_may_clean_up_on_sigterm() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = r#"trap 'echo yes > "$1/cleaned"; exit 1' TERM; while :; do sleep 0.05; done"#;
    sh(script, directory.path(), seconds(1), &CancellationToken::new())
        .await
        .expect_err("a timeout");
    assert_eq!(
        fs::read_to_string(directory.path().join("cleaned")).expect("cleaned up"),
        "yes\n"
    );
}

#[tokio::test]
async fn a_background_child_that_keeps_the_pipe_open_does_not_hold_us_and_lives_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = r#"sleep 600 & echo $! > "$1/child"; echo done"#;
    let begin = Instant::now();
    sh(script, directory.path(), seconds(30), &CancellationToken::new())
        .await
        .expect("success");
    assert!(begin.elapsed() < seconds(5), "{:?}", begin.elapsed());

    let child = directory.path().join("child");
    assert!(alive(&child), "a reload may well be a background process");
    let pid = fs::read_to_string(&child)
        .expect("a number")
        .trim()
        .parse()
        .expect("a number");
    rustix::process::kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("killed");
}

#[tokio::test]
async fn a_stop_ends_a_running_hook() {
    let directory = tempfile::tempdir().expect("a directory");
    let stop = CancellationToken::new();
    let script = r#"sleep 600 & echo $! > "$1/child"; wait"#;
    let stopping = async {
        while fs::read_to_string(directory.path().join("child"))
            .is_ok_and(|pid| pid.ends_with('\n'))
            .eq(&false)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
        Instant::now()
    };
    let (ended, stopped) = tokio::join!(sh(script, directory.path(), seconds(600), &stop), stopping);
    assert_eq!(ended.expect_err("stopped").cause, HookCause::Interrupted);
    assert!(stopped.elapsed() < seconds(1), "{:?}", stopped.elapsed());
    assert!(!alive(&directory.path().join("child")));
}

#[tokio::test]
async fn a_flood_of_output_neither_blocks_nor_fills_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    sh(
        "head -c 50000000 /dev/zero | tr '\\0' x; echo; yes | head -n 100000",
        directory.path(),
        seconds(60),
        &CancellationToken::new(),
    )
    .await
    .expect("success");
}
