//! A kit that cannot fail proves nothing: a plugin with one misdeed fails exactly the check that is meant for it.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use lab::daemon::built;
use tokio::task::JoinSet;

use crate::lab::{Lab, Run, SUBZONE, compile, write_private};

/// Misdeed, the check that fails of it, and words of what is seen.
const TABLE: &[(&str, &str, &str)] = &[
    ("EXPORTS", "exports", "it also exports SSL_new"),
    (
        "PAST_STRUCT",
        "structs",
        "with structs larger than those of ABI 1.0",
    ),
    ("ASSIGNS", "structs", "are not its own"),
    ("PAST_BUFFER", "structs", "SIGSEGV"),
    ("EXACT_SIZE", "structs", "unknown host"),
    ("INFO_SIZE", "structs", "SIGSEGV"),
    (
        "CRASH_MISSING",
        "missing-option",
        "without `server`: the plugin process was killed by SIGSEGV",
    ),
    ("NAMELESS", "missing-option", "does not name `server`"),
    ("WRONG_CLASS", "missing-option", "status 200"),
    ("UNKNOWN", "unknown-option", "status 200"),
    (
        "MALFORMED",
        "malformed-option",
        "`level` = \"seven\": the instance opened",
    ),
    (
        "INFO",
        "info",
        "propagation_initial_ms is more than propagation_timeout_ms",
    ),
    ("FICKLE", "info", "says otherwise than the first"),
    ("CHECK_WRITES", "dry-run", "after check() there are 1 TXT values"),
    ("LIES", "publish", "said DNS01_RESULT_NO_CHANGE"),
    ("PAIR", "two-values", "shows 1 of the 2 values"),
    ("WIPE", "foreign-values", "after present of another value"),
    ("WIPE_REMOVE", "foreign-values", "after remove of another value"),
    ("AGAIN", "again", "the record exists"),
    ("AGAIN_REMOVE", "again", "no such record"),
    ("APEX", "apex", "no label left"),
    ("SUBZONE", "subzone", "no such record in example.test"),
    ("HINT", "zone-hint", "no zone given"),
    ("WRONG_HINT", "zone-hint", "status 100"),
    ("LABEL", "long-label", "too long"),
    ("LONG", "long-value", "too long"),
    ("FULL", "full-batch", "left this record without a status"),
    ("MIXED", "mixed-batch", "a good record beside a bad one failed"),
    ("OVERLAP", "overlap", "busy"),
    ("OUTSIDE", "outside", "status 100"),
    ("AUTH", "credentials", "with another `tsig-secret`: status 100"),
    ("MUTE", "credentials", "without a message"),
    ("DEADLINE", "deadline", "did not answer within 1 ms"),
    ("NOT_CANCELLED", "deadline", "instead of DNS01_E_CANCELLED"),
    ("CANCEL", "cancel", "did not stop when it was told to"),
    ("HANDLE", "new-process", "no such handle"),
    ("LOST", "lost-handle", "still shows 1 of the values"),
    ("LEAK_MEMORY", "memory", "KiB of memory in the second quarter"),
    (
        "LEAK_DESCRIPTOR",
        "descriptors",
        "descriptors in the second quarter",
    ),
    ("LEAK_THREAD", "threads", "threads in the second quarter"),
    (
        "LOG_SECRET",
        "secrets",
        "a log line had a secret (shown as ***): opened with tsig-secret=***",
    ),
    ("PRINT_SECRET", "secrets", "a line on standard output"),
    ("TELL_SECRET", "secrets", "the message of a result"),
    ("SECRET_HANDLE", "secrets", "a handle"),
    (
        "LEAVES",
        "clean",
        "1 were still there after their removal was confirmed",
    ),
];

/// Checks that other tests of this file make fail.
const ELSEWHERE: [&str; 4] = ["file", "segments", "load", "no-files"];

/// At once: each waits for the server's disk most of the time.
const AT_ONCE: usize = 4;

/// The plugin with this misdeed, and its options.
fn build(lab: &Lab, misdeed: &str, more: &[&str]) -> (PathBuf, PathBuf) {
    let library = lab.path(&format!("libdns01_{}.so", misdeed.to_lowercase()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/broken.c");
    let define = format!("-DMISDEED_{misdeed}");
    let mut flags = vec![define.as_str()];
    flags.extend(more);
    compile(&source, &library, &flags);
    let options = lab.options(&format!("library: {}\n", built("libdns01_rfc2136.so").display()));
    (library, options)
}

/// What is wrong with the kit's word on one misdeed.
fn fault(lab: &Lab, (misdeed, check, words): &(&str, &str, &str)) -> Option<String> {
    let (library, options) = build(lab, misdeed, &[]);
    let run = test(lab, &library, &options);
    match std::panic::catch_unwind(|| run.only_failure(check)) {
        Ok(seen) if seen.contains(words) => None,
        Ok(seen) => Some(format!("{misdeed}: `{check}` saw: {seen}\n  not: {words}")),
        Err(panic) => {
            let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            Some(format!("{misdeed}: {why}"))
        }
    }
}

fn test(lab: &Lab, library: &Path, options: &Path) -> Run {
    Run::of(lab.kit(library, options).args(["--subzone", SUBZONE]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_a_misdeed_passes() {
    let lab = Lab::new().await;
    let (library, options) = build(&lab, "NONE", &[]);
    test(&lab, &library, &options).passed_but_for(&["new-process"]);
    let (library, options) = build(&lab, "GIVES_HANDLES", &[]);
    test(&lab, &library, &options).passed_but_for(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_misdeed_fails_the_check_that_is_meant_for_it_and_no_other() {
    let mut running = JoinSet::new();
    for first in 0..AT_ONCE {
        // the zone's own name is one for all: each has a server to itself
        let lab = Lab::new().await;
        let share = TABLE.iter().skip(first).step_by(AT_ONCE);
        running.spawn_blocking(move || share.filter_map(|row| fault(&lab, row)).collect::<Vec<_>>());
    }
    let faults = running.join_all().await.concat();
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        TABLE.len(),
        faults.join("\n")
    );
}

/// The report for people is the product.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_was_seen_what_was_wanted_and_what_to_do() {
    let lab = Lab::new().await;
    let (library, options) = build(&lab, "EXPORTS", &[]);
    let output = lab
        .kit(&library, &options)
        .args(["--only", "file"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(text.replace(&library.display().to_string(), "[library]"));
}

#[test]
fn every_check_is_seen_to_fail() {
    let failing: Vec<&str> = TABLE
        .iter()
        .map(|(_, check, _)| *check)
        .chain(ELSEWHERE)
        .collect();
    for check in dns01d::conformance::CATALOGUE {
        assert!(
            failing.contains(&check.id()),
            "nothing here makes `{}` fail",
            check.id()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_does_not_open_is_said_once() {
    let lab = Lab::new().await;
    let (library, _) = build(&lab, "NONE", &[]);
    let options = lab.options(&format!("library: {}\n", lab.path("tsig.secret").display()));
    let run = test(&lab, &library, &options);
    let seen = run.only_failure("load");
    assert!(seen.contains("option `library` names no plugin"), "{seen}");
    assert!(
        run.with("not-applicable")["publish"].contains("does not open"),
        "{}",
        run.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_with_an_executable_stack_is_not_clean() {
    let lab = Lab::new().await;
    let (library, options) = build(&lab, "NONE", &["-Wl,-z,execstack"]);
    let run = Run::of(lab.kit(&library, &options).args(["--only", "file"]));
    assert!(
        run.with("fail")["segments"].contains("executable"),
        "{}",
        run.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_with_a_symbol_that_nobody_has_is_named() {
    let lab = Lab::new().await;
    let (library, options) = build(&lab, "UNRESOLVED", &[]);
    let seen = test(&lab, &library, &options).only_failure("load");
    assert!(
        seen.contains("dns01_nobody_has_this") && seen.contains("ldd -r"),
        "{seen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_everybody_can_write_is_not_even_loaded() {
    let lab = Lab::new().await;
    let (library, options) = build(&lab, "NONE", &[]);
    std::fs::set_permissions(&library, std::fs::Permissions::from_mode(0o666)).unwrap();
    let seen = test(&lab, &library, &options).only_failure("file");
    assert!(seen.contains("writable") && seen.contains("chmod go-w"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_library_fails_as_a_file() {
    let lab = Lab::new().await;
    let library = lab.path("script.so");
    std::fs::write(&library, "#!/bin/sh\n").unwrap();
    let seen = test(&lab, &library, &lab.options("")).only_failure("file");
    assert!(seen.contains("not a shared library"), "{seen}");
}

/// Only a kernel without Landlock lets a plugin write at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_writes_a_file_where_nothing_confines_it_is_seen() {
    let lab = Lab::new().await;
    let kept = lab.path("kept");
    let define = format!("-DMISDEED_WRITES_FILE=\"{}\"", kept.display());
    let (library, options) = build(&lab, "NONE", &[&define]);
    let old_kernel = lab.path("old-kernel");
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/plugin-host/tests/hostile/old_kernel.c");
    let compiled = Command::new("cc")
        .arg("-o")
        .arg(&old_kernel)
        .arg(source)
        .status()
        .unwrap();
    assert!(compiled.success());
    let host = lab.path("host");
    let text = format!(
        "#!/bin/sh\nexec {} {} \"$@\"\n",
        old_kernel.display(),
        built("dns01-plugin-host").display()
    );
    std::fs::write(&host, text).unwrap();
    std::fs::set_permissions(&host, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = lab.path("dns01d.yaml");
    write_private(&config, "plugins: { sandbox: best-effort }\n");
    let mut command = lab.kit(&library, &options);
    command
        .args(["--only", "no-files", "--config"])
        .arg(&config)
        .arg("--plugin-host")
        .arg(&host);
    let seen = Run::of(&mut command).only_failure("no-files");
    assert!(seen.contains(&kept.display().to_string()), "{seen}");

    let mut confined = lab.kit(&library, &options);
    Run::of(confined.args(["--only", "no-files"])).passed_but_for(&[]);
    std::fs::remove_file(&kept).unwrap();
}
