//! The daemon issues through it.

use std::sync::Arc;

use lab::{
    daemon::built,
    dns::{DnsOptions, DnsServer},
    process::write_secret,
};

use super::Scene;
use crate::issuance::Issuance;

const NAME: &str = "_acme-challenge.example.test";

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_issues_and_renews_a_wildcard_and_its_apex_and_leaves_what_is_not_its_own() {
    let scene = Scene::start().await;
    let dns = DnsServer::start(DnsOptions::new(Vec::new()))
        .await
        .expect("a port");
    let dns = Arc::new(dns);
    scene.double.serve_at(dns.clone());
    scene.double.add_record(&scene.zone, "TXT", NAME, "somebody's");
    let before = scene.double.records(&scene.zone);

    let authorities = vec![dns.addr()];
    let issuance = Issuance::of("example.test", authorities.clone(), authorities, |home| {
        let token = home.path("token");
        write_secret(&token, &scene.token).expect("a file");
        format!(
            "  dns:\n    library: {}\n    options:\n      base-url: \"{}\"\n      api-token: {{ file: {} }}\n",
            built("libdns01_cloudflare.so").display(),
            scene.double.base_url(),
            token.display()
        )
    });
    let issuance = issuance.await;
    let log = issuance
        .run(async || scene.double.records(&scene.zone).len() == before.len())
        .await;

    assert_eq!(scene.double.records(&scene.zone), before);
    assert_eq!(scene.double.txt(NAME), ["somebody's"]);
    assert!(!log.contains(&scene.token), "the token is in the log");
    let asked = scene.asked();
    let written = |method: &str| asked.iter().filter(|line| line.starts_with(method)).count();
    assert_eq!(
        (written("POST ZONE/dns_records/batch"), written("DELETE")),
        (4, 0),
        "two values come with one request and go with another, twice: {asked:#?}"
    );
}
