//! An HTTP portal that speaks lego's `httpreq` protocol and shows what it was told.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// User and password that it lets in.
pub const USER: &str = "dns01d";
/// See [`USER`].
pub const PASSWORD: &str = "p0rtal-passw0rd-of-the-test";

/// How it behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It does what it is asked.
    #[default]
    Willing,
    /// It answers with this status, and repeats the request's credentials as careless servers do.
    Answers(u16),
    /// It takes the request and says nothing.
    Silent,
}

/// A running portal; it ends when dropped.
pub struct Portal {
    addr: SocketAddr,
    state: Arc<Told>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Told {
    records: Mutex<BTreeSet<(String, String)>>,
    mood: Mutex<Mood>,
    // requests that wait for an answer; a client that hangs up is no longer among them
    held: Mutex<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    fqdn: String,
    value: String,
}

impl Portal {
    /// Starts it on a free port.
    pub async fn start() -> Portal {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(Told::default());
        let router = Router::new()
            .route("/dns/{operation}", post(answer))
            .with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Portal { addr, state, task }
    }

    /// Where it is, for HTTPREQ_ENDPOINT.
    pub fn endpoint(&self) -> String {
        format!("http://{}/dns", self.addr)
    }

    /// Changes how it behaves.
    pub fn becomes(&self, mood: Mood) {
        *self.state.mood.lock() = mood;
    }

    /// The values at a name.
    pub fn values(&self, fqdn: &str) -> Vec<String> {
        let records = self.state.records.lock();
        let at = records.iter().filter(|(name, _)| name == fqdn);
        at.map(|(_, value)| value.clone()).collect()
    }

    /// Waits until it holds this many unanswered requests.
    pub async fn holds(&self, count: usize, within: Duration) {
        let counted = async {
            while *self.state.held.lock() != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(within, counted).await;
        assert!(waited.is_ok(), "not {count} requests within {within:?}");
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Held(Arc<Told>);

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.held.lock() -= 1;
    }
}

async fn answer(
    State(told): State<Arc<Told>>,
    Path(operation): Path<String>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let sent = headers
        .get("authorization")
        .map_or("", |value| value.to_str().unwrap_or_default());
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let mood = *told.mood.lock();
    match mood {
        Mood::Willing => {}
        Mood::Answers(status) => {
            let given = STANDARD
                .decode(sent.trim_start_matches("Basic "))
                .unwrap_or_default();
            let said = format!("no: you said {}", String::from_utf8_lossy(&given));
            return (StatusCode::from_u16(status).unwrap(), said);
        }
        Mood::Silent => {
            *told.held.lock() += 1;
            let _held = Held(told.clone());
            return std::future::pending().await;
        }
    }
    if sent != expected {
        return (StatusCode::UNAUTHORIZED, "who are you?".to_owned());
    }
    let Ok(Message { fqdn, value }) = serde_json::from_str(&body) else {
        return (StatusCode::BAD_REQUEST, "not a message of httpreq".to_owned());
    };
    let mut records = told.records.lock();
    match operation.as_str() {
        "present" => records.insert((fqdn, value)),
        "cleanup" => records.remove(&(fqdn, value)),
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    (StatusCode::OK, String::new())
}
