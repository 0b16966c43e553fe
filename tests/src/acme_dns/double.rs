//! The double: its API in front of the lab's DNS server.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::TXT;
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ca::ServerIdentity;
use crate::clock;
use crate::dns::{DnsError, DnsOptions, DnsServer, Zone};
use crate::knobs::KnobCell;
use crate::service::{HttpFault, Service};

/// As the real one serves them.
const TTL: u32 = 1;

/// What the double does other than usual.
#[derive(Clone, Debug, Default)]
pub struct AcmeDnsKnobs {
    /// `disable_registration`: the endpoint is not there.
    pub no_registration: bool,
}

/// One request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AcmeDnsSeen {
    /// Method and path: `POST /update`.
    pub request: String,
    /// The value of an update.
    pub txt: Option<String>,
    /// What was answered.
    pub status: u16,
}

/// A running double; dropping it stops it.
#[derive(Debug)]
pub struct Double {
    shared: Arc<Shared>,
    service: Service,
    faults: Arc<KnobCell<HttpFault>>,
}

#[derive(Debug)]
struct Shared {
    domain: String,
    dns: DnsServer,
    knobs: KnobCell<AcmeDnsKnobs>,
    state: Mutex<BTreeMap<String, Account>>,
    seen: Mutex<Vec<AcmeDnsSeen>>,
}

/// By username in the state.
#[derive(Clone, Debug)]
struct Account {
    password: String,
    subdomain: String,
    allow_from: Vec<String>,
    rows: [Row; 2],
}

#[derive(Clone, Debug, Default)]
struct Row {
    value: String,
    /// Whole seconds, as in the real database: two updates of one second tie.
    last_update: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    allowfrom: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    subdomain: String,
    txt: String,
}

/// An account, as it is given out and as other clients keep it.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// Who changes the name.
    pub username: String,
    /// What proves it.
    pub password: String,
    /// Where the values appear.
    pub fulldomain: String,
    /// Its first label.
    pub subdomain: String,
    /// Networks that may use it; all if there are none.
    pub allowfrom: Vec<String>,
}

impl Double {
    /// Serves names below `domain`, and `zones` beside them, as the zones of its clients.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(domain: &str, mut zones: Vec<Zone>) -> Result<Self, DnsError> {
        zones.push(Zone::new(domain)?);
        let dns = DnsServer::start(DnsOptions::new(zones)).await?;
        let shared = Arc::new(Shared {
            domain: domain.to_owned(),
            dns,
            knobs: KnobCell::default(),
            state: Mutex::default(),
            seen: Mutex::default(),
        });
        let faults = Arc::new(KnobCell::default());
        let service = Service::start(router(shared.clone()), faults.clone(), None)
            .await
            .map_err(listen)?;
        Ok(Double {
            shared,
            service,
            faults,
        })
    }

    /// The same with an API of HTTPS.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn with_tls(mut self, identity: &ServerIdentity) -> Result<Self, DnsError> {
        let router = router(self.shared.clone());
        self.service = Service::start(router, self.faults.clone(), Some(identity))
            .await
            .map_err(listen)?;
        Ok(self)
    }

    /// Address of the API.
    pub fn url(&self) -> &str {
        self.service.url()
    }

    /// The DNS server.
    pub fn dns(&self) -> &DnsServer {
        &self.shared.dns
    }

    /// Its habits.
    pub fn knobs(&self) -> &KnobCell<AcmeDnsKnobs> {
        &self.shared.knobs
    }

    /// What goes wrong from now on.
    pub fn fault(&self, fault: HttpFault) {
        self.faults.update(|current| *current = fault);
    }

    /// Makes an account for use from everywhere, without a request.
    pub fn register(&self) -> Registered {
        self.shared.make(Vec::new())
    }

    /// Accounts made so far.
    pub fn accounts(&self) -> usize {
        self.shared.state.lock().len()
    }

    /// Forgets every account, as after the loss of its database.
    pub fn forget_accounts(&self) {
        self.shared.state.lock().clear();
    }

    /// The requests that reached it, oldest first.
    pub fn seen(&self) -> Vec<AcmeDnsSeen> {
        self.shared.seen.lock().clone()
    }

    /// The values of the updates that it carried out, oldest first.
    pub fn updates(&self) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.status == 200)
            .filter_map(|seen| seen.txt)
            .collect()
    }
}

fn listen(source: io::Error) -> DnsError {
    DnsError::Listen {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        source,
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/register", post(register))
        .route("/update", post(update))
        .route("/health", get(health))
        .fallback(nowhere)
        .with_state(shared)
}

async fn nowhere(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response {
    shared.saw(&format!("{method} {}", uri.path()), None, 404);
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

async fn health(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.saw("GET /health", None, 200);
    StatusCode::OK
}

async fn register(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let answer = shared.register(&body);
    shared.saw("POST /register", None, answer.status().as_u16());
    answer
}

async fn update(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let sent: Option<Update> = serde_json::from_slice(&body).ok();
    let answer = shared.update(&headers, sent.as_ref());
    shared.saw(
        "POST /update",
        sent.map(|sent| sent.txt),
        answer.status().as_u16(),
    );
    answer
}

impl Shared {
    fn saw(&self, request: &str, txt: Option<String>, status: u16) {
        self.seen.lock().push(AcmeDnsSeen {
            request: request.to_owned(),
            txt,
            status,
        });
    }

    fn register(&self, body: &[u8]) -> Response {
        if self.knobs.current().no_registration {
            return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
        }
        let mut allow_from = Vec::new();
        if !body.is_empty() {
            // of any type, as joohoi's client sends it
            match serde_json::from_slice::<Registration>(body) {
                Ok(wanted) => allow_from = wanted.allowfrom,
                Err(_) => return refuse(StatusCode::BAD_REQUEST, "malformed_json_payload"),
            }
        }
        if allow_from.iter().any(|network| range(network).is_none()) {
            return refuse(StatusCode::BAD_REQUEST, "invalid_allowfrom_cidr");
        }
        (StatusCode::CREATED, axum::Json(self.make(allow_from))).into_response()
    }

    /// A new account, as the answer to a registration has it.
    fn make(&self, allow_from: Vec<String>) -> Registered {
        let (username, subdomain) = (uuid(), uuid());
        let mut random = [0; 30];
        openssl::rand::rand_bytes(&mut random).expect("OpenSSL has random bytes");
        let account = Account {
            password: BASE64_URL_SAFE_NO_PAD.encode(random),
            subdomain,
            allow_from,
            rows: Default::default(),
        };
        let registered = Registered {
            username: username.clone(),
            password: account.password.clone(),
            fulldomain: format!("{}.{}", account.subdomain, self.domain),
            subdomain: account.subdomain.clone(),
            allowfrom: account.allow_from.clone(),
        };
        self.state.lock().insert(username, account);
        registered
    }

    fn update(&self, headers: &HeaderMap, sent: Option<&Update>) -> Response {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut state = self.state.lock();
        let account = text("X-Api-User").and_then(|user| state.get_mut(user));
        let (Some(account), Some(sent)) = (account, sent) else {
            return refuse(StatusCode::UNAUTHORIZED, "forbidden");
        };
        let is_allowed = account.allow_from.is_empty()
            || account.allow_from.iter().any(|network| {
                range(network).is_some_and(|(first, last)| {
                    (first..=last).contains(&bits(IpAddr::V4(Ipv4Addr::LOCALHOST)))
                })
            });
        if text("X-Api-Key") != Some(account.password.as_str())
            || !is_allowed
            || sent.subdomain != account.subdomain
            || !is_json(headers)
        {
            return refuse(StatusCode::UNAUTHORIZED, "forbidden");
        }
        if !is_value(&sent.txt) {
            return refuse(StatusCode::BAD_REQUEST, "bad_txt");
        }
        // ORDER BY LastUpdate LIMIT 1: of two that tie, the first row
        let oldest = account.rows.iter_mut().min_by_key(|row| row.last_update);
        if let Some(oldest) = oldest {
            oldest.value.clone_from(&sent.txt);
            oldest.last_update = clock::now().as_second();
        }
        let zone = self.zone(state.values()).expect("names of the double are names");
        drop(state);
        self.dns.put_zone(zone);
        (
            [(header::CONTENT_TYPE, "application/json")],
            json!({ "txt": sent.txt }).to_string(),
        )
            .into_response()
    }

    fn zone<'a>(&self, accounts: impl Iterator<Item = &'a Account>) -> Result<Zone, DnsError> {
        let mut zone = Zone::new(&self.domain)?;
        for account in accounts {
            let name = format!("{}.{}", account.subdomain, self.domain);
            for row in account.rows.iter().filter(|row| !row.value.is_empty()) {
                zone = zone.with(&name, TTL, RData::TXT(TXT::new(vec![row.value.clone()])))?;
            }
        }
        Ok(zone)
    }
}

fn refuse(status: StatusCode, word: &str) -> Response {
    let body = format!("{{\"error\": \"{word}\"}}");
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/json")
}

/// `validTXT`: 43 characters of base64url.
pub(crate) fn is_value(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// First and last address of a network, in bits of IPv6.
fn range(network: &str) -> Option<(u128, u128)> {
    let (address, prefix) = network.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix: u32 = prefix.parse().ok()?;
    let host_bits = if address.is_ipv4() { 32u32 } else { 128 }.checked_sub(prefix)?;
    let hosts = 1u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
    let first = bits(address) & !hosts;
    Some((first, first | hosts))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A random UUID (RFC 9562 section 5.4).
fn uuid() -> String {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL has random bytes");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
