use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use super::stage::{Stage, internal};

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_hook_is_retried_across_a_restart_and_reissues_nothing() {
    let mut stage = Stage::new().await;
    let home = stage.home();
    let hook = home.path("hook.sh");
    std::fs::write(&hook, "#!/bin/sh\necho \"$DNS01D_CERTIFICATE $DNS01D_SERIAL $DNS01D_LIVE\" >> \"$(dirname \"$0\")/ran\"\n[ -e \"$(dirname \"$0\")/good\" ]\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut certificate = internal();
    certificate.hook = Some(vec![hook.to_str().unwrap().to_owned()]);
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();

    let mut daemon = home.start().await.unwrap();
    let failing = daemon
        .until("internal", Duration::from_secs(30), |it| {
            it["hook"]["state"] == "failing"
        })
        .await;
    assert_eq!(failing["generation"], 1);
    assert!(
        home.live("internal").join("fullchain.pem").exists(),
        "the switch does not wait for the hook"
    );
    daemon.program.kill();
    std::fs::write(home.path("good"), "").unwrap();

    let daemon = home.start().await.unwrap();
    let deployed = daemon
        .until("internal", Duration::from_secs(60), |it| {
            it["hook"]["state"] == "succeeded"
        })
        .await;
    assert_eq!(deployed["serial"], failing["serial"]);
    assert_eq!(stage.ca.counts().certificates, 1);
    let ran = std::fs::read_to_string(home.path("ran")).unwrap();
    assert!(ran.lines().count() >= 2);
    assert!(ran.lines().all(|line| line.starts_with("internal ")), "{ran}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_live_files_are_obtained_again_and_a_lost_database_is_not() {
    let stage = Stage::new().await;
    let home = stage.home();
    let mut daemon = home.start().await.unwrap();
    let first = daemon.until_deployed("internal").await;
    daemon.program.kill();

    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(home.state().join(file));
    }
    let mut daemon = home.start().await.unwrap();
    let adopted = daemon.until_deployed("internal").await;
    assert_eq!(adopted["serial"], first["serial"]);
    assert_eq!(stage.ca.counts().certificates, 1, "files on disk are adopted");
    assert_eq!(stage.ca.counts().accounts, 1, "the account's key was kept");
    daemon.program.kill();

    std::fs::remove_dir_all(home.state().join("certificates/internal")).unwrap();
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(30), |it| {
            it["serial"] != first["serial"] && !it["deployed_at"].is_null()
        })
        .await;
    assert_eq!(stage.ca.counts().certificates, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_put_aside_and_the_daemon_starts() {
    let stage = Stage::new().await;
    let home = stage.home();
    let mut daemon = home.start().await.unwrap();
    let first = daemon.until_deployed("internal").await;
    daemon.program.kill();
    for file in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(home.state().join(file));
    }
    std::fs::write(home.database(), b"this was a database once".repeat(200)).unwrap();
    let daemon = home.start().await.unwrap();
    let adopted = daemon.until_deployed("internal").await;
    assert_eq!(adopted["serial"], first["serial"]);
    assert_eq!(stage.ca.counts().certificates, 1);
    let aside = std::fs::read_dir(home.state()).unwrap();
    let kept = aside
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // its log may be kept beside it
        .filter(|name| name.contains("damaged") && !name.ends_with("-wal") && !name.ends_with("-shm"))
        .count();
    assert_eq!(kept, 1, "the damaged file is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_ends_at_its_hook_says_when_the_hook_runs_again() {
    let mut stage = Stage::new().await;
    let mut certificate = internal();
    certificate.hook = Some(vec!["/bin/false".to_owned()]);
    stage.setup.certificates = vec![certificate];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(30), |it| {
            it["hook"]["state"] == "failing"
        })
        .await;

    let renewal = home.command(&["renew", "internal", "--wait", "--json"]);
    assert!(!renewal.status.success());
    let text = String::from_utf8(renewal.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let failed = &last["done"]["failed"];
    assert_eq!(failed["text"], "hook exited with status 1", "{text}");
    let hook = daemon.certificate("internal").unwrap()["hook"].clone();
    assert_eq!(failed["next_attempt_at"], hook["next_attempt_at"], "{hook}");

    let shown = String::from_utf8(home.command(&["status"]).stdout).unwrap();
    assert!(shown.contains("internal: hook failed"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_renewed_while_the_hook_of_the_one_before_runs_goes_live_too() {
    let mut stage = Stage::new().await;
    let home = stage.home();
    let hook = home.path("hook.sh");
    let script = "#!/bin/sh\nhere=$(dirname \"$0\")\necho \"$DNS01D_SERIAL\" >> \"$here/ran\"\nwhile [ ! -e \"$here/go\" ]; do sleep 0.1; done\n";
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut certificate = internal();
    certificate.hook = Some(vec![hook.to_str().unwrap().to_owned()]);
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();
    let daemon = home.start().await.unwrap();
    let wait = Duration::from_secs(30);
    daemon
        .until("internal", wait, |_| home.path("ran").exists())
        .await;

    assert!(home.command(&["renew", "internal"]).status.success());
    let renewed = daemon.until("internal", wait, |it| it["generation"] == 2).await;
    std::fs::write(home.path("go"), "").unwrap();
    daemon
        .until("internal", wait, |it| {
            it["hook"]["state"] == "succeeded" && !it["deployed_at"].is_null()
        })
        .await;
    let deployed = daemon
        .until("internal", wait, |_| {
            let live = std::fs::canonicalize(home.live("internal")).unwrap();
            live.to_str().unwrap().ends_with('2')
        })
        .await;
    assert_eq!(deployed["serial"], renewed["serial"]);
    let last = daemon.until("internal", wait, |_| {
        let ran = std::fs::read_to_string(home.path("ran")).unwrap();
        ran.lines().last() == renewed["serial"].as_str()
    });
    last.await;
}
