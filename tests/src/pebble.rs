//! Pebble, Let's Encrypt's test CA, as an independent judge of our client.

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
        let management = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        configure(dir.path(), &options, &identity, listen, management)?;

        let mut command = Command::new(&options.program);
        command
            .arg("-config")
            .arg(dir.path().join("pebble.json"))
            .arg("-dnsserver")
            .arg(options.dns.to_string())
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_VA_ALWAYS_VALID", "0")
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
    let config = json!({ "pebble": {
        "listenAddress": listen,
        "managementListenAddress": management,
        "certificate": dir.join("https.pem"),
        "privateKey": dir.join("https.key"),
        // for the challenges that nobody uses here
        "httpPort": 5002,
        "tlsPort": 5001,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": false,
        "domainBlocklist": ["blocked.example.test"],
        "retryAfter": { "authz": options.authz_retry_after, "order": options.order_retry_after },
    }});
    write(&dir.join("pebble.json"), &config.to_string())
}

fn client(root_pem: &str) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
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
