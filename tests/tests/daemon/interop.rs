//! The same daemon against Pebble and BIND 9: a CA and a DNS server that we did not write.

use std::time::Duration;

use lab::{
    bind::{Bind, BindOptions},
    daemon::{CertificateSetup, Home, Setup},
    dns::TsigKey,
    nsupdate::updated,
    pebble::{DEBIAN, Pebble, PebbleOptions},
};

use super::stage::{ZONE, internal, verify_live};

struct Stage {
    pebble: Pebble,
    bind: Bind,
    setup: Setup,
}

impl Stage {
    async fn new(options: impl FnOnce(&mut PebbleOptions)) -> Self {
        let key = TsigKey::generate("dns01d-key").unwrap();
        // TXT at and below the zone's own _acme-challenge, and nothing else
        let bind = Bind::start(BindOptions::new(ZONE, key.clone())).await.unwrap();
        let mut pebble = PebbleOptions::new(bind.addr());
        options(&mut pebble);
        let pebble = Pebble::start(pebble).await.unwrap();
        let setup = Setup {
            directory_url: pebble.directory_url().to_owned(),
            ca_pem: std::fs::read_to_string(pebble.ca_file()).unwrap(),
            update_server: bind.addr(),
            key: Some(key),
            zone: ZONE.to_owned(),
            authorities: vec![bind.addr()],
            certificates: vec![internal()],
            more_cas: String::new(),
            ca_lines: vec![lab::daemon::NO_BREAKER.into()],
            extra: String::new(),
        };
        Stage { pebble, bind, setup }
    }

    fn home(&self) -> Home {
        Home::new(&self.setup).unwrap()
    }

    async fn until_clean(&self) {
        let owner = format!("_acme-challenge.{ZONE}");
        for _ in 0..200 {
            if self.bind.txt(&owner).await.unwrap_or_default().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("TXT records are left: {:?}", self.bind.txt(&owner).await);
    }

    /// By Pebble's own log.
    fn certificates(&self) -> usize {
        self.pebble.log().matches("Issued certificate serial").count()
    }
}

async fn issue_and_renew(stage: &Stage) {
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let first = daemon
        .until("internal", Duration::from_secs(90), |it| {
            !it["deployed_at"].is_null()
        })
        .await;
    verify_live(&home, "internal", stage.pebble.root_pem());
    stage.until_clean().await;
    let output = home.command(&["renew", "internal", "--wait"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", daemon.program.log());
    let second = daemon.until_deployed("internal").await;
    assert_ne!(first["serial"], second["serial"]);
    assert_eq!(stage.certificates(), 2, "{}", stage.pebble.log());
    verify_live(&home, "internal", stage.pebble.root_pem());
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pebble_and_bind_give_and_renew_a_wildcard() {
    issue_and_renew(&Stage::new(|_| {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn debians_pebble_and_bind_give_and_renew_a_wildcard() {
    issue_and_renew(&Stage::new(|options| options.program = DEBIAN.into()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pebble_that_rejects_a_third_of_the_nonces_changes_nothing() {
    issue_and_renew(&Stage::new(|options| options.nonce_reject = 30).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pebble_that_reuses_every_authorization_changes_nothing() {
    issue_and_renew(&Stage::new(|options| options.authz_reuse = 100).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_policy_that_does_not_cover_a_name_is_named_with_its_cure() {
    let mut stage = Stage::new(|_| {}).await;
    stage.setup.certificates = vec![CertificateSetup::new(
        "outside",
        &["outside.internal.example.test"],
    )];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("outside", Duration::from_secs(60), |it| it["state"] == "failing")
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert_eq!(failing["last_error"]["class"], "needs-operator", "{text}");
    assert!(
        text.contains("update-policy") && text.contains("_acme-challenge.outside"),
        "{text}"
    );
    assert_eq!(stage.certificates(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_others_at_the_same_name_stay() {
    let stage = Stage::new(|_| {}).await;
    let owner = format!("_acme-challenge.{ZONE}");
    let line = format!("update add {owner} 60 TXT \"somebody else's\"");
    let key = stage.bind.key_file();
    let arguments = ["-k".as_ref(), key.as_os_str()];
    updated(stage.bind.addr(), &[(ZONE, &line)], &arguments).unwrap();
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    for _ in 0..100 {
        if stage.bind.txt(&owner).await.unwrap().len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stage.bind.txt(&owner).await.unwrap(), ["somebody else's"]);
}
