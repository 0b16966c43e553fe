//! HTTP to one CA, with every answer bounded in time and size.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{
    Certificate, Method, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

use super::{
    Error, Fault, Operation, Options, Problem, Wire, link, nonce::Nonce, printable::printable, retry_after,
    wire::Https,
};
use crate::types::CertificateUrl;

/// Longest body read. A chain has under 40 KiB, an order of a hundred names under 30.
pub(super) const MAX_BODY: usize = 1024 * 1024;
/// Longest list of revoked certificates. Let's Encrypt's parts have under a megabyte, those of others tens.
const MAX_CRL: usize = 32 * 1024 * 1024;
/// Longest file of trust roots.
const MAX_ROOTS: u64 = 4 * 1024 * 1024;
/// Characters of an unexpected body shown to the operator.
const EXCERPT: usize = 200;

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");
const JOSE: HeaderValue = HeaderValue::from_static("application/jose+json");

/// Why a client for a CA cannot be made: the configuration or a file must change.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not `https`, and not `http` on this machine.
    #[error("the directory {0} is not https; http is allowed on loopback only")]
    InsecureDirectory(Url),
    /// The trust roots cannot be read.
    #[error("cannot read the trust roots {}: {source}", .path.display())]
    ReadRoots {
        /// The configured file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds no certificates in PEM form.
    #[error("{} holds no certificates in PEM form that can be trust roots", .path.display())]
    Roots {
        /// The configured file.
        path: PathBuf,
    },
    /// The HTTP client cannot be built.
    #[error("cannot set up HTTPS: {0}")]
    Http(#[from] reqwest::Error),
}

/// Connections to one CA.
#[derive(Debug)]
pub(super) struct Transport {
    wire: Arc<dyn Wire>,
    timeout: Duration,
    /// True when the directory itself is `http` on loopback.
    plain: bool,
    /// True when the directory is on loopback.
    is_here: bool,
    max_body: usize,
}

/// An answer with a status of success.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) body: Vec<u8>,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// Only of a certificate (RFC 8555 7.4.2).
    pub(super) alternates: Vec<CertificateUrl>,
}

/// What every answer may bring, success or not.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) nonce: Option<Nonce>,
    pub(super) result: Result<Reply, Error>,
}

impl Transport {
    /// Over the network.
    pub(super) fn open(options: &Options) -> Result<Self, SetupError> {
        check_directory(options)?;
        Transport::over(options, Arc::new(Https::open(options)?))
    }

    /// Over another wire: the seam for tests.
    pub(super) fn over(options: &Options, wire: Arc<dyn Wire>) -> Result<Self, SetupError> {
        check_directory(options)?;
        Ok(Transport {
            wire,
            timeout: options.request_timeout,
            plain: is_loopback_http(&options.directory),
            is_here: is_loopback(&options.directory),
            max_body: MAX_BODY,
        })
    }

    pub(super) async fn get(&self, operation: Operation, url: &str, now: Timestamp) -> Exchange {
        self.exchange(operation, Method::GET, url, None, now).await
    }

    pub(super) async fn head(&self, operation: Operation, url: &str, now: Timestamp) -> Exchange {
        self.exchange(operation, Method::HEAD, url, None, now).await
    }

    pub(super) async fn post(
        &self,
        operation: Operation,
        url: &str,
        body: String,
        now: Timestamp,
    ) -> Exchange {
        self.exchange(operation, Method::POST, url, Some(body), now).await
    }

    async fn exchange(
        &self,
        operation: Operation,
        method: Method,
        url: &str,
        body: Option<String>,
        now: Timestamp,
    ) -> Exchange {
        let mut nonce = None;
        let result = self
            .try_exchange(method, url, body, now, operation, &mut nonce)
            .await;
        Exchange {
            nonce,
            result: result.map_err(|fault| Error::new(operation, url, fault)),
        }
    }

    async fn try_exchange(
        &self,
        method: Method,
        url: &str,
        body: Option<String>,
        now: Timestamp,
        operation: Operation,
        nonce: &mut Option<Nonce>,
    ) -> Result<Reply, Fault> {
        let url = Url::parse(url).map_err(Fault::Address)?;
        let allowed = match operation {
            // signed by the issuer, and public: CAs publish them over plain HTTP (RFC 5280 8)
            Operation::Crl => self.may_read_list(&url),
            _ => self.may_ask(&url),
        };
        if !allowed {
            return Err(Fault::Insecure);
        }
        let asked = url.clone();
        let mut request = reqwest::Request::new(method, url);
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, JOSE);
            *request.body_mut() = Some(body.into());
        }
        if operation == Operation::Certificate {
            // RFC 8555 7.4.2: the default format, and the only one that every CA has
            let pem = HeaderValue::from_static("application/pem-certificate-chain");
            request.headers_mut().insert(header::ACCEPT, pem);
        }
        let mut response = self.wire.send(request).await?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        *nonce = text(&headers, &REPLAY_NONCE).and_then(Nonce::parse);
        tracing::trace!(%operation, status = status.as_u16(), "The CA answered");
        let limit = match operation {
            Operation::Crl => MAX_CRL,
            _ => self.max_body,
        };
        let body = self.read(response, limit).await?;
        let mut reply = answer(operation, status, &headers, body, now)?;
        if operation == Operation::Certificate {
            reply.alternates = link::alternates(&headers, &asked)
                .into_iter()
                .filter(|url| self.may_ask(url))
                .filter_map(|url| url.as_str().parse().ok())
                .collect();
        }
        Ok(reply)
    }

    /// A CA on https never has a reason to send us elsewhere, least of all to this machine.
    fn may_ask(&self, url: &Url) -> bool {
        url.scheme() == "https" || self.plain && is_loopback_http(url)
    }

    /// No certificate leads a request to this machine, unless the CA is here.
    fn may_read_list(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https") && (self.is_here || !is_loopback(url))
    }

    async fn read(&self, mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, Fault> {
        let announced = response.content_length().unwrap_or(0);
        if announced > limit as u64 {
            return Err(Fault::TooLong { limit });
        }
        let mut body = Vec::with_capacity(announced as usize);
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Fault::network(&error, self.timeout))?
        {
            if body.len() + chunk.len() > limit {
                return Err(Fault::TooLong { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn answer(
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<Reply, Fault> {
    let retry_after = text(headers, &header::RETRY_AFTER)
        .and_then(|value| retry_after::parse(value, text(headers, &header::DATE), now));
    let location = || text(headers, &header::LOCATION).map(str::to_owned);
    if status.is_success() {
        return Ok(Reply {
            body,
            location: location(),
            retry_after,
            alternates: Vec::new(),
        });
    }
    let retry_at = retry_after.and_then(|wait| now.checked_add(wait).ok());
    let status = status.as_u16();
    if (300..400).contains(&status) {
        return Err(Fault::Redirect {
            status,
            location: location().map(|text| printable(&text, EXCERPT)),
        });
    }
    // RFC 8555 7.3.5: "the Location header field [...] the URL of the account"
    if let (Operation::KeyChange, 409, Some(account)) = (operation, status, location()) {
        let account = printable(&account, EXCERPT);
        return Err(Fault::KeyInUse { account });
    }
    Err(match Problem::parse(&body) {
        Some(problem) => Fault::Refused {
            status,
            problem: Box::new(problem),
            retry_after,
            retry_at,
        },
        None => {
            let excerpt = printable(
                &String::from_utf8_lossy(&body[..body.len().min(8 * EXCERPT)]),
                EXCERPT,
            );
            Fault::Status {
                status,
                excerpt,
                retry_after,
                retry_at,
            }
        }
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn check_directory(options: &Options) -> Result<(), SetupError> {
    let directory = &options.directory;
    if directory.scheme() == "https" || is_loopback_http(directory) {
        return Ok(());
    }
    Err(SetupError::InsecureDirectory(directory.clone()))
}

pub(super) fn roots(options: &Options) -> Result<Vec<Certificate>, SetupError> {
    let Some(path) = &options.ca_file else {
        return Ok(Vec::new());
    };
    match Certificate::from_pem_bundle(&read_roots(path)?) {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(SetupError::Roots { path: path.clone() }),
    }
}

/// A file of trust roots.
pub(super) fn read_roots(path: &Path) -> Result<Vec<u8>, SetupError> {
    let read = || {
        if std::fs::metadata(path)?.len() > MAX_ROOTS {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "over 4 MiB"));
        }
        std::fs::read(path)
    };
    read().map_err(|source| SetupError::ReadRoots {
        path: path.to_owned(),
        source,
    })
}

fn is_loopback_http(url: &Url) -> bool {
    url.scheme() == "http" && is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
