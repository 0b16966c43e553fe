//! What a client of AWS is pointed to: it passes on to moto, and remembers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Moto;
use super::served::Served;
use super::signature::Key;
use crate::clock;
use crate::dns::DnsServer;

/// Largest request that anybody sends: a full change batch has some 100 KiB of XML.
const BODY: usize = 4 << 20;

const CHANGE: &str = "ChangeResourceRecordSets";

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The AWS action, `ListHostedZonesByName`; of other services method and path, `GET /token`.
    pub action: String,
    /// Path and query, of a request to a proxy with scheme and host before them.
    pub path: String,
    /// The id of the access key that signed it; empty without one.
    pub key: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// An answer in moto's place.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// A header beside the usual ones.
    pub header: Option<(&'static str, &'static str)>,
    /// The body.
    pub body: String,
    /// Never comes.
    pub hangs: bool,
}

impl Reply {
    /// An answer with this body.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Reply {
            status,
            header: None,
            body: body.into(),
            hangs: false,
        }
    }

    /// An answer with a header beside its body.
    pub fn with_header(status: u16, body: &str, name: &'static str, value: &'static str) -> Self {
        Reply {
            header: Some((name, value)),
            ..Self::new(status, body)
        }
    }

    /// An error as AWS writes it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(
            status,
            format!(
                "<?xml version=\"1.0\"?><ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
            ),
        )
    }

    /// No answer, for as long as the client waits.
    pub fn none() -> Self {
        Reply {
            hangs: true,
            ..Self::new(200, "")
        }
    }
}

#[derive(Debug, Default)]
struct Script {
    seen: Vec<Seen>,
    /// By action: how many more times, and what.
    faults: HashMap<String, (usize, Reply)>,
    /// By action: for good.
    fixed: HashMap<String, Reply>,
    /// By action: denied where the body holds this.
    denied: HashMap<String, String>,
    /// The one that Route 53 takes; without it, any.
    key: Option<Key>,
}

#[derive(Debug)]
struct Shared {
    moto: Arc<Moto>,
    http: reqwest::Client,
    script: Mutex<Script>,
    served: Served,
}

/// A listener of its own before a shared moto; dropping it stops it.
#[derive(Debug)]
pub struct Front {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

impl Front {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// There is no port or no HTTP client.
    pub async fn start(moto: Arc<Moto>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("its port");
        let shared = Arc::new(Shared {
            moto,
            http: reqwest::Client::new(),
            script: Mutex::default(),
            served: Served::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let serving = axum::serve(listener, router);
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            tokio::select! {
                // a request that hangs must not hold it up
                _ = serving => {}
                () = stopped => {}
            }
        });
        Front {
            addr,
            shared,
            _stop: stop.drop_guard(),
        }
    }

    /// What to give as endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers the next `times` requests for an action.
    pub fn fail(&self, action: &str, times: usize, reply: Reply) {
        self.shared
            .script
            .lock()
            .faults
            .insert(action.to_owned(), (times, reply));
    }

    /// Answers all requests for an action: a service that moto has not, `GET /token`.
    pub fn serve(&self, action: &str, reply: Reply) {
        self.shared.script.lock().fixed.insert(action.to_owned(), reply);
    }

    /// Denies requests for an action whose body holds a text, as a policy's condition does.
    pub fn deny(&self, action: &str, text: &str) {
        self.shared
            .script
            .lock()
            .denied
            .insert(action.to_owned(), text.to_owned());
    }

    /// Refuses what was not signed with this access key.
    pub fn demand(&self, id: &str, secret: &str) {
        self.shared.script.lock().key = Some(Key {
            id: id.to_owned(),
            secret: secret.to_owned(),
        });
    }

    /// Has a name server show each zone that is changed through here, before the change is answered.
    pub async fn serve_at(&self, server: Arc<DnsServer>) {
        self.shared.served.by(server).await;
    }

    /// Has it show a zone that was made or changed at moto itself.
    ///
    /// # Panics
    /// If the zone has a record that cannot be served: tests make none.
    pub async fn show(&self, zone: &str) {
        self.shared.served.show(&self.shared.moto, zone).await;
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.script.lock().seen.clone()
    }

    /// Those for one action.
    pub fn seen_of(&self, action: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.action == action);
        seen
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.script.lock().seen.clear();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    let action = action(&head.method, head.uri.path(), &text);
    let path = head.uri.to_string();
    // of a client that takes this for a proxy the address is whole
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let key = head
        .headers
        .get("authorization")
        .and_then(|value| {
            value
                .to_str()
                .ok()?
                .split_once("Credential=")?
                .1
                .split('/')
                .next()
        })
        .unwrap_or_default();
    let reply = {
        let mut script = shared.script.lock();
        let denied = script
            .denied
            .get(&action)
            .is_some_and(|denied| text.contains(denied));
        let key_wanted = script.key.as_ref();
        let unsigned = key_wanted.and_then(|key| key.refuse(&head.method, &head.uri, &head.headers, &body));
        script.seen.push(Seen {
            at: clock::now(),
            action: action.clone(),
            path,
            key: key.to_owned(),
            headers: head.headers.clone(),
            body: text,
        });
        match script.faults.get_mut(&action) {
            Some((times, reply)) if *times > 0 => {
                *times -= 1;
                Some(reply.clone())
            }
            _ if unsigned.is_some() => unsigned,
            _ if denied => Some(Reply::error(403, "AccessDenied", "no policy allows it")),
            _ => script.fixed.get(&action).cloned(),
        }
    };
    if let Some(reply) = reply {
        if reply.hangs {
            // longer than any test
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        let mut response = respond(reply.status, reply.body.into());
        if let Some((name, value)) = reply.header {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        return response;
    }
    let mut headers = head.headers;
    headers.remove("host");
    let passed = shared
        .http
        .request(head.method, format!("http://{}{target}", shared.moto.addr()))
        .headers(headers)
        .body(body)
        .send()
        .await;
    match passed {
        Ok(passed) => {
            let status = passed.status().as_u16();
            if action == CHANGE && status == 200 {
                let zone = target.split('/').nth(3).unwrap_or_default();
                shared.served.show(&shared.moto, zone).await;
            }
            respond(status, Body::from(passed.bytes().await.unwrap_or_default()))
        }
        Err(error) => respond(502, error.to_string().into()),
    }
}

fn respond(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response
}

/// The action of a request, as IAM names it.
fn action(method: &Method, path: &str, body: &str) -> String {
    let route53 = path
        .strip_prefix("/2013-04-01/")
        .map(|rest| rest.trim_end_matches('/'));
    let named = match (method.as_str(), route53) {
        ("GET", Some("hostedzonesbyname")) => Some("ListHostedZonesByName"),
        ("GET", Some(rest)) if rest.ends_with("/rrset") => Some("ListResourceRecordSets"),
        ("POST", Some(rest)) if rest.ends_with("/rrset") => Some(CHANGE),
        ("GET", Some(rest)) if rest.starts_with("change/") => Some("GetChange"),
        // STS: a form
        ("POST", None) => body.split('&').find_map(|field| field.strip_prefix("Action=")),
        _ => None,
    };
    named.map_or_else(|| format!("{method} {path}"), str::to_owned)
}
