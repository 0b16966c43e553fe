//! rfc2136 on Knot DNS and PowerDNS, whose answers to updates are not those of BIND.

use std::net::SocketAddr;

use lab::{
    daemon::built,
    dns::{TsigKey, ask_txt},
    knot::Knot,
    powerdns::PowerDns,
    primary::{Open, PrimaryOptions, PrimaryZone},
};

use crate::lab::{ROUNDS, Run, SUBZONE, ZONE, kit, write_private};

/// It gives no handles that a new process could be given.
const NO_HANDLES: &str = "new-process";

/// Both zones, all of them open to the key.
fn options(key: &TsigKey) -> PrimaryOptions {
    let zone = |name: &str, records: &str| PrimaryZone {
        records: records.to_owned(),
        open: Open::Everywhere,
        ..PrimaryZone::new(name)
    };
    PrimaryOptions {
        zones: vec![
            zone(ZONE, "sub IN NS ns1.sub\nns1.sub IN A 127.0.0.1"),
            zone(SUBZONE, ""),
        ],
        keys: vec![key.clone()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc2136_passes_every_check_on_knot() {
    let key = TsigKey::generate("dns01d").unwrap();
    let server = Knot::start(&options(&key)).await.expect("Knot DNS");
    passes(server.addr(), &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc2136_passes_every_check_on_powerdns() {
    let key = TsigKey::generate("dns01d").unwrap();
    let server = PowerDns::start(&options(&key)).await.expect("PowerDNS");
    passes(server.addr(), &key).await;
}

async fn passes(server: SocketAddr, key: &TsigKey) {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("tsig.secret");
    write_private(&secret, key.secret_base64());
    let options = directory.path().join("options.yaml");
    write_private(
        &options,
        &format!(
            "server: {server}\ntsig-key: {}\ntsig-secret: {{ file: {} }}\n",
            key.name(),
            secret.display()
        ),
    );
    let mut command = kit(&built("libdns01_rfc2136.so"));
    command
        .args(["--zone", ZONE, "--subzone", SUBZONE, "--rounds", ROUNDS])
        .args(["--visible-within", "2", "--server", &server.to_string()])
        .arg("--options")
        .arg(&options);
    let run = Run::of(&mut command);
    run.passed_but_for(&[NO_HANDLES]);
    assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
    assert!(run.report["left"].as_array().unwrap().is_empty());
    let apex = format!("_acme-challenge.{ZONE}");
    assert_eq!(ask_txt(server, &apex).await.unwrap(), Vec::<String>::new());
}
