use std::time::Duration;

use lab::{ca::CaKnobs, daemon::CertificateSetup, process::Program};
use rustix::process::Signal;

use super::stage::{Stage, internal};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_is_told_who_holds_the_state() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let second = home.command(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    let said =
        String::from_utf8_lossy(&second.stderr).into_owned() + &String::from_utf8_lossy(&second.stdout);
    assert!(
        said.contains(&format!("process number {}", daemon.program.id())),
        "{said}"
    );
    daemon.until_deployed("internal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_well_warns_of_nothing() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    stage.until_clean().await;
    let log = daemon.program.log();
    let loud: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .collect();
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_the_next_start_asks_the_ca_for_nothing() {
    let stage = Stage::new().await;
    let home = stage.home();
    let mut daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    daemon.signal(Signal::TERM);
    until_gone(&mut daemon.program).await;
    assert!(
        daemon.program.log().contains("dns01d has stopped"),
        "{}",
        daemon.program.log()
    );
    assert!(!home.socket().exists(), "the socket goes with the daemon");
    let requests = stage.ca.requests().len();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.ca.requests().len(), requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_the_middle_is_resumed_by_the_next_start() {
    let stage = Stage::with(CaKnobs {
        validation_delay: Duration::from_secs(30),
        ..CaKnobs::default()
    })
    .await;
    let mut setup = stage.setup.clone();
    setup.extra = "shutdown: { drain: 1s }\n".into();
    let home = stage.home();
    home.configure(&setup).unwrap();
    let mut daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(20), |_| {
            daemon.program.log().contains("told to look")
        })
        .await;
    let asked = std::time::Duration::from_secs(8);
    daemon.signal(Signal::TERM);
    tokio::time::timeout(asked, until_gone(&mut daemon.program))
        .await
        .expect("it ends within its drain time");
    stage
        .ca
        .knobs()
        .update(|knobs| knobs.validation_delay = Duration::ZERO);
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(60), |it| {
            !it["deployed_at"].is_null()
        })
        .await;
    let counts = stage.ca.counts();
    assert_eq!((counts.orders, counts.certificates), (1, 1));
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_new_certificates_and_keeps_the_old_configuration_when_the_new_is_wrong() {
    let mut stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;

    std::fs::write(home.config(), "certificates: { oops: 3 }\n").unwrap();
    daemon.signal(Signal::HUP);
    for _ in 0..100 {
        if daemon
            .status()
            .is_some_and(|status| !status["config_error"].is_null())
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = daemon.status().unwrap();
    assert!(!status["config_error"].is_null(), "{status:#}");
    assert_eq!(
        status["certificates"].as_array().unwrap().len(),
        1,
        "the old configuration stays"
    );

    stage.setup.certificates = vec![
        internal(),
        CertificateSetup::new("new", &["new.internal.example.test"]),
    ];
    home.configure(&stage.setup).unwrap();
    daemon.signal(Signal::HUP);
    daemon.until_deployed("new").await;
    assert!(daemon.status().unwrap()["config_error"].is_null());
    assert_eq!(
        stage.ca.counts().certificates,
        2,
        "the unchanged one was not issued again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_wrong_where_and_ends_with_78() {
    let stage = Stage::new().await;
    let home = stage.home();
    let good = home.command(&["check"]);
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(
        good.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&good.stderr)
    );
    assert!(said.contains("*.internal.example.test"), "{said}");

    let text = std::fs::read_to_string(home.config()).unwrap();
    let text = text
        .replace("agree-terms: true", "agree-terms: maybe")
        .replace("names:", "nmaes:")
        .replace("tsig-key", "tsig-kye");
    std::fs::write(home.config(), text).unwrap();
    let bad = home.command(&["check"]);
    assert_eq!(bad.status.code(), Some(78));
    let said = String::from_utf8_lossy(&bad.stdout).into_owned() + &String::from_utf8_lossy(&bad.stderr);
    for expected in ["agree-terms", "nmaes", "tsig-kye", "dns01d.yaml:"] {
        assert!(said.contains(expected), "no {expected} in:\n{said}");
    }
    let run = home.command(&["run"]);
    assert_eq!(run.status.code(), Some(78));
    assert_eq!(
        stage.ca.requests().len(),
        0,
        "nothing is spent on a wrong configuration"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_daemon_say_so() {
    let stage = Stage::new().await;
    let home = stage.home();
    let output = home.command(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("control.sock") && said.contains("running"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn renew_without_wait_returns_at_once_and_unknown_names_are_refused() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let first = daemon.until_deployed("internal").await;
    assert!(home.command(&["renew", "internal"]).status.success());
    daemon
        .until("internal", Duration::from_secs(30), |it| {
            it["serial"] != first["serial"] && !it["deployed_at"].is_null()
        })
        .await;
    let unknown = home.command(&["renew", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("nobody"));
}

async fn until_gone(program: &mut Program) {
    while program.is_running() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
