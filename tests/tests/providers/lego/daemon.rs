//! The daemon's part: it hands over what lego needs, and proves a wildcard and its apex one after the other where
//! lego holds one value at a name.

use lab::ca::{AcmeCa, CaOptions};
use lab::daemon::{CertificateSetup, Home, LEGO_BRIDGE, Setup, built};
use lab::dns::{DnsOptions, DnsServer, TsigKey, Zone};

const ZONE: &str = "internal.example.test";

#[tokio::test]
async fn a_wildcard_and_its_apex_are_issued_where_one_value_stands_at_a_time() {
    let key = TsigKey::generate("daemon-key").unwrap();
    let dns = DnsServer::start(DnsOptions {
        keys: vec![key.clone()],
        ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
    })
    .await
    .unwrap();
    let ca = AcmeCa::start(CaOptions::new(vec![dns.addr()])).await.unwrap();
    let home = Home::new(&Setup {
        directory_url: ca.directory_url(),
        ca_pem: ca.https_root_pem().to_owned(),
        update_server: dns.addr(),
        key: Some(key.clone()),
        zone: ZONE.to_owned(),
        authorities: vec![dns.addr()],
        certificates: vec![CertificateSetup::new("internal", &[&format!("*.{ZONE}"), ZONE])],
        more_cas: String::new(),
        ca_lines: vec![lab::daemon::NO_BREAKER.into()],
        extra: String::new(),
    })
    .unwrap();
    home.replace_providers(&format!(
        "  dns:\n    library: {}\n    provider: \"lego:rfc2136\"\n    options:\n      \
         RFC2136_NAMESERVER: \"{}\"\n      RFC2136_ZONES: {ZONE}\n      RFC2136_TSIG_KEY: {}\n      \
         RFC2136_TSIG_ALGORITHM: {}\n      RFC2136_TSIG_SECRET: {{ file: {} }}\n",
        built(LEGO_BRIDGE).display(),
        dns.addr(),
        key.name(),
        key.algorithm(),
        home.path("tsig.secret").display(),
    ))
    .unwrap();

    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    for _ in 0..200 {
        if dns.records().iter().all(|record| record.record_type != "TXT") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let left: Vec<_> = dns
        .records()
        .into_iter()
        .filter(|record| record.record_type == "TXT")
        .collect();
    assert!(left.is_empty(), "{left:?}\n{}", daemon.program.log());
    let log = daemon.program.log();
    assert!(!log.contains(key.secret_base64()), "{log}");
}
