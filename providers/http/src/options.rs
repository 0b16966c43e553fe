//! The options that mean the same in every provider that speaks HTTP.

use std::path::PathBuf;
use std::time::Duration;

use dns01_plugin_api::{Error, Opt, Options, Secret};

use crate::endpoint::Plain;

/// Trust roots beside the system's.
pub const CA_FILE: Opt<Option<PathBuf>> = Opt::optional(
    "ca-file",
    "certificates in PEM form that are trusted beside the system's, for a private CA",
);
/// Through which requests go.
pub const PROXY: Opt<Option<String>> = Opt::optional(
    "proxy",
    "HTTP proxy for all requests: http://proxy.example.net:3128, without name and password",
);
/// What the proxy asks for.
pub const PROXY_CREDENTIALS: Opt<Option<Secret>> =
    Opt::optional("proxy-credentials", "name:password for the proxy");
/// Limit of one request; ten seconds, because an API that takes longer is down, and a
/// call has time for several.
pub const TIMEOUT: Opt<Duration> = Opt::with_default("timeout", "10000", "limit of one request");

/// Longest body of an answer that is read, unless [`Settings::max_body`] says otherwise.
/// A hundred records of the wordiest API have 100 KiB.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// See [`CA_FILE`].
    pub ca_file: Option<PathBuf>,
    /// See [`PROXY`].
    pub proxy: Option<String>,
    /// See [`PROXY_CREDENTIALS`].
    pub proxy_credentials: Option<Secret>,
    /// See [`TIMEOUT`]; more than zero.
    pub timeout: Duration,
    /// Where requests may go without TLS.
    pub plain: Plain,
    /// Longest body of an answer that is read, in bytes.
    pub max_body: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca_file: None,
            proxy: None,
            proxy_credentials: None,
            timeout: Duration::from_secs(10),
            plain: Plain::Loopback,
            max_body: MAX_BODY,
        }
    }
}

impl Settings {
    /// Reads the shared options. One that the provider does not declare counts as absent.
    ///
    /// # Errors
    /// Each names the option.
    pub fn read(options: &Options) -> Result<Self, Error> {
        let timeout = options.read(&TIMEOUT)?;
        if timeout.is_zero() {
            return Err(Error::config(format!(
                "option `{}`: must be more than 0",
                TIMEOUT.key()
            )));
        }
        Ok(Self {
            ca_file: options.read(&CA_FILE)?,
            proxy: options.read(&PROXY)?,
            proxy_credentials: options.read(&PROXY_CREDENTIALS)?,
            timeout,
            ..Self::default()
        })
    }
}
