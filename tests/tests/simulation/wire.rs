//! The way to a CA: its router is called, and everything that passes is shown to whoever watches.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use dns01d::{
    acme::{Fault, Wire},
    clock::Clock,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Request, Response, service::Service as _};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use lab::ca::Reset;
use parking_lot::Mutex;

use super::fuse::Fuse;

/// What is read of a body at most: more than the daemon takes, and less than the CA might send.
const MOST: usize = 4 * 1024 * 1024;

/// A request and its answer.
pub struct Seen<'a> {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When the answer came.
    pub at: Timestamp,
    /// The same among all that happened on this wire: much happens at one moment where no time passes.
    pub sent_as: u64,
    /// Of the answer.
    pub answered_as: u64,
    /// `/new-order`.
    pub path: &'a str,
    /// The signed body, or nothing.
    pub sent: &'a [u8],
    /// 0 where there is no answer.
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

type Watcher = Box<dyn Fn(&Seen<'_>) + Send + Sync>;

pub struct CaWire {
    router: Router,
    clock: Arc<dyn Clock>,
    fuse: Arc<Fuse>,
    timeout: Duration,
    /// Nobody is there.
    pub away: AtomicBool,
    watchers: Mutex<Vec<Arc<Watcher>>>,
    /// Requests sent and answers that came.
    events: AtomicU64,
}

impl fmt::Debug for CaWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaWire").finish_non_exhaustive()
    }
}

impl CaWire {
    pub fn new(router: Router, clock: Arc<dyn Clock>, fuse: Arc<Fuse>, timeout: Duration) -> Self {
        CaWire {
            router,
            clock,
            fuse,
            timeout,
            away: AtomicBool::new(false),
            watchers: Mutex::default(),
            events: AtomicU64::default(),
        }
    }

    pub fn watch(&self, watcher: impl Fn(&Seen<'_>) + Send + Sync + 'static) {
        self.watchers.lock().push(Arc::new(Box::new(watcher)));
    }

    async fn exchange(&self, request: Request<Body>) -> Result<(Response<()>, Vec<u8>), Fault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Fault::Unreachable("the CA is away".into()));
        }
        let answered = async {
            let Ok(answer) = TowerToHyperService::new(self.router.clone()).call(request).await;
            if answer.extensions().get::<Reset>().is_some() {
                return Err(Fault::Network("the connection was reset".into()));
            }
            let (head, mut body) = answer.into_parts();
            let mut octets = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| Fault::Network(error.to_string()))?;
                if let Ok(data) = frame.into_data() {
                    octets.extend_from_slice(&data);
                }
                if octets.len() > MOST {
                    break;
                }
            }
            Ok((Response::from_parts(head, ()), octets))
        };
        tokio::time::timeout(self.timeout, answered)
            .await
            .unwrap_or(Err(Fault::Timeout(self.timeout)))
    }
}

impl Wire for CaWire {
    fn send(&self, request: reqwest::Request) -> BoxFuture<'_, Result<reqwest::Response, Fault>> {
        async move {
            self.fuse.burn().await;
            let sent_at = self.clock.now();
            let sent_as = self.events.fetch_add(1, Ordering::Relaxed);
            let sent = request
                .body()
                .and_then(|body| body.as_bytes())
                .unwrap_or_default()
                .to_vec();
            let path = request.url().path().to_owned();
            let mut asked = Request::new(Body::from(sent.clone()));
            *asked.method_mut() = request.method().clone();
            *asked.uri_mut() = path.parse().unwrap();
            asked.headers_mut().clone_from(request.headers());
            let answer = self.exchange(asked).await;
            let none = HeaderMap::new();
            let seen = Seen {
                sent_at,
                at: self.clock.now(),
                sent_as,
                answered_as: self.events.fetch_add(1, Ordering::Relaxed),
                path: &path,
                sent: &sent,
                status: answer.as_ref().map_or(0, |(head, _)| head.status().as_u16()),
                headers: answer.as_ref().map_or(&none, |(head, _)| head.headers()),
                body: answer.as_ref().map_or(&[], |(_, body)| body),
            };
            let watchers = self.watchers.lock().clone();
            for watcher in watchers {
                watcher(&seen);
            }
            // a kill may come while the answer is on its way
            self.fuse.burn().await;
            let (head, body) = answer?;
            Ok(reqwest::Response::from(head.map(|()| body)))
        }
        .boxed()
    }
}
