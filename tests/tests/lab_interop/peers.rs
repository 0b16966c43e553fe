//! Clients on the crates acme2 and instant-acme, in `tests/peers`.

use std::path::PathBuf;
use std::process::Command;

use lab::process;

use crate::{EAB_KEY, EAB_KID, Lab, WILDCARD, ZONE, run, told};

/// The client with its errand, and where it leaves leaf and intermediates.
fn peer(lab: &Lab, name: &str) -> (Command, PathBuf, PathBuf) {
    let program = process::tool(&format!("peers/{name}"))
        .unwrap_or_else(|| panic!("the client on {name} is missing; `./dev test` builds it"));
    let mut peer = Command::new(program);
    peer.arg(lab.ca.directory_url())
        .arg(lab.path("https-root.pem"))
        .arg(lab.dns.addr().to_string())
        .arg(lab.path("tsig.key"))
        .arg(ZONE)
        .arg(lab.dir.path())
        .args([WILDCARD, ZONE]);
    (peer, lab.path("leaf.pem"), lab.path("intermediates.pem"))
}

#[tokio::test(flavor = "multi_thread")]
async fn acme2_gets_a_wildcard_certificate() {
    let lab = Lab::start().await;
    let (peer, leaf, intermediates) = peer(&lab, "acme2");
    let report = run(peer).await;
    lab.assert_one_certificate(&leaf, &intermediates, &report);
}

#[tokio::test(flavor = "multi_thread")]
async fn instant_acme_binds_its_account_and_replaces_its_certificate() {
    let lab = Lab::start().await;
    lab.bind_accounts();
    lab.ca.knobs().update(|knobs| knobs.high_serials = true);
    let (mut peer, leaf, intermediates) = peer(&lab, "instant-acme");
    peer.env("EAB_KID", EAB_KID)
        .env("EAB_KEY", std::str::from_utf8(EAB_KEY).unwrap());
    let report = run(peer).await;
    assert!(report.status.success(), "{}", told(&report));
    lab.assert_leads_to(lab.ca.acme_root_pem(), &leaf, &intermediates);
    lab.assert_dns_is_clean();

    assert_eq!(lab.ca.bound_account(EAB_KID).as_deref(), Some("/account/1"));
    let certificates = lab.ca.certificates();
    assert_eq!(certificates.len(), 2);
    assert_eq!(
        certificates[0].replaced_by.as_ref(),
        Some(&certificates[1].serial)
    );
    assert!(
        certificates
            .iter()
            .all(|certificate| certificate.profile.as_deref() == Some("tlsserver"))
    );
    let polls = lab.ca.renewal_polls();
    assert_eq!((polls.len(), polls[0].status), (1, 200));
    assert_eq!(polls[0].serial.as_ref(), Some(&certificates[0].serial));
}
