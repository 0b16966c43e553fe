//! A small TLS server that follows a live certificate: what a service behind dns01d looks like.
//!
//! Before each handshake it looks whether the files are others than those it has read (a switched symlink,
//! a renamed file). A pair that cannot be read or does not fit together is left aside, and the one in use
//! stays. Connections that are open keep what they began with.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;
use tokio_util::sync::{CancellationToken, DropGuard};

/// For a client that connects and says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum TlsServerError {
    /// The address could not be had.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file is not there.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// Chain and key are not a pair, or not PEM.
    #[error("{} and {} are not a chain and its key: {source}", chain.display(), key.display())]
    Pair {
        /// The chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
        /// What OpenSSL says.
        source: ErrorStack,
    },
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct TlsServer {
    addr: SocketAddr,
    tally: Arc<Tally>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct Tally {
    handshakes: AtomicU64,
    failures: AtomicU64,
    switches: AtomicU64,
}

impl TlsServer {
    /// Serves `chain` and `key`, which must be readable now.
    ///
    /// # Errors
    /// [`TlsServerError`].
    pub async fn start(listen: SocketAddr, chain: &Path, key: &Path) -> Result<Self, TlsServerError> {
        let failed = |source| TlsServerError::Listen { addr: listen, source };
        let live = LivePair {
            chain: chain.to_owned(),
            key: key.to_owned(),
        };
        let first = live.load()?;
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let tally = Arc::new(Tally::default());
        let stop = CancellationToken::new();
        let service = Service {
            live,
            current: Mutex::new(first),
            tally: tally.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(Arc::new(service).serve(listener));
        Ok(TlsServer {
            addr,
            tally,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Handshakes that succeeded.
    pub fn handshakes(&self) -> u64 {
        self.tally.handshakes.load(Ordering::Relaxed)
    }

    /// Handshakes that did not.
    pub fn failures(&self) -> u64 {
        self.tally.failures.load(Ordering::Relaxed)
    }

    /// How often a new pair was taken.
    pub fn switches(&self) -> u64 {
        self.tally.switches.load(Ordering::Relaxed)
    }
}

/// Where the pair is found.
#[derive(Debug)]
struct LivePair {
    chain: PathBuf,
    key: PathBuf,
}

/// A pair as it was read.
#[derive(Clone)]
struct Loaded {
    acceptor: SslAcceptor,
    serial: String,
    stamp: Stamp,
}

/// Device, inode and change time of both files, behind every symlink.
type Stamp = [(u64, u64, i64, i64); 2];

impl LivePair {
    fn stamp(&self) -> Result<Stamp, TlsServerError> {
        let stamp = |path: &Path| {
            let meta = std::fs::metadata(path).map_err(|source| TlsServerError::File {
                path: path.to_owned(),
                source,
            })?;
            Ok((meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec()))
        };
        Ok([stamp(&self.chain)?, stamp(&self.key)?])
    }

    fn load(&self) -> Result<Loaded, TlsServerError> {
        // before reading: a switch in between shows as another stamp at the next look
        let stamp = self.stamp()?;
        let pair = |source| TlsServerError::Pair {
            chain: self.chain.clone(),
            key: self.key.clone(),
            source,
        };
        let acceptor = || {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
            builder.set_certificate_chain_file(&self.chain)?;
            builder.set_private_key_file(&self.key, SslFiletype::PEM)?;
            builder.check_private_key()?;
            Ok(builder.build())
        };
        let acceptor = acceptor().map_err(pair)?;
        let leaf = acceptor
            .context()
            .certificate()
            .map(|leaf| leaf.serial_number().to_bn());
        let serial = match leaf {
            Some(number) => number
                .and_then(|number| number.to_hex_str())
                .map_err(pair)?
                .to_lowercase(),
            None => String::new(),
        };
        Ok(Loaded {
            acceptor,
            serial,
            stamp,
        })
    }
}

struct Service {
    live: LivePair,
    current: Mutex<Loaded>,
    tally: Arc<Tally>,
    stop: CancellationToken,
}

impl Service {
    async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let service = self.clone();
                    tokio::spawn(async move {
                        let stop = service.stop.clone();
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = service.connection(stream) => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// The pair to use now, read again if the files are others.
    fn current(&self) -> Loaded {
        let mut current = self.current.lock();
        let is_same = self.live.stamp().is_ok_and(|stamp| stamp == current.stamp);
        if !is_same {
            match self.live.load() {
                Ok(fresh) => {
                    tracing::info!(serial = fresh.serial, "serving a new certificate");
                    *current = fresh;
                    self.tally.switches.fetch_add(1, Ordering::Relaxed);
                }
                // halfway through a switch; the next connection looks again
                Err(error) => tracing::warn!(%error, "keeping the certificate in use"),
            }
        }
        current.clone()
    }

    async fn connection(&self, stream: TcpStream) {
        // a small answer must not wait for the client's acknowledgement
        let _ = stream.set_nodelay(true);
        let pair = self.current();
        let stream = Ssl::new(pair.acceptor.context()).and_then(|ssl| SslStream::new(ssl, stream));
        let mut stream = match stream {
            Ok(stream) => Box::pin(stream),
            Err(error) => return self.failed(&error),
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.as_mut().accept()).await {
            Ok(Ok(())) => self.tally.handshakes.fetch_add(1, Ordering::Relaxed),
            Ok(Err(error)) => return self.failed(&error),
            Err(elapsed) => return self.failed(&elapsed),
        };
        let service = service_fn(move |_: Request<Incoming>| {
            let body = Body::from(format!("served with certificate {}\n", pair.serial));
            async move { Ok::<_, std::convert::Infallible>(Response::new(body)) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "connection ended early");
        }
    }

    fn failed(&self, error: &dyn std::fmt::Display) {
        self.tally.failures.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, "TLS handshake failed");
    }
}
