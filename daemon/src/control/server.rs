use std::{fmt, io, os::unix::net::UnixListener as StdListener, path::Path, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Options, Peer, SocketError,
    handle::Handle,
    routes,
    socket::{self, SocketFile},
};

/// Enough for people and scripts; each one waiting costs a task and 16 KiB.
const MAX_CONNECTIONS: usize = 64;
/// A client on the same machine sends its request at once.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A request line and a few headers.
const MAX_HEADERS: usize = 16 << 10;
/// Longer than any renewal that somebody looks on at; ends clients that stopped reading.
const MAX_DURATION: Duration = Duration::from_secs(6 * 3600);
/// What was asked before the stop is answered within this, or not at all.
const DRAIN: Duration = Duration::from_secs(5);
/// When accepting fails, descriptors are mostly short: soon there may be some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Says which peers are turned away although user and group would be right:
/// the daemon's plugins, which run as its own user. May block.
pub type Refuse = Arc<dyn Fn(&Peer) -> bool + Send + Sync>;

/// The listening control socket.
pub struct Server {
    listener: UnixListener,
    group: Option<u32>,
    // removes the socket when the server ends; `None` for one that systemd made
    _file: Option<SocketFile>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// How everything of one connection is decided.
struct Doors {
    permitted: Router,
    group: Option<u32>,
    refuse: Refuse,
}

impl Server {
    /// Listens at the path of the options, with mode 0600, or 0660 and the
    /// group of the options. A socket on which nobody listens is replaced.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is no socket afterwards.
    pub fn bind(options: &Options) -> Result<Self, SocketError> {
        let group = socket::group(options)?;
        let (listener, file) = socket::listen(options, group)?;
        Self::of(listener, group, Some(file), &options.socket)
    }

    /// Takes the socket that systemd handed over (see [`super::activated`]);
    /// its unit decides on path and mode, the options on the group. Needs a
    /// tokio runtime.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn activated(listener: StdListener, options: &Options) -> Result<Self, SocketError> {
        let group = socket::group(options)?;
        listener.set_nonblocking(true).map_err(SocketError::Activation)?;
        Self::of(listener, group, None, &options.socket)
    }

    fn of(
        listener: StdListener,
        group: Option<u32>,
        file: Option<SocketFile>,
        path: &Path,
    ) -> Result<Self, SocketError> {
        let listener = UnixListener::from_std(listener).map_err(|source| SocketError::Io {
            operation: "listen on",
            path: path.to_owned(),
            source,
        })?;
        Ok(Server {
            listener,
            group,
            _file: file,
        })
    }

    /// Answers until `stop`; then lets answers in progress finish within 5 s.
    pub async fn serve(self, daemon: Arc<dyn Handle>, refuse: Refuse, stop: CancellationToken) {
        let doors = Arc::new(Doors {
            permitted: routes::routes(daemon),
            group: self.group,
            refuse,
        });
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.accept(&slots) => accepted,
            };
            match accepted {
                Ok((stream, slot)) => {
                    let (doors, stop) = (Arc::clone(&doors), stop.clone());
                    connections.spawn(async move {
                        let _slot = slot;
                        if timeout(MAX_DURATION, connection(stream, &doors, stop))
                            .await
                            .is_err()
                        {
                            warn!("control connection was open for hours and is closed");
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "control connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // no new ones, and the name is free for a successor
        drop(self);
        let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            debug!(connections = connections.len(), "control connections are cut off");
        }
    }

    async fn accept(&self, slots: &Arc<Semaphore>) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, slot))
    }
}

async fn connection(stream: UnixStream, doors: &Arc<Doors>, stop: CancellationToken) {
    let router = match doors.router_for(&stream).await {
        Ok(router) => router,
        Err(error) => {
            warn!(%error, "control peer cannot be identified");
            return;
        }
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        // so that an idle client holds no slot
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "control connection ended early");
    }
}

impl Doors {
    async fn router_for(self: &Arc<Self>, stream: &UnixStream) -> io::Result<Router> {
        let peer = Peer::of(stream)?;
        let doors = Arc::clone(self);
        // users and groups may come over the network, and `refuse` may look into /proc
        let (permitted, refused) = tokio::task::spawn_blocking(move || {
            let permitted = peer.is_permitted(doors.group);
            (permitted, permitted && (doors.refuse)(&peer))
        })
        .await
        .map_err(io::Error::other)?;
        if refused {
            warn!(
                pid = peer.pid,
                uid = peer.uid,
                "a plugin of this daemon asked for control and is refused"
            );
            return Ok(routes::refusal(
                "a plugin may not control the daemon that runs it".to_owned(),
            ));
        }
        if !permitted {
            warn!(pid = peer.pid, uid = peer.uid, "control peer is refused");
            return Ok(routes::refusal(format!(
                "uid {} may not control this daemon",
                peer.uid
            )));
        }
        Ok(self.permitted.clone())
    }
}
