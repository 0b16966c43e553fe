//! A DNS portal that speaks lego's httpreq protocol and forgives nothing: method, path, type, credentials and
//! fields must be exactly right. lego is served by it unchanged.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode, Uri};
use openssl::sha::sha256;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::acme_dns::is_value;
use crate::ca::ServerIdentity;
use crate::dns::{DnsError, DnsOptions, DnsServer, Zone};
use crate::knobs::KnobCell;
use crate::service::{HttpFault, Service};

/// How the portal is set up.
#[derive(Clone, Debug)]
pub struct PortalOptions {
    /// The zones that it writes to.
    pub zones: Vec<String>,
    /// Whether it takes challenges (`RAW`) instead of records.
    pub is_raw: bool,
    /// Name and password of basic authentication.
    pub credentials: Option<(String, String)>,
    /// A header that must be there: lower-case name and value.
    pub header: Option<(String, String)>,
    /// By HTTPS, as this.
    pub identity: Option<ServerIdentity>,
}

impl PortalOptions {
    /// Records of this zone, from anybody, by HTTP.
    pub fn new(zone: &str) -> Self {
        PortalOptions {
            zones: vec![zone.to_owned()],
            is_raw: false,
            credentials: None,
            header: None,
            identity: None,
        }
    }
}

/// One request, as it was judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PortalSeen {
    /// Method and path.
    pub request: String,
    /// What was answered.
    pub status: u16,
    /// Why not 200.
    pub complaint: String,
}

/// A running portal; dropping it stops it.
#[derive(Debug)]
pub struct Portal {
    shared: Arc<Shared>,
    service: Service,
    faults: Arc<KnobCell<HttpFault>>,
}

#[derive(Debug)]
struct Shared {
    options: PortalOptions,
    dns: DnsServer,
    records: Mutex<BTreeSet<(String, String)>>,
    seen: Mutex<Vec<PortalSeen>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    fqdn: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenge {
    domain: String,
    token: String,
    #[serde(rename = "keyAuth")]
    key_auth: String,
}

impl Portal {
    /// Where the portal is below its host: a client must append to it.
    const BASE: &'static str = "/dns/v1";

    /// Starts it with empty zones.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(options: PortalOptions) -> Result<Self, DnsError> {
        let zones = options.zones.iter().map(|zone| Zone::new(zone));
        let dns = DnsServer::start(DnsOptions::new(zones.collect::<Result<_, _>>()?)).await?;
        let identity = options.identity.clone();
        let shared = Arc::new(Shared {
            options,
            dns,
            records: Mutex::default(),
            seen: Mutex::default(),
        });
        let faults = Arc::new(KnobCell::default());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let service = Service::start(router, faults.clone(), identity.as_ref())
            .await
            .map_err(|source: io::Error| DnsError::Listen {
                addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                source,
            })?;
        Ok(Portal {
            shared,
            service,
            faults,
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("{}{}", self.service.url(), Self::BASE)
    }

    /// The zones' server.
    pub fn dns(&self) -> &DnsServer {
        &self.shared.dns
    }

    /// What goes wrong from now on.
    pub fn fault(&self, fault: HttpFault) {
        self.faults.update(|current| *current = fault);
    }

    /// Waits until this many requests wait for an answer in [`HttpFault::Silence`].
    ///
    /// # Panics
    /// When it does not come to that in the time.
    pub async fn keeps_waiting(&self, count: usize, within: Duration) {
        let counted = async {
            while self.service.kept_waiting() != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(within, counted).await;
        assert!(waited.is_ok(), "not {count} requests within {within:?}");
    }

    /// The values at a name with its final dot, sorted.
    pub fn values(&self, fqdn: &str) -> Vec<String> {
        let records = self.shared.records.lock();
        let at = records.iter().filter(|(name, _)| name == fqdn);
        at.map(|(_, value)| value.clone()).collect()
    }

    /// The requests that reached it, oldest first.
    pub fn seen(&self) -> Vec<PortalSeen> {
        self.shared.seen.lock().clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let judged = shared.judge(&method, uri.path(), &headers, &body);
    let (status, complaint) = match judged {
        Ok(()) => (StatusCode::OK, String::new()),
        Err(refused) => refused,
    };
    shared.seen.lock().push(PortalSeen {
        request: format!("{method} {}", uri.path()),
        status: status.as_u16(),
        complaint: complaint.clone(),
    });
    (status, complaint).into_response()
}

type Refused = (StatusCode, String);

impl Shared {
    fn judge(&self, method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
        self.knows(headers)?;
        let adds = match path.strip_prefix(Portal::BASE) {
            Some("/present") => true,
            Some("/cleanup") => false,
            _ => return Err((StatusCode::NOT_FOUND, format!("nothing is at {path}"))),
        };
        if *method != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not POST")));
        }
        if headers
            .get(header::CONTENT_TYPE)
            .is_none_or(|value| value != "application/json")
        {
            return Err((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json".to_owned(),
            ));
        }
        let (fqdn, value) = self.record(body)?;
        let origin = self.zone_of(&fqdn).ok_or_else(|| {
            let why = format!("`{fqdn}` is in none of our zones");
            (StatusCode::UNPROCESSABLE_ENTITY, why)
        })?;
        let mut records = self.records.lock();
        if adds {
            records.insert((fqdn, value));
        } else {
            records.remove(&(fqdn, value));
        }
        let wrong = |error: DnsError| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
        let mut zone = Zone::new(origin).map_err(wrong)?;
        let here = records
            .iter()
            .filter(|(fqdn, _)| self.zone_of(fqdn) == Some(origin));
        for (fqdn, value) in here {
            zone = zone.with_txt(fqdn, value).map_err(wrong)?;
        }
        self.dns.put_zone(zone);
        Ok(())
    }

    /// The longest zone that a name is in.
    fn zone_of(&self, fqdn: &str) -> Option<&str> {
        let name = fqdn.strip_suffix('.').unwrap_or(fqdn);
        let is_in = |zone: &&String| {
            let above = name.strip_suffix(zone.as_str());
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        let zones = self.options.zones.iter().filter(is_in);
        zones.max_by_key(|zone| zone.len()).map(String::as_str)
    }

    fn knows(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let wanted = self.options.credentials.as_ref().map(|(name, password)| {
            let pair = BASE64_STANDARD.encode(format!("{name}:{password}"));
            (header::AUTHORIZATION.as_str(), format!("Basic {pair}"))
        });
        let further = self.options.header.as_ref();
        let further = further.map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in wanted.into_iter().chain(further) {
            if headers.get(name).is_none_or(|found| *found != *value) {
                return Err((StatusCode::UNAUTHORIZED, format!("{name} is not right")));
            }
        }
        Ok(())
    }

    /// Name and value that a body means.
    fn record(&self, body: &[u8]) -> Result<(String, String), Refused> {
        let refused = |what: String| (StatusCode::BAD_REQUEST, what);
        if self.options.is_raw {
            let Challenge {
                domain,
                token,
                key_auth,
            } = serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
            // RFC 8555 8.1: the token, a dot, the thumbprint
            let thumbprint = key_auth
                .strip_prefix(&token)
                .and_then(|rest| rest.strip_prefix('.'));
            if token.is_empty() || !thumbprint.is_some_and(is_value) {
                return Err(refused("keyAuth is not of this token".to_owned()));
            }
            if domain.ends_with('.') || domain.starts_with('*') || domain.is_empty() {
                return Err(refused(format!("`{domain}` is not a domain to validate")));
            }
            let value = BASE64_URL_SAFE_NO_PAD.encode(sha256(key_auth.as_bytes()));
            Ok((format!("_acme-challenge.{domain}."), value))
        } else {
            let Record { fqdn, value } =
                serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?;
            if !fqdn.starts_with("_acme-challenge.") || !fqdn.ends_with('.') {
                return Err(refused(format!("`{fqdn}` is not absolute, or no challenge")));
            }
            if !is_value(&value) {
                return Err(refused("the value is none of dns-01".to_owned()));
            }
            Ok((fqdn, value))
        }
    }
}
