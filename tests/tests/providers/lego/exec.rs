//! lego's way to run the operator's program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use dns01d::plugin::ProviderClient as _;
use lab::daemon::unprivileged_host;

use super::captured::Captured;
use super::{OWNER, challenge, lego_in};
use crate::instance::{LONG, present};

/// Runs the program; nothing else of these tests runs as this one.
const USER: u32 = 64_090;

#[tokio::test]
async fn a_program_is_run_with_name_and_value_and_its_words_are_logged() {
    let log = Captured::start();
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("update-dns");
    fs::write(
        &program,
        "#!/bin/sh\necho \"program: $*\"\n[ \"$1\" = present ]\n",
    )
    .expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    let values = [("EXEC_PATH", program.to_str().expect("UTF-8"), false)];
    let one = challenge("example.test", "token-1");
    let host = unprivileged_host(directory.path(), USER);
    let provider = lego_in(host.clone(), "lego:exec", "lego-exec", &values);
    present(&provider, std::slice::from_ref(&one)).await;
    provider.shutdown().await;
    let later = lego_in(host, "lego:exec", "lego-exec", &values);
    let outcomes = later.remove(std::slice::from_ref(&one), LONG).await;
    let failure = outcomes
        .expect("an answer")
        .remove(0)
        .expect_err("it ends with 1");
    assert!(failure.message.contains("exit status 1"), "{failure}");
    let text = log.text();
    for operation in ["present", "cleanup"] {
        let line = format!("lego: program: {operation} {OWNER}. {}", one.value);
        assert!(text.contains(&line), "{text}");
    }
}
