use std::time::Duration;

use lab::{
    ca::{AcmeCa, CaKnobs, CaOptions},
    daemon::{CertificateSetup, Home, Setup},
    dns::{DnsOptions, DnsServer, TsigKey, Zone},
};

pub const ZONE: &str = "internal.example.test";

/// A CA and a DNS server that one daemon at a time works with.
pub struct Stage {
    pub ca: AcmeCa,
    pub dns: DnsServer,
    pub setup: Setup,
}

impl Stage {
    /// One certificate `internal` for the zone's wildcard and apex.
    pub async fn new() -> Self {
        Self::with(CaKnobs::default()).await
    }

    pub async fn with(knobs: CaKnobs) -> Self {
        let key = TsigKey::generate("daemon-key").unwrap();
        let dns = DnsOptions {
            keys: vec![key.clone()],
            ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
        };
        let dns = DnsServer::start(dns).await.unwrap();
        let ca = AcmeCa::start(CaOptions {
            knobs,
            ..CaOptions::new(vec![dns.addr()])
        })
        .await
        .unwrap();
        let setup = Setup {
            directory_url: ca.directory_url(),
            ca_pem: ca.https_root_pem().to_owned(),
            update_server: dns.addr(),
            key: Some(key),
            zone: ZONE.to_owned(),
            authorities: vec![dns.addr()],
            certificates: vec![internal()],
            more_cas: String::new(),
            ca_lines: vec![lab::daemon::NO_BREAKER.into()],
            extra: String::new(),
        };
        Stage { ca, dns, setup }
    }

    pub fn home(&self) -> Home {
        Home::new(&self.setup).unwrap()
    }

    /// TXT values in the zone, whatever their names.
    pub fn txt(&self) -> Vec<String> {
        let records = self.dns.records().into_iter();
        records
            .filter(|record| record.record_type == "TXT")
            .map(|record| record.value)
            .collect()
    }

    /// Clean-up has its own time: at most a minute is promised, here it takes moments.
    pub async fn until_clean(&self) {
        self.until_txt(<[String]>::is_empty).await;
    }

    /// Waits for TXT values, ten seconds at most.
    pub async fn until_txt(&self, are: impl Fn(&[String]) -> bool) {
        for _ in 0..200 {
            if are(&self.txt()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("TXT records: {:?}", self.txt());
    }
}

pub fn internal() -> CertificateSetup {
    CertificateSetup::new("internal", &["*.internal.example.test", "internal.example.test"])
}

/// What OpenSSL, not we, thinks of the live files: the chain leads to `root`, and the key is the leaf's.
pub fn verify_live(home: &Home, certificate: &str, root_pem: &str) {
    use std::process::Command;
    let live = home.live(certificate);
    let root = home.path("root.pem");
    std::fs::write(&root, root_pem).unwrap();
    let verified = Command::new("openssl")
        .args([
            "verify",
            "-verify_hostname",
            "host.internal.example.test",
            "-CAfile",
        ])
        .arg(&root)
        .arg("-untrusted")
        .arg(live.join("chain.pem"))
        .arg(live.join("cert.pem"))
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    let public = |command: &[&str], file: &str| {
        let output = Command::new("openssl")
            .args(command)
            .arg("-in")
            .arg(live.join(file))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    assert_eq!(
        public(&["x509", "-noout", "-pubkey"], "cert.pem"),
        public(&["pkey", "-pubout"], "key.pem")
    );
    let fullchain = std::fs::read_to_string(live.join("fullchain.pem")).unwrap();
    assert!(fullchain.starts_with(&std::fs::read_to_string(live.join("cert.pem")).unwrap()));
}
