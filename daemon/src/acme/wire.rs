//! How a request reaches a CA: a seam, so that tests can be the CA without a network.

use std::{fmt::Debug, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use reqwest::{Request, Response, header, header::HeaderMap, header::HeaderValue, redirect, tls};

use super::{Fault, Options, SetupError, transport::roots};

/// RFC 8555 6.1: "ACME clients MUST send a User-Agent header field".
const USER_AGENT: &str = concat!(
    env!("CARGO_PKG_NAME"),
    "/",
    env!("CARGO_PKG_VERSION"),
    " (+",
    env!("CARGO_PKG_REPOSITORY"),
    ")"
);
/// A server that does not take a connection in this time will not do so later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Issuance comes in bursts; between them neither side should hold a connection.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// A silent HTTP/2 connection is probed while requests wait on it, else they would all
/// run into their timeouts on a connection that a firewall has forgotten.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// Carries requests to one CA.
pub trait Wire: Debug + Send + Sync {
    /// Sends a request, and gives the answer when its head is there. Its end is bounded in time by whoever carries
    /// it, and in size by whoever reads it. No redirection is followed.
    ///
    /// # Errors
    /// [`Fault::Network`] and its kin, when there is no answer.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Fault>>;
}

/// The network.
#[derive(Debug)]
pub(super) struct Https {
    http: reqwest::Client,
    timeout: Duration,
}

impl Https {
    /// Reads the trust roots; the system's are trusted too, so that a CA may move from a
    /// private certificate to a public one.
    pub(super) fn open(options: &Options) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .timeout(options.request_timeout)
            .connect_timeout(options.request_timeout.min(CONNECT_TIMEOUT))
            .redirect(redirect::Policy::none())
            .referer(false)
            .tls_version_min(tls::Version::TLS_1_2)
            .tls_certs_merge(roots(options)?)
            .pool_idle_timeout(IDLE_CONNECTION)
            .http2_keep_alive_interval(PROBE_INTERVAL)
            .http2_keep_alive_timeout(PROBE_INTERVAL)
            .build()?;
        Ok(Https {
            http,
            timeout: options.request_timeout,
        })
    }
}

impl Wire for Https {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Fault>> {
        let sent = self.http.execute(request);
        async move { sent.await.map_err(|error| Fault::network(&error, self.timeout)) }.boxed()
    }
}
