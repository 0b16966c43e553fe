//! Small HTTP services of the lab: a router on a free port of loopback, with faults for every request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use hyper::{StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ca::{Reset, ServerIdentity, acceptor, connection};
use crate::knobs::KnobCell;

/// What goes wrong with the next requests.
#[derive(Clone, Debug, Default)]
pub enum HttpFault {
    /// Nothing.
    #[default]
    None,
    /// This status with this body, and nothing is done.
    Answer(u16, String),
    /// As [`HttpFault::Answer`] with 429 and a Retry-After.
    RateLimited(u64),
    /// A page that is not what was asked for, as success; nothing is done.
    Page,
    /// It takes this long before anything is done.
    Delay(Duration),
    /// It takes the whole request and says nothing for as long as the client waits; nothing is done.
    Silence,
    /// The connection ends before anything is done.
    Reset,
    /// It is done, and the connection ends without the answer.
    LoseAnswer,
}

/// A running service; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Service {
    url: String,
    kept: Arc<AtomicUsize>,
    _stop: DropGuard,
}

/// A request that gets no answer; a client that hangs up drops it.
struct Kept(Arc<AtomicUsize>);

impl Kept {
    fn one_of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Kept(count.clone())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    /// Serves `router` by HTTP, or by HTTPS as `identity`.
    pub(crate) async fn start(
        router: Router,
        faults: Arc<KnobCell<HttpFault>>,
        identity: Option<&ServerIdentity>,
    ) -> io::Result<Self> {
        let kept = Arc::new(AtomicUsize::new(0));
        let around = middleware::from_fn_with_state((faults, kept.clone()), around);
        let service = Self::listen((Ipv4Addr::LOCALHOST, 0).into(), router.layer(around), identity).await?;
        Ok(Service { kept, ..service })
    }

    /// The same at this address, for a router that has faults of its own.
    pub(crate) async fn listen(
        addr: SocketAddr,
        router: Router,
        identity: Option<&ServerIdentity>,
    ) -> io::Result<Self> {
        let tls = identity.map(acceptor).transpose()?;
        let listener = TcpListener::bind(addr).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (served, stopped) = (connection(stream, tls.clone(), router.clone()), stopped.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stopped.cancelled() => {}
                        () = served => {}
                    }
                });
            }
        });
        Ok(Service {
            url,
            kept: Arc::default(),
            _stop: stop.drop_guard(),
        })
    }

    /// Where it is, without a path.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many requests wait in [`HttpFault::Silence`] now.
    pub(crate) fn kept_waiting(&self) -> usize {
        self.kept.load(Ordering::SeqCst)
    }
}

async fn around(
    State((faults, kept)): State<(Arc<KnobCell<HttpFault>>, Arc<AtomicUsize>)>,
    request: Request,
    next: Next,
) -> Response {
    let reset = |mut answer: Response| {
        answer.extensions_mut().insert(Reset);
        answer
    };
    match faults.current() {
        HttpFault::None => next.run(request).await,
        HttpFault::Answer(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, body).into_response()
        }
        HttpFault::RateLimited(seconds) => (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, seconds.to_string())],
            "slow down",
        )
            .into_response(),
        HttpFault::Page => axum::response::Html("<html>\n<h1>Welcome</h1>").into_response(),
        HttpFault::Delay(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        HttpFault::Silence => {
            // before its end is read, hyper does not see that a client hangs up
            let _read = request.into_body().collect().await;
            let _kept = Kept::one_of(&kept);
            std::future::pending().await
        }
        HttpFault::Reset => reset(StatusCode::OK.into_response()),
        HttpFault::LoseAnswer => reset(next.run(request).await),
    }
}
