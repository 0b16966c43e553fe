//! httpreq at the portal that serves lego too, its zones shown by the name server that it writes to.

use lab::{
    daemon::built,
    portal::{Portal, PortalOptions},
};

use crate::lab::{ROUNDS, Run, SUBZONE, ZONE, kit, write_private};

/// It gives no handles that a new process could be given.
const NO_HANDLES: &str = "new-process";
/// The portal takes one request after the other.
const ONE_AT_A_TIME: &str = "overlap";
/// The protocol is of dns-01, whose values are short.
const NEEDS_LONG_VALUES: &str = "long-value";
const PASSWORD: &str = "correct-horse-battery";

#[tokio::test(flavor = "multi_thread")]
async fn httpreq_passes_every_check_that_applies_to_it() {
    passes(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn httpreq_passes_in_raw_mode_too() {
    passes(true).await;
}

async fn passes(is_raw: bool) {
    let portal = Portal::start(PortalOptions {
        zones: vec![ZONE.to_owned(), SUBZONE.to_owned()],
        is_raw,
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
            "endpoint: {}\nmode: {}\nusername: operator\npassword: {{ file: {} }}\n",
            portal.url(),
            if is_raw { "raw" } else { "default" },
            secret.display()
        ),
    );
    let mut command = kit(&built("libdns01_httpreq.so"));
    command
        .args(["--zone", ZONE, "--subzone", SUBZONE, "--rounds", ROUNDS])
        .args([
            "--visible-within",
            "2",
            "--server",
            &portal.dns().addr().to_string(),
        ])
        .arg("--options")
        .arg(&options);
    let run = Run::of(&mut command);
    run.passed_but_for(&[NEEDS_LONG_VALUES, NO_HANDLES, ONE_AT_A_TIME]);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());

    // the portal's own word, beside that of the name server that the kit asked
    assert_eq!(portal.dns().records(), before);
    let faults = portal
        .seen()
        .into_iter()
        .filter(|seen| seen.status == 400 || seen.status == 415);
    assert_eq!(faults.collect::<Vec<_>>(), []);
}
