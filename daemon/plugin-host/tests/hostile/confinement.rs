//! What a plugin cannot do, and what it can.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use dns01d::plugin::{CallError, DEFAULT_MEMORY, Instance, LoadFault, Sandbox};

use crate::lab::{Captured, HOST, Lab, NOBODY, TOKEN, ask, unprivileged};

fn reports(text: &str) -> BTreeMap<&str, &str> {
    text.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect()
}

fn with_file(lab: &Lab, name: &str) -> (PathBuf, Instance) {
    let file = lab.directory.path().join(name);
    fs::write(&file, "content").expect("our own directory");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("our own file");
    let path = file.to_str().expect("a path");
    let instance = lab.instance_with(lab.options(), &[("token", TOKEN), ("file", path)]);
    (file, instance)
}

async fn every_escape_is_refused(lab: &Lab) {
    let (file, instance) = with_file(lab, "readable");
    let text = ask(&instance, "probe").await;
    let results = reports(&text);
    assert!(results.len() >= 55, "{} of them: {text}", results.len());
    for (attempt, result) in &results {
        assert!(
            matches!(*result, "EPERM" | "EACCES" | "ENOSYS" | "EROFS"),
            "{attempt} got {result}, not refused"
        );
    }
    assert_eq!(fs::read(&file).expect("still there"), b"content");
    assert!(!Path::new("/tmp/dns01-escape").exists() && !Path::new("/tmp/dns01-escape-dir").exists());
}

async fn what_a_client_needs_works(lab: &Lab) {
    let (_, instance) = with_file(lab, "readable");
    let text = ask(&instance, "rights").await;
    let results = reports(&text);
    assert!(results.len() >= 14, "{text}");
    for (need, result) in results {
        assert_eq!(result, "DONE", "{need}");
    }
}

#[tokio::test]
async fn every_escape_is_refused_and_what_a_client_needs_works() {
    let lab = Lab::new(&[]);
    every_escape_is_refused(&lab).await;
    what_a_client_needs_works(&lab).await;
}

#[tokio::test]
async fn the_same_holds_without_any_privilege() {
    let scripts = tempfile::tempdir().expect("a directory");
    let lab = Lab::with(&[], unprivileged(scripts.path(), NOBODY));
    // so that the option's file can be reached by that user
    fs::set_permissions(lab.directory.path(), fs::Permissions::from_mode(0o755)).expect("our own directory");
    every_escape_is_refused(&lab).await;
    what_a_client_needs_works(&lab).await;
}

#[tokio::test]
async fn the_process_is_set_up_as_the_abi_promises() {
    let lab = Lab::new(&[]);
    let mut options = lab.options();
    options.environment = BTreeMap::from([("LISTED".to_owned(), "yes".to_owned())]);
    let text = ask(&lab.instance_with(options, &[("token", TOKEN)]), "facts").await;
    let facts = reports(&text);
    let data = DEFAULT_MEMORY.to_string();
    for (fact, value) in [
        ("core", "0"),
        ("dumpable", "0"),
        ("data", data.as_str()),
        ("nnp", "1"),
        ("session", "1"),
        ("stdin", "/dev/null"),
        ("cwd", "/"),
        ("umask", "77"),
        ("blocked", "0"),
        ("pipe", "1"),
        ("child", "1"),
        ("variables", "1"),
        ("listed", "yes"),
    ] {
        assert_eq!(facts[fact], value, "{fact} in {text}");
    }
    let files: u32 = facts["files"].parse().expect("a number");
    assert!(
        files <= 4,
        "the socket twice, the library, the call's event: {text}"
    );
}

#[tokio::test]
async fn only_named_files_are_readable_and_their_directory_when_they_rotate() {
    let lab = Lab::new(&[]);
    let (file, instance) = with_file(&lab, "rotated");
    assert!(ask(&instance, "rights").await.contains("file=DONE"));
    let replace = |content: &str| {
        let new = lab.directory.path().join("new");
        fs::write(&new, content).expect("our own directory");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("our own file");
        fs::rename(&new, &file).expect("our own directory");
    };
    replace("second");
    assert!(
        ask(&instance, "rights").await.contains("file=EACCES"),
        "a rule binds the old inode"
    );

    let mut options = lab.options();
    options.rotates = true;
    let instance = lab.instance_with(
        options,
        &[("token", TOKEN), ("file", file.to_str().expect("a path"))],
    );
    assert!(ask(&instance, "rights").await.contains("file=DONE"));
    replace("third");
    assert!(ask(&instance, "rights").await.contains("file=DONE"));
}

#[tokio::test]
async fn variables_that_act_before_the_sandbox_are_refused() {
    let lab = Lab::new(&[]);
    for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "GLIBC_TUNABLES"] {
        let mut options = lab.options();
        options.environment = BTreeMap::from([(name.to_owned(), "/tmp/x.so".to_owned())]);
        let error = crate::lab::fail(&lab.instance_with(options, &[]), "pid", crate::lab::LONG).await;
        assert_eq!(
            error,
            CallError::Environment {
                name: name.to_owned()
            }
        );
    }
}

/// A host that finds no Landlock in its kernel.
fn old_kernel(directory: &Path) -> PathBuf {
    let program = directory.join("old-kernel");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/old_kernel.c");
    let status = Command::new("cc")
        .arg("-o")
        .arg(&program)
        .arg(source)
        .status()
        .expect("cc runs");
    assert!(status.success());
    let script = directory.join("host");
    let text = format!("#!/bin/sh\nexec {} {HOST} \"$@\"\n", program.display());
    fs::write(&script, text).expect("our own directory");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("our own file");
    script
}

#[tokio::test]
async fn a_required_sandbox_that_the_kernel_lacks_is_a_refusal() {
    let directory = tempfile::tempdir().expect("a directory");
    let lab = Lab::with(&[], |options| options.executable = old_kernel(directory.path()));
    let error = lab
        .plugins
        .describe(&lab.library, None)
        .await
        .expect_err("refused");
    let text = error.to_string();
    assert!(
        text.contains("the sandbox is required but incomplete: files are not confined"),
        "{text}"
    );
    assert!(text.contains("sandbox: best-effort"), "{text}");
    assert!(matches!(
        error,
        CallError::Load {
            fault: LoadFault::Unconfined { .. },
            ..
        }
    ));
}

#[tokio::test]
async fn a_sandbox_at_best_effort_says_what_is_missing_and_keeps_the_rest() {
    let log = Captured::start();
    let directory = tempfile::tempdir().expect("a directory");
    let lab = Lab::with(&[], |options| {
        options.executable = old_kernel(directory.path());
        options.sandbox = Sandbox::BestEffort;
    });
    assert_eq!(
        ask(&lab.instance(), "fork-bomb").await,
        "0",
        "system calls are still filtered"
    );
    let text = log.wait_for("plugin is not fully confined").await;
    assert!(
        text.contains("WARN") && text.contains("files are not confined"),
        "{text}"
    );
}

#[test]
fn the_host_links_no_tls_library() {
    let output = Command::new("ldd")
        .arg(HOST)
        .output()
        .expect("ldd of libc-bin runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("libc.so.6"), "dynamically linked: {text}");
    for library in ["libssl", "libcrypto", "libgnutls", "libnss3"] {
        assert!(!text.contains(library), "{text}");
    }
    let binary = fs::read(HOST).expect("our own binary");
    for word in [&b"rustls"[..], b"aws_lc", b"OPENSSL_"] {
        assert!(
            !binary.windows(word.len()).any(|window| window == word),
            "{}",
            String::from_utf8_lossy(word)
        );
    }
}

#[test]
fn the_host_dies_with_whoever_started_it() {
    use std::{os::unix::process::ExitStatusExt, process::Stdio, sync::mpsc};
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let (started, child) = mpsc::channel();
    std::thread::spawn(move || {
        let child = Command::new(HOST)
            .arg("serve")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .spawn();
        started.send(child.expect("a host")).expect("a listener");
        // the host needs some time to tell the kernel what it wants
        std::thread::sleep(std::time::Duration::from_millis(500));
    });
    let mut child = child.recv().expect("a child");
    let status = child.wait().expect("our own child");
    assert_eq!(
        status.signal(),
        Some(9),
        "killed although its socket is still open"
    );
    drop(ours);
}
