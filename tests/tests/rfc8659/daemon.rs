//! The daemon before an order.

use std::time::Duration;

use lab::{
    bind::Bind,
    ca::{AcmeCa, CaKnobs, CaOptions, Endpoint},
    daemon::{CertificateSetup, Home, NO_BREAKER, Setup},
    dns::TsigKey,
};
use serde_json::Value;

use super::{
    signatures::signed,
    stage::{ZONE, bind, nsupdate},
};

async fn ca(bind: &Bind, identity: &str) -> AcmeCa {
    let knobs = CaKnobs {
        issuer_domain_names: vec![identity.to_owned()],
        ..CaKnobs::default()
    };
    AcmeCa::start(CaOptions {
        knobs,
        ..CaOptions::new(vec![bind.addr()])
    })
    .await
    .unwrap()
}

fn setup(ca: &AcmeCa, bind: &Bind, key: TsigKey, zone: &str) -> Setup {
    let names = [format!("*.{zone}"), zone.to_owned()];
    Setup {
        directory_url: ca.directory_url(),
        ca_pem: ca.https_root_pem().to_owned(),
        update_server: bind.addr(),
        key: Some(key),
        zone: zone.to_owned(),
        authorities: vec![bind.addr()],
        certificates: vec![CertificateSetup::new("site", &[&names[0], &names[1]])],
        more_cas: String::new(),
        ca_lines: vec![NO_BREAKER.into()],
        extra: String::new(),
    }
}

fn orders(ca: &AcmeCa) -> u64 {
    ca.requests_by_endpoint()
        .get(&Endpoint::NewOrder)
        .copied()
        .unwrap_or(0)
}

fn has_failed(certificate: &Value) -> bool {
    !certificate["last_error"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ordered_that_caa_forbids_and_a_correction_counts_at_once() {
    let (bind, key) = bind("@ IN CAA 0 issue \"other.test\"\n", Vec::new()).await;
    let ca = ca(&bind, "lab.test").await;
    let home = Home::new(&setup(&ca, &bind, key, ZONE)).unwrap();
    let daemon = home.start().await.unwrap();
    let seen = daemon.until("site", Duration::from_secs(20), has_failed).await;
    assert_eq!(orders(&ca), 0, "the CA was not asked");
    assert_eq!(seen["last_error"]["class"], "needs-operator", "{seen:#}");
    let text = seen["last_error"]["text"].as_str().unwrap();
    let record = "add `example.test. IN CAA 0 issue \"lab.test; accounturi=https://127.0.0.1:";
    assert!(text.contains(record), "{text}");
    let why = home.command(&["why", "site"]);
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    assert!(why.contains("IN CAA"), "{why}");

    nsupdate(
        &bind,
        ZONE,
        "update add example.test. 60 IN CAA 0 issue \"lab.test\"",
    );
    let renewed = home.command(&["renew", "site", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    assert_eq!((orders(&ca), ca.counts().certificates), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_knows_better_orders_all_the_same_and_is_warned() {
    let (bind, key) = bind("@ IN CAA 0 issue \"other.test\"\n", Vec::new()).await;
    // the lab's CA looks at no CAA record: it is one that sees another zone
    let ca = ca(&bind, "lab.test").await;
    let mut setup = setup(&ca, &bind, key, ZONE);
    setup.ca_lines.push("preflight: warn".into());
    let home = Home::new(&setup).unwrap();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("site").await;
    let log = daemon.program.log();
    assert!(log.contains("names no lab.test"), "{log}");
    let looked = home.command(&["check", "--online"]);
    let looked = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(
        looked.contains("something should be looked at") && looked.contains("IN CAA"),
        "{looked}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_caa_forbids_is_passed_over_for_one_that_it_allows() {
    let (bind, key) = bind("@ IN CAA 0 issue \"second.test\"\n", Vec::new()).await;
    let (first, second) = (ca(&bind, "first.test").await, ca(&bind, "second.test").await);
    let mut setup = setup(&first, &bind, key, ZONE);
    let home = Home::new(&setup).unwrap();
    std::fs::write(home.path("second.pem"), second.https_root_pem()).unwrap();
    setup.more_cas = format!(
        "  second:\n    directory: \"{}\"\n    agree-terms: true\n    ca-file: {}\n",
        second.directory_url(),
        home.path("second.pem").display()
    );
    setup.certificates[0].lines = vec!["ca: [lab, second]".into()];
    home.configure(&setup).unwrap();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("site").await;
    assert_eq!((orders(&first), orders(&second)), (0, 1));
    let log = daemon.program.log();
    assert!(log.contains("names no first.test"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ordered_in_a_zone_whose_signatures_do_not_hold() {
    let (bind, unbound) = signed(true).await;
    let ca = ca(&bind, "lab.test").await;
    let key = TsigKey::generate("no-key").unwrap();
    let home = Home::new(&setup(&ca, &bind, key, &format!("expired.{ZONE}"))).unwrap();
    let text = std::fs::read_to_string(home.config()).unwrap();
    let resolver = format!("resolvers: [\"{}\"]", bind.addr());
    assert!(text.contains(&resolver), "{text}");
    let text = text.replace(&resolver, &format!("resolvers: [\"{}\"]", unbound.addr()));
    std::fs::write(home.config(), text).unwrap();
    let daemon = home.start().await.unwrap();
    let seen = daemon.until("site", Duration::from_secs(20), has_failed).await;
    assert_eq!(orders(&ca), 0, "the CA was not asked");
    let text = seen["last_error"].to_string();
    assert!(text.contains("bogus"), "{text}");
}
