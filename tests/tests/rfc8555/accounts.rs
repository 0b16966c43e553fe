//! Section 7.3.

use std::time::Duration;

use lab::{
    ca::{CaKnobs, ExternalAccount},
    process::write_secret,
};

use super::stage::Stage;

const HMAC_KEY: &str = "bWFjLWtleS1vZi1hdC1sZWFzdC0zMi1vY3RldHMtbG9uZw";

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_3_4_a_new_account_is_bound_to_the_one_that_the_ca_knows() {
    let mut stage = Stage::with(CaKnobs {
        external_account_required: true,
        external_accounts: vec![ExternalAccount {
            kid: "kid-7".into(),
            hmac_key: HMAC_KEY.into(),
        }],
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    write_secret(&home.path("hmac.key"), HMAC_KEY).unwrap();
    stage.setup.ca_lines.push(format!(
        "external-account: {{ kid: kid-7, hmac-key: {{ file: {} }}, algorithm: hs384 }}",
        home.path("hmac.key").display()
    ));
    home.configure(&stage.setup).unwrap();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    assert!(stage.ca.bound_account("kid-7").is_some());
    assert!(!daemon.program.log().contains(HMAC_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_3_4_a_ca_that_wants_a_binding_is_not_asked_again_and_again() {
    let stage = Stage::with(CaKnobs {
        external_account_required: true,
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            certificate["state"] == "failing"
        })
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(text.contains("external-account"), "it says what to write: {text}");
    assert_eq!(failing["last_error"]["class"], "needs-operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_3_an_account_that_the_ca_has_forgotten_is_not_made_anew() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let account = stage.ca.certificates()[0].account.clone();
    let url = stage.ca.directory_url().replace("/directory", &account);
    stage.ca.forget_account(&url).unwrap();
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(!renewed.status.success());
    let failing = daemon.certificate("internal").unwrap();
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(
        text.contains("does not know the account") && text.contains("register"),
        "{text}"
    );
    assert_eq!(failing["last_error"]["class"], "needs-operator");
    assert_eq!(stage.ca.counts().accounts, 0, "no other was made");
    drop(daemon);
    let daemon = home.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.ca.counts().accounts, 0, "nor by a restart");
    assert!(daemon.certificate("internal").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_6_2_accounts_sign_with_the_key_that_is_configured() {
    for kind in ["es384", "rs256"] {
        let mut stage = Stage::new().await;
        stage.setup.ca_lines.push(format!("account-key: {kind}"));
        let home = stage.home();
        let daemon = home.start().await.unwrap();
        daemon.until_deployed("internal").await;
        let pem = std::fs::read(home.state().join("accounts/lab.pem")).unwrap();
        let key = openssl::pkey::PKey::private_key_from_pem(&pem).unwrap();
        assert_eq!(key.bits(), if kind == "es384" { 384 } else { 2048 });
    }
}
