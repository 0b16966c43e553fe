//! route53 at moto with the rules of the real Route 53, its zones shown by the lab's name server.

use std::sync::Arc;

use lab::{
    daemon::built,
    dns::{DnsOptions, DnsServer},
    moto::{Front, Moto},
};

use crate::lab::{ROUNDS, Run, SUBZONE, ZONE, kit, write_private};

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "s3cr3t/of+the/access+key";

/// Credentials have many sources, so that no option is required by itself.
const NOTHING_REQUIRED: &str = "missing-option";

#[tokio::test(flavor = "multi_thread")]
async fn route53_passes_every_check_that_applies_to_it() {
    let moto = Moto::shared().await.unwrap();
    let front = Front::start(moto.clone()).await;
    let dns = Arc::new(DnsServer::start(DnsOptions::new(Vec::new())).await.unwrap());
    front.demand(KEY, SECRET);
    front.serve_at(dns.clone()).await;
    let (zone, subzone) = (moto.zone(ZONE).await, moto.zone(SUBZONE).await);
    let delegation = format!("ns1.{SUBZONE}.");
    moto.put(&zone, SUBZONE, "NS", &[&delegation]).await;
    for id in [&zone, &subzone] {
        front.show(id).await;
    }
    let before = dns.records();

    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options.yaml");
    let secret = directory.path().join("secret");
    write_private(&secret, SECRET);
    write_private(
        &options,
        &format!(
            "access-key-id: {KEY}\nsecret-access-key: {{ file: {} }}\nendpoint: {}\n",
            secret.display(),
            front.url()
        ),
    );
    let mut command = kit(&built("libdns01_route53.so"));
    command
        .args(["--zone", ZONE, "--subzone", SUBZONE, "--rounds", ROUNDS])
        .args(["--visible-within", "2", "--server", &dns.addr().to_string()])
        .arg("--options")
        .arg(&options);
    let run = Run::of(&mut command);
    run.passed_but_for(&[NOTHING_REQUIRED]);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());

    // what stands at moto itself
    for id in [&zone, &subzone] {
        front.show(id).await;
    }
    assert_eq!(dns.records(), before);
}
