//! Sections 7.4 and 7.5, and what grew on them.

use std::time::Duration;

use lab::ca::{CaKnobs, CertificateFault, ChallengeType, Endpoint, Fault, FaultRule, Phase, When};

use super::stage::{Stage, internal, verify_live};

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_4_2_the_chain_to_the_preferred_root_is_taken() {
    let mut stage = Stage::with(CaKnobs {
        alternate_roots: 2,
        ..CaKnobs::default()
    })
    .await;
    let roots = stage.ca.alternate_root_pems().unwrap();
    let root = openssl::x509::X509::from_pem(roots[1].as_bytes()).unwrap();
    let name = root.subject_name().entries().next().unwrap();
    let name = name.data().to_string().unwrap();
    let mut certificate = internal();
    certificate.lines = vec![format!("chain: {{ root: {name:?} }}")];
    stage.setup.certificates = vec![certificate];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    verify_live(&home, "internal", &roots[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_asked_for_and_one_that_is_not_offered_is_not() {
    let mut stage = Stage::new().await;
    let mut short = internal();
    short.lines = vec!["profile: shortlived".into()];
    stage.setup.certificates = vec![short.clone()];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    assert_eq!(stage.ca.certificates()[0].profile.as_deref(), Some("shortlived"));

    short.lines = vec!["profile: longlived".into()];
    stage.setup.certificates = vec![short];
    home.configure(&stage.setup).unwrap();
    assert!(home.command(&["reload"]).status.success());
    let failing = daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            certificate["state"] == "failing"
        })
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(
        text.contains("longlived") && text.contains("shortlived"),
        "it lists what there is: {text}"
    );
    assert_eq!(stage.ca.counts().orders, 1, "nothing was ordered");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_4_a_lifetime_is_asked_for() {
    let mut stage = Stage::new().await;
    let mut certificate = internal();
    certificate.lines = vec!["lifetime: 24h".into()];
    stage.setup.certificates = vec![certificate];
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let seen = daemon.until_deployed("internal").await;
    let end: jiff::Timestamp = seen["not_after"].as_str().unwrap().parse().unwrap();
    let left = end.duration_since(stage.ca.now());
    assert!((86_000..=86_400).contains(&left.as_secs()), "{seen:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_5_2_authorizations_of_an_abandoned_order_are_given_back() {
    // the CA never looks, so the order stays open
    let mut stage = Stage::with(CaKnobs {
        faults: vec![FaultRule {
            endpoint: Some(Endpoint::Challenge),
            when: When::Always,
            phase: Phase::Before,
            fault: Fault::Status(503),
        }],
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            certificate["attempts"].as_u64() >= Some(1)
        })
        .await;
    stage.ca.knobs().update(|knobs| *knobs = CaKnobs::default());
    let mut certificate = internal();
    certificate.names.push("more.internal.example.test".into());
    certificate.names.retain(|name| !name.starts_with('*'));
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();
    assert!(home.command(&["reload"]).status.success());
    daemon.until_deployed("internal").await;
    let counts = stage.ca.requests_by_endpoint();
    assert!(counts.contains_key(&Endpoint::Authorization));
    assert!(
        daemon
            .program
            .log()
            .contains("authorizations of the order are given back"),
        "{}",
        daemon.program.log()
    );
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8555_7_4_a_certificate_that_was_not_asked_for_is_never_used() {
    for fault in [
        CertificateFault::WrongKey,
        CertificateFault::NameMissing,
        CertificateFault::WrongIntermediate,
        CertificateFault::IntermediateFirst,
        CertificateFault::LongChain(1000),
        CertificateFault::Expired,
    ] {
        let stage = Stage::with(CaKnobs {
            certificate_fault: Some(fault),
            ..CaKnobs::default()
        })
        .await;
        let home = stage.home();
        let daemon = home.start().await.unwrap();
        let failing = daemon
            .until("internal", Duration::from_secs(20), |certificate| {
                certificate["state"] == "failing"
            })
            .await;
        let text = failing["last_error"]["text"].as_str().unwrap();
        assert!(text.contains("cannot be used"), "{fault:?}: {text}");
        assert!(!home.live("internal").exists(), "{fault:?}");
        drop(daemon);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_the_ca_omits_is_not_missed_where_another_is_listed() {
    // the CA has no dns-01 at all, and something that nobody knows
    let mut stage = Stage::with(CaKnobs {
        challenges: vec![ChallengeType::Smoke01, ChallengeType::DnsAccount01],
        ..CaKnobs::default()
    })
    .await;
    let home = stage.home();
    let daemon = home.start().await.unwrap();
    let failing = daemon
        .until("internal", Duration::from_secs(20), |certificate| {
            certificate["state"] == "failing"
        })
        .await;
    let text = failing["last_error"]["text"].as_str().unwrap();
    assert!(
        text.contains("offers no dns-01") && text.contains("dns-account-01"),
        "{text}"
    );

    let mut certificate = internal();
    certificate.lines = vec!["challenges: [dns-01, dns-account-01]".into()];
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();
    assert!(home.command(&["reload"]).status.success());
    daemon.until_deployed("internal").await;
    let validations = stage.ca.validations();
    assert!(
        validations
            .iter()
            .all(|validation| validation.challenge == ChallengeType::DnsAccount01
                && validation.failure.is_none()),
        "{validations:?}"
    );
    stage.until_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_key_never_comes_here_is_certified_again_and_again() {
    let mut stage = Stage::new().await;
    let home = stage.home();
    let made = std::process::Command::new("openssl")
        .args([
            "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/", "-keyout",
        ])
        .arg(home.path("elsewhere.key"))
        .arg("-out")
        .arg(home.path("internal.csr"))
        .args([
            "-addext",
            "subjectAltName=DNS:*.internal.example.test,DNS:internal.example.test",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut certificate = internal();
    certificate.lines = vec![format!("csr: {}", home.path("internal.csr").display())];
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    let live = home.live("internal");
    assert!(!live.join("key.pem").exists());
    let leaf = std::fs::read(live.join("cert.pem")).unwrap();
    let leaf = openssl::x509::X509::from_pem(&leaf)
        .unwrap()
        .public_key()
        .unwrap();
    let key = std::fs::read(home.path("elsewhere.key")).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(&key).unwrap();
    assert!(leaf.public_eq(&key));
    let renewed = home.command(&["renew", "internal", "--wait"]);
    assert!(renewed.status.success(), "{renewed:?}");
    // nothing on disk is found wanting by the next start
    drop(daemon);
    let daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    assert_eq!(stage.ca.counts().certificates, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_keeps_failing_gives_way_to_the_next_of_the_list() {
    let mut stage = Stage::with(CaKnobs {
        faults: vec![FaultRule {
            endpoint: Some(Endpoint::NewOrder),
            when: When::Always,
            phase: Phase::Before,
            fault: Fault::Status(500),
        }],
        ..CaKnobs::default()
    })
    .await;
    let second = lab::ca::AcmeCa::start(lab::ca::CaOptions::new(vec![stage.dns.addr()]))
        .await
        .unwrap();
    let home = stage.home();
    std::fs::write(home.path("second.pem"), second.https_root_pem()).unwrap();
    stage.setup.more_cas = format!(
        "  second:\n    directory: \"{}\"\n    agree-terms: true\n    ca-file: {}\n",
        second.directory_url(),
        home.path("second.pem").display()
    );
    let mut certificate = internal();
    certificate.lines = vec!["ca: [lab, second]".into()];
    stage.setup.certificates = vec![certificate];
    home.configure(&stage.setup).unwrap();
    let daemon = home.start().await.unwrap();
    let seen = daemon
        .until("internal", Duration::from_secs(150), |certificate| {
            !certificate["deployed_at"].is_null()
        })
        .await;
    assert_eq!(seen["ca_used"], "second", "{seen:#}");
    assert_eq!(second.counts().certificates, 1);
    let tried = stage.ca.requests_by_endpoint()[&Endpoint::NewOrder];
    assert_eq!(tried, 3, "three failures in a row are not chance");
    verify_live(&home, "internal", second.acme_root_pem());
}
