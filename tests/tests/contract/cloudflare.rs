//! cloudflare at the double that serves Cloudflare's own SDK too, its zones shown by the lab's name server.

use std::sync::Arc;

use lab::{
    cloudflare::{Cloudflare, Rights},
    daemon::built,
    dns::{DnsOptions, DnsServer},
};

use crate::lab::{ROUNDS, Run, SUBZONE, ZONE, kit, write_private};

#[tokio::test(flavor = "multi_thread")]
async fn cloudflare_passes_every_check_that_applies_to_it() {
    let double = Cloudflare::start().await.unwrap();
    let dns = Arc::new(DnsServer::start(DnsOptions::new(Vec::new())).await.unwrap());
    double.serve_at(dns.clone());
    let zones = [ZONE, SUBZONE].map(|zone| double.add_zone(zone));
    let token = double.add_token(Rights {
        dns_edit: true,
        zone_read: true,
        ..Rights::default()
    });
    let before = dns.records();

    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options.yaml");
    let secret = directory.path().join("token");
    write_private(&secret, &token);
    write_private(
        &options,
        &format!(
            "api-token: {{ file: {} }}\nbase-url: {}\n",
            secret.display(),
            double.base_url()
        ),
    );
    let mut command = kit(&built("libdns01_cloudflare.so"));
    command
        .args(["--zone", ZONE, "--subzone", SUBZONE, "--rounds", ROUNDS])
        .args(["--visible-within", "2", "--server", &dns.addr().to_string()])
        .arg("--options")
        .arg(&options);
    let run = Run::of(&mut command);
    run.passed_but_for(&[]);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());

    // the double's own word, beside that of the name server that the kit asked
    for zone in zones {
        assert_eq!(double.records(&zone), []);
    }
    assert_eq!(dns.records().len(), before.len());
}
