//! The daemon in each mode: whom it asks, whom it does not, and what it says of that.

use std::{net::Ipv4Addr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use lab::{
    ca::{AcmeCa, CaOptions, ServerIdentity},
    daemon::{CertificateSetup, Home, Setup, built},
    dns::{DnsFault, DnsOptions, DnsServer, TsigKey, Zone},
    named::{Asked, Resolver},
};

use super::{c_plugin::compile, primary::ZONE};

/// At and below these no resolver may be asked too early.
const CHALLENGES: &str = "_acme-challenge.internal.example.test";

/// The primary takes updates and is asked by the CA; the daemon is to ask others.
struct Stage {
    ca: AcmeCa,
    primary: DnsServer,
    resolver: Resolver,
    home: Home,
    setup: Setup,
}

impl Stage {
    /// `dns` is what stands below `dns:`, with RESOLVER, HTTPS and SECONDARY for addresses.
    async fn new(dns: &str) -> Self {
        let key = TsigKey::generate("daemon-key").unwrap();
        let primary = DnsServer::start(DnsOptions {
            keys: vec![key.clone()],
            ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
        });
        let primary = primary.await.unwrap();
        let identity = ServerIdentity::loopback().unwrap();
        let resolver = Resolver::start(ZONE, primary.addr(), Ipv4Addr::LOCALHOST, &identity)
            .await
            .unwrap();
        let ca = AcmeCa::start(CaOptions::new(vec![primary.addr()])).await.unwrap();
        let setup = Setup {
            directory_url: ca.directory_url(),
            ca_pem: ca.https_root_pem().to_owned(),
            update_server: primary.addr(),
            key: Some(key),
            zone: ZONE.to_owned(),
            authorities: vec![primary.addr()],
            certificates: vec![CertificateSetup::new("internal", &[&format!("*.{ZONE}"), ZONE])],
            more_cas: String::new(),
            ca_lines: vec![lab::daemon::NO_BREAKER.into()],
            extra: String::new(),
        };
        let home = Home::new(&setup).unwrap();
        std::fs::write(home.path("roots.pem"), &identity.root_pem).unwrap();
        let stage = Stage {
            ca,
            primary,
            resolver,
            home,
            setup,
        };
        stage.rewrite(dns);
        stage
    }

    fn rewrite(&self, dns: &str) {
        let written = std::fs::read_to_string(self.home.config()).unwrap();
        let (before, rest) = written.split_once("dns:\n").unwrap();
        let (_, after) = rest.split_once("cas:\n").unwrap();
        let dns = dns
            .replace("RESOLVER", &format!("\"{}\"", self.resolver.named.addr()))
            .replace(
                "HTTPS",
                &format!("\"https://localhost@{}/dns-query\"", self.resolver.https),
            )
            .replace("ROOTS", &self.home.path("roots.pem").display().to_string());
        std::fs::write(self.home.config(), format!("{before}dns:\n{dns}cas:\n{after}")).unwrap();
    }

    /// When the records of the order were taken by the primary: the first, and the last.
    fn published(&self) -> (Timestamp, Timestamp) {
        let updates = self.primary.updates();
        let adds = updates.iter().filter(|update| {
            update
                .changes
                .iter()
                .any(|change| matches!(change, lab::dns::Change::Add { .. }))
        });
        let moments: Vec<Timestamp> = adds.map(|update| update.at).collect();
        (
            *moments.first().expect("an update"),
            *moments.last().expect("an update"),
        )
    }

    /// What the resolver was asked at and below the challenge name.
    fn challenges_asked(&self) -> Vec<Asked> {
        let mut asked = self.resolver.named.asked();
        asked.retain(|asked| asked.is_within(CHALLENGES));
        asked
    }

    /// Runs the daemon until it has its certificate; its log.
    async fn issue(&self) -> String {
        let daemon = self.home.start().await.unwrap();
        daemon.until_deployed("internal").await;
        daemon.program.log()
    }

    fn checked(&self) -> String {
        let output = self.home.command(&["check"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// When the CA looked first.
    fn looked(&self) -> Timestamp {
        let looks = self.ca.validations();
        assert!(looks.iter().all(|look| look.failure.is_none()), "{looks:#?}");
        looks.iter().map(|look| look.at).min().expect("a look")
    }
}

#[tokio::test]
async fn a_vantage_resolver_hears_of_the_challenge_when_the_last_authority_has_it_and_the_ca_after_that() {
    let stage = Stage::new("").await;
    let late = stage.primary.secondary().await.unwrap();
    let lag = Duration::from_secs(2);
    late.knobs().update(|knobs| knobs.lag = lag);
    stage.rewrite(&format!(
        "  resolvers: [RESOLVER]\n  vantage: [RESOLVER]\n  zones:\n    {ZONE}: {{ authorities: [\"{}\", \"{}\"] }}\n",
        stage.primary.addr(),
        late.addr()
    ));
    assert!(stage.checked().contains("vantage     127.0.0.1:"));
    stage.issue().await;
    let (first, last) = stage.published();
    let asked = stage.challenges_asked();
    assert!(asked.len() >= 2, "{asked:?}");
    // the log has milliseconds
    let agreed = last.checked_add(SignedDuration::from_millis(1990)).unwrap();
    assert!(
        asked.iter().all(|asked| asked.at >= agreed),
        "{first} {last} {asked:#?}"
    );
    assert!(asked.iter().all(|asked| asked.record_type == "TXT"), "{asked:#?}");
    assert!(stage.looked() > asked[0].at);
}

#[tokio::test]
async fn in_the_mode_doh_no_authority_is_asked_and_the_resolver_once_the_records_have_settled() {
    let stage = Stage::new(&format!(
        "  ca-file: ROOTS\n  zones:\n    {ZONE}: {{ visibility: doh, resolvers: [HTTPS] }}\n"
    ))
    .await;
    let checked = stage.checked();
    assert!(
        checked.contains("when the zone's encrypted resolvers show it"),
        "{checked}"
    );
    let log = stage.issue().await;
    let (_, last) = stage.published();
    let asked = stage.challenges_asked();
    assert!(!asked.is_empty());
    // rfc2136 tells nothing of how long its servers take
    let settled = last.checked_add(SignedDuration::from_millis(9_500)).unwrap();
    assert!(asked.iter().all(|asked| asked.at >= settled), "{last} {asked:#?}");
    assert!(
        log.contains("are not asked whether its records are visible"),
        "{log}"
    );
    assert!(
        log.contains("visibility of internal.example.test is `doh`"),
        "{log}"
    );
    assert!(stage.looked() > asked[0].at);
}

#[tokio::test]
async fn in_the_mode_wait_nobody_is_asked_and_the_time_passes() {
    let stage = Stage::new(&format!(
        "  resolvers: [RESOLVER]\n  vantage: [RESOLVER]\n  zones:\n    {ZONE}: {{ visibility: {{ wait: 3s }} }}\n"
    ))
    .await;
    assert!(
        stage
            .checked()
            .contains("when 3s have passed; no server is asked")
    );
    let log = stage.issue().await;
    let (_, last) = stage.published();
    assert_eq!(stage.challenges_asked(), []);
    let passed = last.checked_add(SignedDuration::from_millis(2_900)).unwrap();
    assert!(stage.looked() >= passed);
    let looked = stage.looked();
    let early = |query: &lab::dns::QuerySeen| query.name.contains("_acme-challenge") && query.at < last;
    let queries = stage.primary.queries();
    assert!(!queries.iter().any(early), "{looked}: {queries:#?}");
    assert!(
        log.contains("visibility of internal.example.test is `wait: 3s`"),
        "{log}"
    );
}

#[tokio::test]
async fn in_the_mode_provider_sync_the_word_of_the_provider_decides_alone() {
    let stage = Stage::new(&format!(
        "  resolvers: [RESOLVER]\n  zones:\n    {ZONE}: {{ visibility: provider-sync }}\n"
    ))
    .await;
    let directory = stage.home.config();
    let source = include_str!("../daemon/plugins/faulty.c");
    let library = compile(directory.parent().unwrap(), "faulty", source);
    let key = stage.setup.key.as_ref().unwrap();
    std::fs::write(stage.home.path("fault"), "tardy").unwrap();
    let provider = format!(
        "  dns:\n    library: {}\n    options: {{ server: \"{}\", tsig-key: {}, tsig-algorithm: {}, tsig-secret: {{ file: {} }}, library: {}, fault: {} }}\n",
        library.display(),
        stage.primary.addr(),
        key.name(),
        key.algorithm(),
        stage.home.path("tsig.secret").display(),
        built("libdns01_rfc2136.so").display(),
        stage.home.path("fault").display(),
    );
    stage.home.replace_providers(&provider).unwrap();
    let log = stage.issue().await;
    assert_eq!(stage.challenges_asked(), []);
    assert!(log.matches("not on all servers yet").count() >= 3, "{log}");
    assert!(
        log.contains("visibility of internal.example.test is `provider-sync`"),
        "{log}"
    );
}

#[tokio::test]
async fn a_provider_that_cannot_tell_is_refused_for_provider_sync_before_anything_is_ordered() {
    let stage = Stage::new(&format!(
        "  resolvers: [RESOLVER]\n  zones:\n    {ZONE}: {{ visibility: provider-sync }}\n"
    ))
    .await;
    let daemon = stage.home.start().await.unwrap();
    let failed = daemon
        .until("internal", Duration::from_secs(30), |certificate| {
            certificate
                .to_string()
                .contains("cannot tell when its servers have a record")
        })
        .await;
    assert!(
        failed.to_string().contains("choose `authorities`, `doh` or"),
        "{failed:#}"
    );
    assert_eq!(stage.ca.counts().orders, 0);
    assert_eq!(stage.primary.updates().len(), 0);
}

#[tokio::test]
async fn a_daemon_that_hears_nothing_on_port_53_says_which_modes_there_are() {
    let stage = Stage::new("").await;
    let deaf = stage.primary.secondary().await.unwrap();
    deaf.knobs().update(|knobs| {
        knobs.query_fault = Some(DnsFault::Drop);
        knobs.refuse_tcp = false;
    });
    stage.rewrite(&format!(
        "  resolvers: [RESOLVER]\n  query-timeout: 300ms\n  zones:\n    {ZONE}: {{ authorities: [\"{}\"] }}\n",
        deaf.addr()
    ));
    let daemon = stage.home.start().await.unwrap();
    let failed = daemon
        .until("internal", Duration::from_secs(30), |certificate| {
            certificate.to_string().contains("provider-sync")
        })
        .await;
    assert!(
        failed.to_string().contains("if port 53 is closed from here"),
        "{failed:#}"
    );
    assert_eq!(stage.ca.counts().orders, 0);
}
