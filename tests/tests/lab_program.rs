//! `dns01-lab` as scripts use it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_dns01-lab");

/// Kills the lab if a test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn serve(dir: &Path, more: &[&str]) -> (Running, Value) {
    let child = Command::new(LAB)
        .args([
            "serve",
            "--zone",
            "internal.example.test",
            "--lifetime",
            "2m",
            "--directory",
        ])
        .arg(dir)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    for _ in 0..500 {
        if let Ok(text) = std::fs::read(dir.join("lab.json")) {
            return (running, serde_json::from_slice(&text).unwrap());
        }
        assert!(running.0.try_wait().unwrap().is_none(), "the lab ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no lab.json");
}

async fn ends(mut running: Running) -> std::process::ExitStatus {
    for _ in 0..250 {
        if let Some(status) = running.0.try_wait().unwrap() {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the lab does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_lab_json_is_there_when_it_appears() {
    let dir = tempfile::tempdir().unwrap();
    let (running, facts) = serve(dir.path(), &[]).await;
    for file in ["acme-root", "https-root", "tsig-secret"] {
        let meta = std::fs::metadata(facts[file].as_str().unwrap()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    let pem = std::fs::read(facts["https-root"].as_str().unwrap()).unwrap();
    let root = reqwest::Certificate::from_pem(&pem).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_merge([root])
        .build()
        .unwrap();
    let directory = http
        .get(facts["directory-url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(directory.status(), 200);

    let admin = facts["admin-url"].as_str().unwrap();
    let knobs = format!("{admin}/ca/knobs");
    let change = json!({ "nonce-reject": 0.5 }).to_string();
    let patch = http
        .patch(&knobs)
        .header("content-type", "application/json")
        .body(change);
    let turned: Value = patch.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&turned["nonce-reject"], &turned["lifetime"]),
        (&json!(0.5), &json!(120.0))
    );
    let seen: Value = http
        .get(format!("{admin}/ca"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(seen["requests"]["directory"], 1);

    let post = async |path: &str, body: Value| {
        let request = http
            .post(format!("{admin}/ca/{path}"))
            .header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap().status()
    };
    let window = json!({ "serial": "00", "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" });
    assert_eq!(post("renewal-info", window).await, 404);
    assert_eq!(post("renewal-info", json!({ "serial": "00" })).await, 422);
    assert_eq!(post("forget-account", json!({ "account": "x" })).await, 404);
    assert_eq!(post("change-terms", json!(null)).await, 200);
    let again = http
        .get(facts["directory-url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let again: Value = again.json().await.unwrap();
    assert!(
        again["meta"]["termsOfService"]
            .as_str()
            .unwrap()
            .ends_with("/terms/1")
    );

    rustix::process::kill_process(
        rustix::process::Pid::from_child(&running.0),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(ends(running).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn lab_ends_with_the_script_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut running, _) = serve(dir.path(), &["--until-stdin-closes"]).await;
    drop(running.0.stdin.take());
    assert!(ends(running).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn key_file_is_made_once_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lab.tsig");
    let arguments = ["--tsig-file", file.to_str().unwrap()];
    drop(serve(dir.path(), &arguments).await);
    let first = std::fs::read_to_string(dir.path().join("tsig.secret")).unwrap();
    std::fs::remove_file(dir.path().join("lab.json")).unwrap();
    drop(serve(dir.path(), &arguments).await);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("tsig.secret")).unwrap(),
        first
    );
    assert!(std::fs::read_to_string(&file).unwrap().contains(first.trim()));
}
