//! The guards around real programs do what their users rely on: ready when they say so, gone when dropped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::process::Command;
use std::time::Duration;

use lab::bind::{Bind, BindOptions};
use lab::dns::TsigKey;
use lab::nsupdate::nsupdate as nsupdate_of;
use lab::pebble::{Pebble, PebbleOptions};
use lab::process::{ProcessError, Program};

const ZONE: &str = "internal.example.test";

fn nsupdate(bind: &Bind, lines: &str) -> std::process::Output {
    let key = bind.key_file();
    nsupdate_of(bind.addr(), &[(ZONE, lines)], &["-k".as_ref(), key.as_os_str()]).expect("nsupdate")
}

#[tokio::test(flavor = "multi_thread")]
async fn bind_takes_challenges_under_its_key_and_nothing_else() {
    let key = TsigKey::generate("test-key").unwrap();
    let bind = Bind::start(BindOptions::new(ZONE, key)).await.unwrap();
    let owner = format!("_acme-challenge.{ZONE}");

    let added = nsupdate(
        &bind,
        &format!("update add {owner} 60 TXT one\nupdate add {owner} 60 TXT two"),
    );
    assert!(added.status.success(), "{}", bind.log());
    assert_eq!(bind.txt(&owner).await.unwrap(), ["one", "two"]);

    let outside = nsupdate(&bind, &format!("update add www.{ZONE} 60 TXT no"));
    assert!(
        String::from_utf8_lossy(&outside.stderr).contains("REFUSED"),
        "{outside:?}"
    );
    let wrong_type = nsupdate(&bind, &format!("update add {owner} 60 CAA 0 issue \"lab.test\""));
    assert!(
        String::from_utf8_lossy(&wrong_type.stderr).contains("REFUSED"),
        "{wrong_type:?}"
    );

    nsupdate(&bind, &format!("update delete {owner} TXT one"));
    assert_eq!(bind.txt(&owner).await.unwrap(), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pebble_answers_over_its_own_root_and_tells_the_root_it_issues_from() {
    let pebble = Pebble::start(PebbleOptions::new("127.0.0.1:53".parse().unwrap()))
        .await
        .unwrap();
    let curl = Command::new("curl")
        .args(["-sf", "--noproxy", "*", "--cacert"])
        .arg(pebble.ca_file())
        .arg(pebble.directory_url())
        .output()
        .expect("curl");
    assert!(
        String::from_utf8_lossy(&curl.stdout).contains("newOrder"),
        "{curl:?}\n{}",
        pebble.log()
    );
    let root = openssl::x509::X509::from_pem(pebble.root_pem().as_bytes()).unwrap();
    assert!(root.issued(&root) == openssl::x509::X509VerifyResult::OK);
}

#[test]
fn dropped_guard_leaves_no_process() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("sleep");
    command.arg("60");
    let program = Program::start(command, log.path()).unwrap();
    let proc = std::path::PathBuf::from(format!("/proc/{}", program.id()));
    assert!(proc.exists());
    drop(program);
    assert!(!proc.exists());
}

#[tokio::test]
async fn program_that_ends_early_is_reported_with_its_last_words() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo last words; exit 3"]);
    let mut program = Program::start(command, log.path()).unwrap();
    let error = program
        .ready(Duration::from_secs(10), async || false)
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::Ended { .. }));
    assert!(error.to_string().contains("last words"), "{error}");
}
