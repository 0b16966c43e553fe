//! The bridge to lego: its client of dynamic updates at BIND, its HTTP protocol at the portal that serves `httpreq`
//! too. `./dev test` leaves these out where Go is missing.

use std::process::Command;

use lab::{
    daemon::{LEGO_BRIDGE, built},
    portal::{Portal, PortalOptions},
};

use crate::lab::{Lab, Run, SUBZONE, ZONE, kit, write_private};

/// Go's collector, and the C library for each of its threads, take memory for some hundred rounds; what grows after
/// that is a leak.
const ROUNDS: &str = "1000";

/// What lego's providers have in common: no `check`, values of dns-01 alone, options of which lego does not say which
/// are required, no handles, and one call at a time.
const NOT_OF_LEGO: [&str; 5] = [
    "dry-run",
    "long-value",
    "missing-option",
    "new-process",
    "overlap",
];
/// Its client of dynamic updates replaces the values of a name.
const ONE_VALUE: [&str; 2] = ["foreign-values", "two-values"];
const PASSWORD: &str = "correct-horse-battery";

fn passes(command: &mut Command, not_applicable: &[&str]) {
    let run = Run::of(command);
    let mut not_applicable = [&NOT_OF_LEGO, not_applicable].concat();
    not_applicable.sort_unstable();
    run.passed_but_for(&not_applicable);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc2136_of_lego_passes_every_check_that_applies_to_it() {
    let lab = Lab::new().await;
    let options = lab.options_of(&format!(
        "RFC2136_NAMESERVER: \"{}\"\nRFC2136_TSIG_KEY: {}\nRFC2136_TSIG_ALGORITHM: {}\nRFC2136_TSIG_SECRET: {{ file: {} }}\n",
        lab.bind.addr(),
        lab.key.name(),
        lab.key.algorithm(),
        lab.secret().display()
    ));
    let mut command = lab.kit_of_rounds(&built(LEGO_BRIDGE), &options, ROUNDS);
    command.args(["--provider", "lego:rfc2136", "--subzone", SUBZONE]);
    passes(&mut command, &ONE_VALUE);
}

#[tokio::test(flavor = "multi_thread")]
async fn httpreq_of_lego_passes_every_check_that_applies_to_it() {
    let portal = Portal::start(PortalOptions {
        zones: vec![ZONE.to_owned(), SUBZONE.to_owned()],
        credentials: Some(("operator".to_owned(), PASSWORD.to_owned())),
        ..PortalOptions::new(ZONE)
    })
    .await
    .unwrap();
    let before = portal.dns().records();
    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options.yaml");
    let secret = directory.path().join("password");
    write_private(&secret, PASSWORD);
    write_private(
        &options,
        &format!(
            "HTTPREQ_ENDPOINT: {}\nHTTPREQ_USERNAME: operator\nHTTPREQ_PASSWORD: {{ file: {} }}\n",
            portal.url(),
            secret.display()
        ),
    );
    let mut command = kit(&built(LEGO_BRIDGE));
    command
        .args(["--provider", "lego:httpreq"])
        .args(["--zone", ZONE, "--subzone", SUBZONE, "--rounds", ROUNDS])
        .args([
            "--visible-within",
            "2",
            "--server",
            &portal.dns().addr().to_string(),
        ])
        .arg("--options")
        .arg(&options);
    passes(&mut command, &[]);
    assert_eq!(portal.dns().records(), before);
}
