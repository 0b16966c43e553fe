//! What an operator asks and orders from the command line, against a real daemon and CA.

use lab::daemon::Home;
use serde_json::Value;

use super::stage::Stage;

fn ask(home: &Home, arguments: &[&str]) -> String {
    let output = home.command(arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

fn ask_json(home: &Home, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&ask(home, &arguments)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_explained_and_foretold() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;

    let why = ask_json(&home, &["why", "internal"]);
    let first = why["sentences"][0].as_str().unwrap();
    assert!(first.contains("is valid until"), "{why:#}");
    assert_eq!(why["next"]["what"], "renew", "{why:#}");
    let renewal = why["next"]["at"].clone();
    let next = ask_json(&home, &["next"]);
    let planned = next["planned"].as_array().unwrap();
    let order = planned.iter().find(|one| one["what"] == "renew").unwrap();
    assert_eq!((&order["at"], &order["subject"]), (&renewal, &"internal".into()));
    let renewals = |plan: &Value| {
        let planned = plan["planned"].as_array().unwrap();
        planned.iter().filter(|one| one["what"] == "renew").count()
    };
    assert_eq!(renewals(&ask_json(&home, &["plan", "--at", "+1m"])), 0);
    assert!(renewals(&ask_json(&home, &["plan", "--at", "+400d"])) > 1);
    assert!(ask(&home, &["next"]).contains("renew internal"));

    let nobody = home.command(&["why", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert!(said.contains("there is no certificate `nobody`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_and_its_account_are_shown_and_the_account_changes_its_key() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;

    let cas = ask_json(&home, &["ca"]);
    let name = cas[0]["name"].as_str().unwrap().to_owned();
    assert!(cas[0]["unreachable"].is_null(), "{cas:#}");
    assert_eq!(cas[0]["offers"]["key_change"], true, "{cas:#}");
    assert!(ask(&home, &["ca", &name]).contains("directory"));

    let before = ask_json(&home, &["account", "show"]);
    assert_eq!(
        (&before["status"], &before["url"]),
        (&"valid".into(), &cas[0]["account"])
    );
    let after = ask_json(&home, &["account", "rollover"]);
    assert_eq!(after["url"], before["url"]);
    assert_ne!(after["thumbprint"], before["thumbprint"]);
    // the next order is signed by the new key
    ask(&home, &["renew", "internal", "--wait"]);
    assert_eq!(stage.ca.counts().accounts, 1);

    let unsure = home.command(&["account", "deactivate"]);
    assert_eq!(unsure.status.code(), Some(1), "it is asked first");
    let closed = ask_json(&home, &["account", "deactivate", "--yes"]);
    assert_eq!(closed["status"], "deactivated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_key_is_replaced_deployed_and_then_revoked() {
    let stage = Stage::new().await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let status = ask_json(&home, &["status", "internal"]);
    let old = status["certificates"][0]["serial"].as_str().unwrap().to_owned();

    let steps = ask(&home, &["compromise", "internal", "--json"]);
    let last: Value = serde_json::from_str(steps.lines().last().unwrap()).unwrap();
    let revoked = &last["done"]["revoked"];
    assert_eq!(
        (&revoked["serial"], &revoked["reason"], &revoked["replaced"]),
        (&old.clone().into(), &"key-compromise".into(), &true.into()),
        "{steps}"
    );
    assert_eq!(stage.ca.counts().certificates, 2);
    let of_old = stage
        .ca
        .certificates()
        .into_iter()
        .filter(|certificate| certificate.revoked == Some(1))
        .count();
    assert_eq!(of_old, 1, "the CA was told, and of one only");
    let status = ask_json(&home, &["status", "internal"]);
    assert_ne!(status["certificates"][0]["serial"], old.as_str());
    assert!(status["certificates"][0]["revoked"].is_null(), "{status:#}");
}
