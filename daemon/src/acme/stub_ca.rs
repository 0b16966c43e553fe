//! A CA for tests that answers as it is told to, on loopback, over plain HTTP.
//!
//! It gives and checks nonces by itself, so that a nonce sent twice is seen.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Method},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

use super::{Account, AccountKey, Algorithm, Client, Options};
use crate::clock::SystemClock;

/// What came to an address other than those of directory and nonces.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    /// The body, a JWS; `Null` without one.
    pub(super) jws: Value,
    /// Its protected header.
    pub(super) header: Value,
    /// Its payload; `Null` for POST-as-GET.
    pub(super) payload: Value,
}

/// What goes back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    pub(super) delay: Duration,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<Body>) -> Self {
        Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    pub(super) fn json(value: &Value) -> Self {
        Answer::new(200, value.to_string())
    }

    pub(super) fn problem(status: u16, kind: &str) -> Self {
        Answer::new(
            status,
            json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": "no"}).to_string(),
        )
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

/// What the directory is like.
type Edit = fn(&mut Value);

/// The server; stops with this value.
pub(super) struct StubCa {
    pub(super) url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Drop for StubCa {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct State {
    directory: Value,
    script: Box<Script>,
    given: Mutex<HashSet<String>>,
    count: AtomicU64,
    /// Requests for a new nonce.
    nonces_asked: AtomicU64,
    /// Percent of good nonces rejected.
    rejects: u64,
    user_agents: Mutex<HashSet<String>>,
    seen: Mutex<Vec<Seen>>,
    /// Nonces that were not given, or came a second time.
    bad: AtomicU64,
}

impl StubCa {
    pub(super) async fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", script).await
    }

    /// One that listens at an address.
    pub(super) async fn start_at(
        address: &str,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::open(address, 0, |_| (), script).await
    }

    /// One that rejects `rejects` percent of good nonces.
    pub(super) async fn rejecting(
        rejects: u64,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::open("127.0.0.1:0", rejects, |_| (), script).await
    }

    /// One whose directory was edited.
    pub(super) async fn with_directory(
        edit: Edit,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::open("127.0.0.1:0", 0, edit, script).await
    }

    async fn open(
        address: &str,
        rejects: u64,
        edit: Edit,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut directory = directory(&url);
        edit(&mut directory);
        let state = Arc::new(State {
            directory,
            script: Box::new(script),
            given: Mutex::default(),
            count: AtomicU64::default(),
            nonces_asked: AtomicU64::default(),
            rejects,
            user_agents: Mutex::default(),
            seen: Mutex::default(),
            bad: AtomicU64::default(),
        });
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move |request: Request| {
            let state = Arc::clone(&shared);
            async move { state.answer(request).await }
        });
        let server =
            tokio::spawn(async move { axum::serve(listener, router).await.expect("the stub serves") });
        StubCa { url, state, server }
    }

    pub(super) fn options(&self) -> Options {
        Options {
            name: "stub".parse().expect("a name"),
            directory: format!("{}/directory", self.url).parse().expect("an address"),
            contacts: Vec::new(),
            agree_terms: true,
            ca_file: None,
            request_timeout: Duration::from_secs(5),
            request_rate: NonZeroU32::MAX,
        }
    }

    pub(super) fn client(&self) -> Client {
        Client::open(self.options(), Arc::new(SystemClock)).expect("a client")
    }

    pub(super) fn account(&self) -> Account {
        let key = Arc::new(AccountKey::generate(Algorithm::Es256).expect("a key"));
        Account::open(
            self.client(),
            key,
            format!("{}/account", self.url).parse().expect("an address"),
        )
    }

    pub(super) fn address<T: std::str::FromStr>(&self, path: &str) -> T {
        format!("{}{path}", self.url).parse().ok().expect("an address")
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().clone()
    }

    pub(super) fn user_agents(&self) -> Vec<String> {
        self.state.user_agents.lock().iter().cloned().collect()
    }

    pub(super) fn nonces_asked(&self) -> u64 {
        self.state.nonces_asked.load(Ordering::Relaxed)
    }

    pub(super) fn bad_nonces(&self) -> u64 {
        self.state.bad.load(Ordering::Relaxed)
    }
}

impl State {
    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let agent = parts
            .headers
            .get("user-agent")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("none");
        self.user_agents.lock().insert(agent.to_owned());
        let path = parts.uri.path();
        let answer = if path == "/directory" {
            Answer::json(&self.directory)
        } else if path == "/nonce" {
            self.nonces_asked.fetch_add(1, Ordering::Relaxed);
            return self.respond(Answer::new(200, "")).await;
        } else {
            let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
            let jws: Value = serde_json::from_slice(&body).unwrap_or_default();
            let (header, payload) = (part(&jws, "protected"), part(&jws, "payload"));
            if parts.method == Method::POST && !self.accepts(header["nonce"].as_str().expect("a nonce")) {
                return self.respond(Answer::problem(400, "badNonce")).await;
            }
            let (path, at) = (path.to_owned(), Instant::now());
            let seen = Seen {
                at,
                method: parts.method,
                path,
                headers: parts.headers,
                jws,
                header,
                payload,
            };
            self.seen.lock().push(seen.clone());
            (self.script)(&seen)
        };
        self.respond(answer).await
    }

    fn accepts(&self, nonce: &str) -> bool {
        if !self.given.lock().remove(nonce) {
            self.bad.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // spread without a pattern that the client could fall into step with
        let draw = openssl::sha::sha256(nonce.as_bytes())[0];
        u64::from(draw) * 100 / 256 >= self.rejects
    }

    async fn respond(&self, answer: Answer) -> Response {
        tokio::time::sleep(answer.delay).await;
        let nonce = format!("nonce-{}", self.count.fetch_add(1, Ordering::Relaxed));
        self.given.lock().insert(nonce.clone());
        let mut response = Response::builder()
            .status(answer.status)
            .header("replay-nonce", nonce);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        response.body(answer.body).expect("a response")
    }
}

fn directory(url: &str) -> Value {
    json!({
        "newNonce": format!("{url}/nonce"),
        "newAccount": format!("{url}/new-account"),
        "newOrder": format!("{url}/new-order"),
        "revokeCert": format!("{url}/revoke"),
        "keyChange": format!("{url}/key-change"),
        "renewalInfo": format!("{url}/renewal-info"),
        "meta": {
            "termsOfService": "https://ca.example/terms",
            "profiles": {"classic": "what you had \u{1b}[2J before", "shortlived": "six days"},
        },
    })
}

/// A part of a JWS, as JSON; `Null` when it is empty.
fn part(jws: &Value, name: &str) -> Value {
    let text = jws[name].as_str().unwrap_or_default();
    let text = URL_SAFE_NO_PAD.decode(text).expect("base64url");
    serde_json::from_slice(&text).unwrap_or_default()
}
