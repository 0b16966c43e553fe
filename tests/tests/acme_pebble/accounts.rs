use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dns01d::{
    acme::{Account, AccountKey, AccountStatus, Algorithm, ExternalAccount, Fault, MacAlgorithm, Retry},
    secret::Secret,
};
use lab::process::free_port;

use super::stage::{Stage, issue, names, register, register_with};

#[tokio::test]
async fn one_key_has_one_account_however_often_it_asks() {
    let stage = Stage::start(|_| ()).await;
    let client = stage.client();
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    assert_eq!(client.find_account(&key).await.expect("an answer"), None);
    let url = client.new_account(&key, None).await.expect("an account");
    assert_eq!(client.new_account(&key, None).await.expect("the account"), url);
    assert_eq!(client.find_account(&key).await.expect("an answer"), Some(url));
}

#[tokio::test]
async fn an_account_that_the_ca_forgot_is_known_as_gone() {
    let stage = Stage::start(|_| ()).await;
    let known = register(&stage.client()).await;
    let forgotten = format!("{}0", known.url()).parse().expect("an address");
    let key = Arc::new(AccountKey::generate(Algorithm::Es256).expect("a key"));
    let account = Account::open(stage.client(), key, forgotten);
    let error = account
        .new_order(names("example.test").as_slice())
        .await
        .expect_err("no such account");
    assert!(error.is_account_gone(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_every_algorithm_gets_a_certificate() {
    let stage = Stage::start(|_| ()).await;
    let client = stage.client();
    for algorithm in Algorithm::ALL {
        let key = AccountKey::generate(algorithm).unwrap();
        issue(
            &register_with(&client, key).await,
            &format!("{algorithm}.example.test"),
        )
        .await;
    }
}

#[tokio::test]
async fn rfc8555_7_3_4_a_binding_of_every_mac_makes_an_account_and_a_wrong_one_does_not() {
    let mac_key = URL_SAFE_NO_PAD.encode([7; 64]);
    let stage = Stage::start(|options| {
        options.external_accounts = [("kid-1".to_owned(), mac_key.clone())].into();
    })
    .await;
    let client = stage.client();
    assert!(client.directory().await.unwrap().meta.external_account_required);
    for algorithm in MacAlgorithm::ALL {
        let external = ExternalAccount {
            kid: "kid-1".into(),
            hmac_key: Secret::new(mac_key.clone()),
            algorithm,
        };
        let key = AccountKey::generate(Algorithm::Es256).unwrap();
        let url = client.new_account(&key, Some(&external)).await.unwrap();
        assert_eq!(client.find_account(&key).await.unwrap(), Some(url));
    }

    let wrong = ExternalAccount {
        kid: "kid-1".into(),
        hmac_key: Secret::new(URL_SAFE_NO_PAD.encode([8; 64])),
        algorithm: MacAlgorithm::Hs256,
    };
    let key = AccountKey::generate(Algorithm::Es256).unwrap();
    let error = client.new_account(&key, Some(&wrong)).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never, "{error}");
    let error = client.new_account(&key, None).await.unwrap_err();
    assert!(matches!(error.fault, Fault::BindingRequired), "{error}");
}

#[tokio::test]
async fn rfc8555_7_3_2_and_6_an_account_is_seen_changed_and_closed() {
    let stage = Stage::start(|_| ()).await;
    let account = register(&stage.client()).await;
    let view = account.look().await.unwrap();
    assert_eq!(view.status, AccountStatus::Valid);
    assert_eq!(view.contacts, ["mailto:hostmaster@example.org"]);
    let contacts = [
        "mailto:a@example.org".to_owned(),
        "mailto:b@example.org".to_owned(),
    ];
    account.update(&contacts, true).await.unwrap();
    assert_eq!(account.look().await.unwrap().contacts, contacts);
    assert_eq!(
        account.deactivate().await.unwrap().status,
        AccountStatus::Deactivated
    );
    let names = names("closed.example.test");
    let error = account.new_order(names.as_slice()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_3_5_an_account_goes_on_with_its_new_key_and_the_old_one_is_nobodys() {
    let stage = Stage::start(|_| ()).await;
    let client = stage.client();
    let old = AccountKey::generate(Algorithm::Es256).unwrap();
    let account = register_with(&client, old.clone()).await;
    let new = AccountKey::generate(Algorithm::Es384).unwrap();
    let changed = account.change_key(&new).await.unwrap();
    assert_eq!(changed.url(), account.url());
    assert_eq!(
        client.find_account(&new).await.unwrap().as_ref(),
        Some(account.url())
    );
    issue(&changed, "rolled.example.test").await;
    account
        .look()
        .await
        .expect_err("signed by a key that is nobody's");
    let rsa = AccountKey::generate(Algorithm::Rs256).unwrap();
    issue(&changed.change_key(&rsa).await.unwrap(), "twice.example.test").await;
    assert_eq!(client.find_account(&old).await.unwrap(), None);
}

/// The first file below `directory` whose name fits.
fn find(directory: &Path, fits: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => find(&path, fits),
            false => entry.file_name().to_str().is_some_and(fits).then_some(path),
        }
    })
}

async fn run(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap();
    let output = output.expect("./dev setup installs it");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
}

async fn imported(stage: &Stage, file: &Path, algorithm: Algorithm) {
    let key = Secret::new(std::fs::read_to_string(file).unwrap());
    let key = AccountKey::import(&key).unwrap();
    assert_eq!(key.algorithm(), Some(algorithm));
    let client = stage.client();
    let url = client.find_account(&key).await.unwrap().expect("its account");
    issue(
        &Account::open(client, Arc::new(key), url),
        "imported.example.test",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_certbot_made_is_taken_over_by_its_key() {
    let stage = Stage::start(|_| ()).await;
    let directory = tempfile::tempdir().unwrap();
    let mut certbot = Command::new("certbot");
    certbot
        .args([
            "register",
            "--non-interactive",
            "--agree-tos",
            "--register-unsafely-without-email",
        ])
        .args(["--server", stage.pebble.directory_url()])
        .env("REQUESTS_CA_BUNDLE", stage.pebble.ca_file());
    for kind in ["config", "work", "logs"] {
        certbot
            .arg(format!("--{kind}-dir"))
            .arg(directory.path().join(kind));
    }
    run(certbot).await;
    let file = find(directory.path(), &|name| name == "private_key.json").expect("certbot's key");
    imported(&stage, &file, Algorithm::Rs256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_lego_made_is_taken_over_by_its_key() {
    let stage = Stage::start(|_| ()).await;
    let directory = tempfile::tempdir().unwrap();
    let mut lego = Command::new("lego");
    lego.args([
        "--accept-tos",
        "--email",
        "lego@example.org",
        "--domains",
        "lego.example.test",
    ])
    .args([
        "--http",
        "--http.port",
        &format!("127.0.0.1:{}", free_port().unwrap()),
    ])
    .args(["--server", stage.pebble.directory_url(), "--path"])
    .arg(directory.path())
    .arg("run")
    .env("LEGO_CA_CERTIFICATES", stage.pebble.ca_file());
    run(lego).await;
    let keys = directory.path().join("accounts");
    let file = find(&keys, &|name| name.ends_with(".key")).expect("lego's key");
    imported(&stage, &file, Algorithm::Es256).await;
}
