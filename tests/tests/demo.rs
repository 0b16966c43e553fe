//! The demo that the README promises, to its end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::process::Command;

#[test]
fn the_demo_issues_serves_renews_survives_a_kill_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dns01-lab"))
        .arg("demo")
        .env("TMPDIR", directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("0 failed, 2 serial numbers seen"), "{said}");
    assert!(said.contains("1 order, 1 certificate, 0 account more"), "{said}");
    assert_eq!(said.matches("Verification: OK").count(), 3, "{said}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
