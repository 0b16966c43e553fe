//! The daemon itself: it issues and renews a wildcard and its apex through a provider.

use std::net::SocketAddr;

use lab::{
    ca::{AcmeCa, CaOptions},
    daemon::{CertificateSetup, Home, Setup},
};

const CERTIFICATE: &str = "web";

/// A CA, and a daemon's configuration with a provider of the test's own.
pub struct Issuance {
    pub ca: AcmeCa,
    pub home: Home,
    zone: String,
}

impl Issuance {
    /// The daemon asks `authorities` whether a record is there, the CA asks all of `vantage`. `provider` gives the
    /// lines below `providers:`.
    pub async fn of(
        zone: &str,
        authorities: Vec<SocketAddr>,
        vantage: Vec<SocketAddr>,
        provider: impl FnOnce(&Home) -> String,
    ) -> Self {
        let ca = AcmeCa::start(CaOptions::new(vantage)).await.expect("a CA");
        let home = Home::new(&Setup {
            directory_url: ca.directory_url(),
            ca_pem: ca.https_root_pem().to_owned(),
            update_server: authorities[0],
            key: None,
            zone: zone.to_owned(),
            authorities,
            certificates: vec![CertificateSetup::new(CERTIFICATE, &[&format!("*.{zone}"), zone])],
            more_cas: String::new(),
            ca_lines: vec![lab::daemon::NO_BREAKER.into()],
            extra: String::new(),
        })
        .expect("a configuration");
        home.replace_providers(&provider(&home)).expect("a configuration");
        Issuance {
            ca,
            home,
            zone: zone.to_owned(),
        }
    }

    /// Issues, renews, waits until `is_clean`, and gives the daemon's log. Every look of the CA must have found what
    /// it wanted.
    pub async fn run(&self, is_clean: impl AsyncFn() -> bool) -> String {
        let daemon = self.home.start().await.expect("the daemon");
        daemon.until_deployed(CERTIFICATE).await;
        let renewed = self.home.command(&["renew", CERTIFICATE, "--wait"]);
        assert!(
            renewed.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&renewed.stderr),
            daemon.program.log()
        );
        let certificates = self.ca.certificates();
        assert_eq!(certificates.len(), 2);
        for certificate in &certificates {
            assert_eq!(certificate.names, [format!("*.{}", self.zone), self.zone.clone()]);
        }
        let looks = self.ca.validations();
        assert_eq!(looks.len(), 4, "{looks:#?}");
        assert!(looks.iter().all(|look| look.failure.is_none()), "{looks:#?}");
        // clean-up has its own time
        for _ in 0..200 {
            if is_clean().await {
                return daemon.program.log();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("records are left; the daemon's log:\n{}", daemon.program.log());
    }
}
