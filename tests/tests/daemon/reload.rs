use std::time::Duration;

use lab::dns::TsigKey;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_reads_secrets_again_and_tries_what_waited_for_a_person() {
    let stage = Stage::new().await;
    let mut wrong = stage.setup.clone();
    wrong.key = Some(TsigKey::generate("daemon-key").unwrap());
    let home = stage.home();
    home.configure(&wrong).unwrap();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("internal", Duration::from_secs(30), |it| it["state"] == "failing")
        .await;
    assert_eq!(failing["last_error"]["class"], "needs-operator", "{failing}");
    assert!(
        failing["last_error"]["text"].as_str().unwrap().contains("BADSIG"),
        "{failing}"
    );

    // the configuration is the same; the file that it names is not
    home.configure(&stage.setup).unwrap();
    let reload = home.command(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert_eq!(String::from_utf8(reload.stdout).unwrap(), "unchanged: 1\n");
    // far sooner than the ten minutes of its back-off
    daemon.until_deployed("internal").await;
    assert_eq!(stage.ca.counts().orders, 1, "the order was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_a_fault_changes_nothing_and_fails() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let good = std::fs::read_to_string(home.config()).unwrap();
    std::fs::write(
        home.config(),
        good.replace("agree-terms: true", "agree-terms: false"),
    )
    .unwrap();

    let reload = home.command(&["reload"]);
    assert!(!reload.status.success());
    let report = String::from_utf8(reload.stderr).unwrap();
    assert!(report.contains("agree-terms: false"), "{report}");
    let shown = String::from_utf8(home.command(&["status"]).stdout).unwrap();
    assert!(shown.contains("the last reload was refused"), "{shown}");
    assert!(shown.contains("where, and what else"), "{shown}");
    assert_eq!(daemon.certificate("internal").unwrap()["state"], "valid");
}
