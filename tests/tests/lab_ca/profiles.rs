//! Profiles (draft-ietf-acme-profiles).

use std::time::Duration;

use openssl::x509::X509;
use serde_json::json;

use crate::by_hand::{Bench, ZONE};

#[tokio::test(flavor = "multi_thread")]
async fn profile_of_the_directory_decides_the_lifetime_and_the_number_of_names() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let directory = bench.get(&bench.ca.directory_url()).await.json;
    let offered: Vec<&String> = directory["meta"]["profiles"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(offered, ["classic", "shortlived", "tlsserver"]);

    for (profile, hours) in [("classic", 90 * 24), ("tlsserver", 45 * 24), ("shortlived", 160)] {
        let wish = json!({ "profile": profile });
        let issued = bench.issue_with(&account, &[ZONE], &wish).await;
        assert_eq!(issued.profile.as_deref(), Some(profile));
        let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
        let life = leaf.not_before().diff(leaf.not_after()).unwrap();
        assert_eq!(life.days * 24 + life.secs / 3600, hours, "{profile}");
    }

    let wish = json!({ "profile": "tlsserver" });
    let order = bench.order_with(&account, &[ZONE], &wish).await;
    assert_eq!(order.json["profile"], "tlsserver");
    let names: Vec<String> = (0..26).map(|number| format!("n{number}.{ZONE}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let refused = bench.order_with(&account, &names, &wish).await;
    assert_eq!(refused.problem(), "malformed");
    assert_eq!(bench.order(&account, &names).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_that_is_not_in_the_directory_is_refused() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let unknown = bench
        .order_with(&account, &[ZONE], &json!({ "profile": "tlsclient" }))
        .await;
    assert_eq!((unknown.status, unknown.problem()), (400, "invalidProfile"));

    bench.ca.knobs().update(|knobs| knobs.profiles.clear());
    let gone = bench
        .order_with(&account, &[ZONE], &json!({ "profile": "classic" }))
        .await;
    assert_eq!(gone.problem(), "invalidProfile");
    let directory = bench.get(&bench.ca.directory_url()).await.json;
    assert!(directory["meta"].get("profiles").is_none());
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.lifetime = Duration::from_secs(120));
    let issued = bench.issue(&account, &[ZONE]).await;
    let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
    assert_eq!(leaf.not_before().diff(leaf.not_after()).unwrap().secs, 120);
}
