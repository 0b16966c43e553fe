//! The client: one request at a time and thread, on shared connections.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use dns01_plugin_api::{Call, Class, Host};
use reqwest::{Certificate, Proxy, RequestBuilder, header::HeaderValue, redirect, tls};
use url::Url;

use crate::answer::Answer;
use crate::bounds::{Runtime, Stopped};
use crate::endpoint::{Plain, host_of, is_loopback};
use crate::error::Error;
use crate::options::{CA_FILE, PROXY, PROXY_CREDENTIALS, Settings};
use crate::resolve::System;

/// A server that does not take a connection in this time will not do so later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls come in bursts; between them neither side should hold a connection.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// A silent HTTP/2 connection is probed while requests wait on it, else they would all run
/// into their timeouts on a connection that a firewall has forgotten.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Longest file of trust roots.
const MAX_ROOTS: u64 = 4 * 1024 * 1024;

/// Why there is no client: the configuration or a file must change.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The trust roots cannot be read.
    #[error("option `{}`: cannot read {}: {source}", CA_FILE.key(), .path.display())]
    ReadRoots {
        /// The configured file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds none.
    #[error("option `{}`: {} holds no certificates in PEM form", CA_FILE.key(), .path.display())]
    Roots {
        /// The configured file.
        path: PathBuf,
    },
    /// Not the address of an HTTP proxy. It may hold a password, so it is not shown.
    #[error(
        "option `{}`: is not an address such as http://proxy.example.net:3128; name and password go into \
         `{}`", PROXY.key(), PROXY_CREDENTIALS.key()
    )]
    Proxy,
    /// Credentials in another form, or without a proxy.
    #[error("option `{}`: must be name:password, and goes with `{}`", PROXY_CREDENTIALS.key(), PROXY.key())]
    ProxyCredentials,
    /// The system gives no thread or no descriptors.
    #[error("cannot start the HTTP client: {0}")]
    Runtime(#[from] io::Error),
    /// OpenSSL or the HTTP client refuses the settings.
    #[error("cannot set up HTTPS: {0}")]
    Build(#[from] reqwest::Error),
}

impl From<SetupError> for dns01_plugin_api::Error {
    fn from(error: SetupError) -> Self {
        let class = match error {
            SetupError::ReadRoots { .. }
            | SetupError::Roots { .. }
            | SetupError::Proxy
            | SetupError::ProxyCredentials => Class::Config,
            SetupError::Runtime(_) => Class::Transient,
            SetupError::Build(_) => Class::Permanent,
        };
        Self::new(class, error.to_string())
    }
}

/// An HTTP client with its runtime. Used from any number of threads.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// For plain HTTP on this machine, which is allowed because it stays here: it goes past every proxy, be that
    /// of an option or of a variable. Made when it is needed, which is seldom: making one reads the system's
    /// roots.
    direct: OnceLock<reqwest::Client>,
    agent: HeaderValue,
    runtime: Runtime,
    timeout: Duration,
    plain: Plain,
    max_body: usize,
}

impl Client {
    /// Makes a client that introduces itself as the host and as `product`, the provider's
    /// name and version: `dns01d/1.2.0 cloudflare/1.2.0`. Sends nothing.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn open(host: Host, product: &str, settings: Settings) -> Result<Self, SetupError> {
        let agent = user_agent(host, product);
        let mut builder = builder(&agent, settings.timeout);
        if let Some(path) = &settings.ca_file {
            builder = builder.tls_certs_merge(roots(path)?);
        }
        if let Some(proxy) = proxy(&settings)? {
            builder = builder.proxy(proxy);
        }
        Ok(Self {
            http: builder.build()?,
            direct: OnceLock::new(),
            agent,
            runtime: Runtime::start()?,
            timeout: settings.timeout,
            plain: settings.plain,
            max_body: settings.max_body,
        })
    }

    /// The HTTP client, to build requests with; one that is sent past [`Client::send`] keeps
    /// none of its promises but those on TLS, proxy and redirects.
    #[must_use]
    pub fn inner(&self) -> &reqwest::Client {
        &self.http
    }

    /// The runtime, for futures of other libraries.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Limit of one request.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error`], but never [`Error::Status`]. After all but [`Error::Insecure`],
    /// [`Error::Request`], [`Error::Unresolved`], [`Error::Connect`] and the two on TLS, the
    /// server may have done what was asked.
    pub fn send(&self, call: &Call<'_>, request: RequestBuilder) -> Result<Answer, Error> {
        let request = request.build().map_err(|_| Error::Request)?;
        let host = host_of(request.url());
        if !self.plain.permits(request.url()) {
            return Err(Error::Insecure { host });
        }
        match self.runtime.run(call, self.timeout, self.exchange(request)) {
            Ok(done) => done,
            Err(Stopped::Cancelled) => Err(Error::Cancelled),
            Err(Stopped::Limit(after)) => Err(Error::Timeout { host, after }),
        }
    }

    fn direct(&self) -> reqwest::Result<&reqwest::Client> {
        match self.direct.get() {
            Some(client) => Ok(client),
            None => {
                let made = builder(&self.agent, self.timeout).no_proxy().build()?;
                // two calls may have made one: the first stays
                Ok(self.direct.get_or_init(|| made))
            }
        }
    }

    /// Sends a request on behalf of a library that has a future polled. It is bounded by
    /// whoever polls it, with [`Runtime::run`] say, and goes wherever the library wants it to.
    ///
    /// # Errors
    /// As [`Client::send`], but never [`Error::Cancelled`] or [`Error::Insecure`].
    pub async fn exchange(&self, request: reqwest::Request) -> Result<Answer, Error> {
        let host = host_of(request.url());
        let network = |error| Error::network(&host, self.timeout, &error);
        let is_direct = request.url().scheme() == "http" && is_loopback(request.url());
        let client = match is_direct {
            true => self.direct().map_err(network)?,
            false => &self.http,
        };
        let mut response = client.execute(request).await.map_err(network)?;
        let too_large = || Error::TooLarge {
            host: host.clone(),
            limit: self.max_body,
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > self.max_body as u64 {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(announced as usize);
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(
            &host,
            response.status(),
            std::mem::take(response.headers_mut()),
            body,
        ))
    }
}

/// What every client has in common.
fn builder(agent: &HeaderValue, timeout: Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(agent.clone())
        .connect_timeout(timeout.min(CONNECT_TIMEOUT))
        .redirect(redirect::Policy::none())
        .referer(false)
        .tls_version_min(tls::Version::TLS_1_2)
        .dns_resolver(std::sync::Arc::new(System))
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_keep_alive_interval(PROBE_INTERVAL)
        .http2_keep_alive_timeout(PROBE_INTERVAL)
}

fn user_agent(host: Host, product: &str) -> HeaderValue {
    let full = format!("{}/{} {product}", host.name(), host.version());
    // a host that gives no name, or one that is no header text
    HeaderValue::try_from(full).unwrap_or(HeaderValue::from_static(concat!(
        env!("CARGO_PKG_NAME"),
        "/",
        env!("CARGO_PKG_VERSION")
    )))
}

fn roots(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    let read = || {
        if std::fs::metadata(path)?.len() > MAX_ROOTS {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "over 4 MiB"));
        }
        std::fs::read(path)
    };
    let pem = read().map_err(|source| SetupError::ReadRoots {
        path: path.to_owned(),
        source,
    })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(SetupError::Roots {
            path: path.to_owned(),
        }),
    }
}

fn proxy(settings: &Settings) -> Result<Option<Proxy>, SetupError> {
    let credentials = settings
        .proxy_credentials
        .as_ref()
        .map(|secret| {
            secret
                .reveal()
                .split_once(':')
                .ok_or(SetupError::ProxyCredentials)
        })
        .transpose()?;
    let Some(text) = &settings.proxy else {
        return if credentials.is_some() {
            Err(SetupError::ProxyCredentials)
        } else {
            Ok(None)
        };
    };
    let url = Url::parse(text).map_err(|_| SetupError::Proxy)?;
    let bare = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !bare {
        return Err(SetupError::Proxy);
    }
    let proxy = Proxy::all(url.as_str()).map_err(|_| SetupError::Proxy)?;
    Ok(Some(match credentials {
        Some((name, password)) => proxy.basic_auth(name, password),
        None => proxy,
    }))
}
