//! Pebble, Let's Encrypt's test CA, as an independent judge of our client.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::ca::ServerIdentity;
use crate::process::{ProcessError, Program, free_port, tool, write};

/// Pebble makes an RSA key for each of its authorities at start.
const START: Duration = Duration::from_secs(30);

/// How Pebble starts.
#[derive(Clone, Debug)]
pub struct PebbleOptions {
    /// The program: Debian's `pebble`, or the path of a newer one.
    pub program: PathBuf,
    /// The DNS server that validation asks.
    pub dns: SocketAddr,
    /// Percentage of good nonces refused, 0 to 100.
    pub nonce_reject: u8,
    /// Percentage of valid authorizations used again, 0 to 100.
    pub authz_reuse: u8,
    /// Retry-After of authorizations, seconds.
    pub authz_retry_after: u64,
    /// Retry-After of orders, seconds.
    pub order_retry_after: u64,
    /// True when it believes every proof, and asks no DNS.
    pub always_valid: bool,
    /// External accounts (RFC 8555 7.3.4): MAC key in base64url by key identifier. With one or
    /// more it makes no other accounts.
    pub external_accounts: BTreeMap<String, String>,
    /// Roots beside the first one, each with a chain of its own (RFC 8555 7.4.2).
    pub alternate_roots: u32,
    /// Profiles by name: a description and the seconds that certificates are valid. Without any it
    /// has one, `default`.
    pub profiles: BTreeMap<String, (String, u64)>,
    /// Names by which CAA records, and standing records of dns-persist-01, mean this CA.
    pub caa_identities: Vec<String>,
}

impl PebbleOptions {
    /// No chance, no sleeping, the smallest waits; the newest Pebble there is.
    pub fn new(dns: SocketAddr) -> Self {
        PebbleOptions {
            program: newest(),
            dns,
            nonce_reject: 0,
            authz_reuse: 0,
            authz_retry_after: 1,
            order_retry_after: 1,
            always_valid: false,
            external_accounts: BTreeMap::new(),
            alternate_roots: 0,
            profiles: BTreeMap::new(),
            caa_identities: Vec::new(),
        }
    }
}

/// Debian's package.
pub const DEBIAN: &str = "pebble";

/// The Pebble that `./dev test` builds where Go is installed, else Debian's.
pub fn newest() -> PathBuf {
    tool("pebble").unwrap_or_else(|| PathBuf::from(DEBIAN))
}

/// A running Pebble; dropping it kills it.
#[derive(Debug)]
pub struct Pebble {
    program: Program,
    directory_url: String,
    management_url: String,
    ca_file: PathBuf,
    root_pem: String,
    client: reqwest::Client,
    _dir: TempDir,
}

impl Pebble {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(options: PebbleOptions) -> Result<Self, ProcessError> {
        let prepare = |source| ProcessError::Prepare {
            what: "Pebble's directory".to_owned(),
            source,
        };
        let dir = tempfile::Builder::new()
            .prefix("dns01-pebble")
            .tempdir()
            .map_err(prepare)?;
        let ca_file = dir.path().join("https-root.pem");
        let identity = ServerIdentity::loopback().map_err(|error| prepare(error.into()))?;
        write(&ca_file, &identity.root_pem)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        // a port that is free twice may be the same one
        let management = loop {
            let management = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
            if management != listen {
                break management;
            }
        };
        configure(dir.path(), &options, &identity, listen, management)?;

        let mut command = Command::new(&options.program);
        command
            .arg("-config")
            .arg(dir.path().join("pebble.json"))
            .arg("-dnsserver")
            .arg(options.dns.to_string())
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env(
                "PEBBLE_VA_ALWAYS_VALID",
                u8::from(options.always_valid).to_string(),
            )
            .env("PEBBLE_ALTERNATE_ROOTS", options.alternate_roots.to_string())
            .env("PEBBLE_WFE_NONCEREJECT", options.nonce_reject.to_string())
            .env("PEBBLE_AUTHZREUSE", options.authz_reuse.to_string());
        let mut program = Program::start(command, &dir.path().join("pebble.log"))?;
        let client = client(&identity.root_pem).map_err(|error| prepare(std::io::Error::other(error)))?;
        let management_url = format!("https://{management}");
        let root = format!("{management_url}/roots/0");
        program
            .ready(START, || async { fetch(&client, &root).await.is_some() })
            .await?;
        let root_pem = fetch(&client, &root).await.unwrap_or_default();
        Ok(Pebble {
            program,
            directory_url: format!("https://{listen}/dir"),
            management_url,
            ca_file,
            root_pem,
            client,
            _dir: dir,
        })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// Where a client begins.
    pub fn directory_url(&self) -> &str {
        &self.directory_url
    }

    /// Where its management interface is, without a final slash.
    pub fn management_url(&self) -> &str {
        &self.management_url
    }

    /// The root of both its server certificates, PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The root of the certificates that it issues, PEM; a new one at each start.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root of an alternate chain, PEM, counted from 1; `None` when there is none.
    pub async fn alternate_root_pem(&self, number: u32) -> Option<String> {
        fetch(&self.client, &format!("{}/roots/{number}", self.management_url)).await
    }

    /// Makes it answer `body`, whatever that is, when it is asked for the renewal information of a
    /// certificate, PEM (RFC 9773). For Pebble 2.8 and newer.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn set_renewal_info(&self, certificate_pem: &str, body: &str) -> reqwest::Result<()> {
        let url = format!("{}/set-renewal-info/", self.management_url);
        let request = json!({ "Certificate": certificate_pem, "ARIResponse": body });
        let answer = self.client.post(url).body(request.to_string()).send().await?;
        answer.error_for_status().map(drop)
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

fn configure(
    dir: &Path,
    options: &PebbleOptions,
    identity: &ServerIdentity,
    listen: SocketAddr,
    management: SocketAddr,
) -> Result<(), ProcessError> {
    write(&dir.join("https.pem"), &identity.certificate_pem)?;
    write(&dir.join("https.key"), &identity.key_pem)?;
    let profiles: serde_json::Map<_, _> = options
        .profiles
        .iter()
        .map(|(name, (description, seconds))| {
            let profile = json!({ "description": description, "validityPeriod": seconds });
            (name.clone(), profile)
        })
        .collect();
    let config = json!({ "pebble": {
        "listenAddress": listen,
        "managementListenAddress": management,
        "certificate": dir.join("https.pem"),
        "privateKey": dir.join("https.key"),
        // for the challenges that nobody uses here
        "httpPort": 5002,
        "tlsPort": 5001,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": !options.external_accounts.is_empty(),
        "externalAccountMACKeys": options.external_accounts,
        "caaIdentities": options.caa_identities,
        "profiles": profiles,
        "domainBlocklist": ["blocked.example.test"],
        "retryAfter": { "authz": options.authz_retry_after, "order": options.order_retry_after },
    }});
    write(&dir.join("pebble.json"), &config.to_string())
}

fn client(root_pem: &str) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        // Pebble refuses a POST without (RFC 8555 6.1)
        .user_agent("dns01-lab")
        .no_proxy()
        .tls_certs_merge([reqwest::Certificate::from_pem(root_pem.as_bytes())?])
        .timeout(Duration::from_secs(5))
        .build()
}

async fn fetch(client: &reqwest::Client, url: &str) -> Option<String> {
    client
        .get(url)
        .send()
        .await
        .ok()?
        .error_for_status()
        .ok()?
        .text()
        .await
        .ok()
}
