use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{sync::Mutex, time::Instant};

use super::{
    Directory, Error, Fault, Operation, Options, Polled, ProblemKind, SetupError, Wire,
    jws::{self, Payload, Signer},
    limiter::{Gate, Limiter},
    nonce::{Nonce, NoncePool},
    options::NEW_NONCE_RATE,
    pace::Typical,
    renewal_info::Silence,
    transport::{Exchange, Reply, Transport},
};
use crate::clock::Clock;

/// Tries of one request while the CA rejects nonces. At nine rejections in ten, one
/// request in 10^11 fails.
const MAX_NONCE_TRIES: u32 = 250;
/// Tries without a pause: more rejections than this mean a CA in trouble, not bad luck.
const EAGER_NONCE_TRIES: u32 = 16;
/// Each further try waits this much longer than the one before, up to [`MAX_NONCE_PAUSE`].
const NONCE_PAUSE: Duration = Duration::from_millis(2);
const MAX_NONCE_PAUSE: Duration = Duration::from_millis(100);
/// Addresses may move (RFC 8555 names no lifetime); a day is often enough to look.
const DIRECTORY_AGE: Duration = Duration::from_secs(24 * 3600);

/// One CA: connections, directory, nonces and what was learned of its speed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    clock: Arc<dyn Clock>,
    transport: Transport,
    directory: Mutex<CachedDirectory>,
    nonces: NoncePool,
    limiter: Limiter,
    new_nonce_limiter: Limiter,
    gate: Gate,
    silence: Silence,
    validation: Typical,
    issuance: Typical,
    requests: AtomicU64,
    rejected_nonces: AtomicU64,
}

#[derive(Debug, Default)]
struct CachedDirectory {
    directory: Option<(Instant, Arc<Directory>)>,
    failure: Option<(Instant, Error)>,
}

/// What a client has sent since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// All requests.
    pub requests: u64,
    /// Those that were sent again because of `badNonce`.
    pub rejected_nonces: u64,
}

impl Client {
    /// Prepares to speak to the CA; sends nothing.
    ///
    /// native-tls reads the system's trust roots, and reads them twice: nearly 0.1 s of CPU
    /// on OpenSSL 3.0. So make one client for each CA, keep it while its options stay the
    /// same, and make it off the runtime's threads.
    ///
    /// # Errors
    /// When the directory is not https, or the trust roots cannot be used.
    pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let transport = Transport::open(&options)?;
        Ok(Client::with(transport, options, clock))
    }

    /// Over another wire than the network: the seam for tests.
    ///
    /// # Errors
    /// When the directory is not https.
    pub fn over(wire: Arc<dyn Wire>, options: Options, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let transport = Transport::over(&options, wire)?;
        Ok(Client::with(transport, options, clock))
    }

    fn with(transport: Transport, options: Options, clock: Arc<dyn Clock>) -> Self {
        Client(Arc::new(Shared {
            limiter: Limiter::new(options.request_rate),
            new_nonce_limiter: Limiter::new(options.request_rate.min(NEW_NONCE_RATE)),
            gate: Gate::default(),
            silence: Silence::default(),
            options,
            clock,
            transport,
            directory: Mutex::default(),
            nonces: NoncePool::default(),
            validation: Typical::default(),
            issuance: Typical::default(),
            requests: AtomicU64::default(),
            rejected_nonces: AtomicU64::default(),
        }))
    }

    /// What the client was made with.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What was sent so far.
    pub fn counters(&self) -> Counters {
        Counters {
            requests: self.0.requests.load(Ordering::Relaxed),
            rejected_nonces: self.0.rejected_nonces.load(Ordering::Relaxed),
        }
    }

    /// The CA's directory (RFC 8555 7.1.1): asked for once, then once a day. When the daily
    /// look fails the old one stays good.
    ///
    /// # Errors
    /// When there is none yet and the CA does not give it.
    pub async fn directory(&self) -> Result<Arc<Directory>, Error> {
        let asked = Instant::now();
        // held across the request, so that many orders at start ask once
        let mut cached = self.0.directory.lock().await;
        if let Some((since, directory)) = &cached.directory
            && since.elapsed() < DIRECTORY_AGE
        {
            return Ok(Arc::clone(directory));
        }
        // whoever waited for a look that failed shares its failure instead of timing out in turn
        if let Some((at, error)) = &cached.failure
            && *at > asked
        {
            return Err(error.clone());
        }
        let directory = match (self.fetch_directory().await, &cached.directory) {
            (Ok(directory), _) => Arc::new(directory),
            (Err(error), Some((_, old))) => {
                tracing::warn!(ca = %self.0.options.name, %error, "The old directory of the CA stays in use");
                Arc::clone(old)
            }
            (Err(error), None) => {
                cached.failure = Some((Instant::now(), error.clone()));
                return Err(error);
            }
        };
        cached.directory = Some((Instant::now(), Arc::clone(&directory)));
        Ok(directory)
    }

    /// The directory as the CA shows it now, whatever is known of it already.
    ///
    /// # Errors
    /// When the CA does not give it.
    pub async fn directory_now(&self) -> Result<Arc<Directory>, Error> {
        let directory = Arc::new(self.fetch_directory().await?);
        self.0.directory.lock().await.directory = Some((Instant::now(), Arc::clone(&directory)));
        Ok(directory)
    }

    async fn fetch_directory(&self) -> Result<Directory, Error> {
        let url = self.0.options.directory.as_str();
        let reply = self.get(Operation::Directory, url).await?;
        decode(Operation::Directory, url, &reply)
    }

    /// The address of what the CA may offer.
    pub(super) fn offered<'a>(
        &self,
        operation: Operation,
        name: &'static str,
        url: Option<&'a str>,
    ) -> Result<&'a str, Error> {
        let directory = self.0.options.directory.as_str();
        url.ok_or_else(|| Error::new(operation, directory, Fault::NotOffered(name)))
    }

    /// Asks without a signature: the directory, and renewal information (RFC 8555 6.3, RFC 9773 4.1).
    pub(super) async fn get(&self, operation: Operation, url: &str) -> Result<Reply, Error> {
        self.admit(operation, url).await?;
        self.count();
        let exchange = self.0.transport.get(operation, url, self.clock().now()).await;
        self.keep_nonce(exchange)
    }

    /// Asks what may be another server than the CA's: it says nothing of how the CA wants to be asked.
    pub(super) async fn get_elsewhere(&self, operation: Operation, url: &str) -> Result<Reply, Error> {
        self.count();
        let exchange = self.0.transport.get(operation, url, self.clock().now()).await;
        exchange.result
    }

    /// Sends a signed request and reads a resource.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        operation: Operation,
        url: &str,
        signer: Signer<'_>,
        payload: Payload,
    ) -> Result<Polled<T>, Error> {
        let reply = self.post(operation, url, signer, payload).await?;
        Ok(Polled {
            value: decode(operation, url, &reply)?,
            retry_after: reply.retry_after,
        })
    }

    /// Sends a signed request (RFC 8555 6.2), again and again while the CA rejects the nonce.
    ///
    /// RFC 8555 6.5: "an error response [...] MUST include a Replay-Nonce header field with a
    /// fresh nonce that the server will accept in a retry of the original query". Nothing else
    /// is retried here: a request without an answer may have been carried out.
    pub(super) async fn post(
        &self,
        operation: Operation,
        url: &str,
        signer: Signer<'_>,
        payload: Payload,
    ) -> Result<Reply, Error> {
        let failed = |fault| Error::new(operation, url, fault);
        let mut fresh = None;
        for tries in 0..MAX_NONCE_TRIES {
            self.admit(operation, url).await?;
            let nonce = match fresh.take() {
                Some(nonce) => nonce,
                None => self.nonce().await?,
            };
            let body = jws::sign(signer, nonce, url, &payload).map_err(|error| failed(Fault::Sign(error)))?;
            self.count();
            let mut exchange = self
                .0
                .transport
                .post(operation, url, body, self.clock().now())
                .await;
            if !rejects_nonce(&exchange) {
                return self.keep_nonce(exchange);
            }
            self.0.rejected_nonces.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(ca = %self.0.options.name, %operation, tries, "The CA rejected a nonce");
            fresh = exchange.nonce.take();
            if let Some(pause) = nonce_pause(tries) {
                tokio::time::sleep(pause).await;
            }
        }
        Err(failed(Fault::Nonces {
            tries: MAX_NONCE_TRIES,
        }))
    }

    /// One from an earlier answer, else a new one (RFC 8555 7.2).
    async fn nonce(&self) -> Result<Nonce, Error> {
        if let Some(nonce) = self.0.nonces.take() {
            return Ok(nonce);
        }
        let directory = self.directory().await?;
        // the directory's answer may have brought one
        if let Some(nonce) = self.0.nonces.take() {
            return Ok(nonce);
        }
        let url = &directory.new_nonce;
        self.admit(Operation::NewNonce, url).await?;
        // another request's answer may bring one before it is this one's turn to ask
        tokio::select! {
            biased;
            nonce = self.0.nonces.next() => return Ok(nonce),
            () = self.0.new_nonce_limiter.pass() => {}
        }
        if self.0.gate.closed().is_some() {
            self.admit(Operation::NewNonce, url).await?;
        }
        self.count();
        let exchange = self
            .0
            .transport
            .head(Operation::NewNonce, url, self.clock().now())
            .await;
        self.heed(&exchange);
        exchange.result?;
        exchange
            .nonce
            .ok_or_else(|| Error::new(Operation::NewNonce, url, Fault::Header("Replay-Nonce")))
    }

    /// Waits for the turn of a request, and for a CA that serves again soon.
    async fn admit(&self, operation: Operation, url: &str) -> Result<(), Error> {
        loop {
            if let Some(retry_after) = self.0.gate.closed() {
                // no longer than a request may take
                if retry_after > self.0.options.request_timeout {
                    let retry_at = self.clock().now().checked_add(retry_after).ok();
                    let fault = Fault::HeldBack {
                        retry_after,
                        retry_at,
                    };
                    return Err(Error::new(operation, url, fault));
                }
                tokio::time::sleep(retry_after).await;
            }
            self.0.limiter.pass().await;
            // another request's answer may have closed it meanwhile
            if self.0.gate.closed().is_none() {
                return Ok(());
            }
        }
    }

    /// What an answer says to all requests.
    fn heed(&self, exchange: &Exchange) {
        if let Some(wait) = exchange.result.as_ref().err().and_then(Error::closes_the_gate) {
            tracing::warn!(ca = %self.0.options.name, seconds = wait.as_secs(), "The CA serves nobody for a while");
            self.0.gate.close(wait);
        }
    }

    fn keep_nonce(&self, exchange: Exchange) -> Result<Reply, Error> {
        self.heed(&exchange);
        if let Some(nonce) = exchange.nonce {
            self.0.nonces.put(nonce);
        }
        exchange.result
    }

    fn count(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    pub(super) fn silence(&self) -> &Silence {
        &self.0.silence
    }

    pub(super) fn validation_time(&self) -> &Typical {
        &self.0.validation
    }

    pub(super) fn issuance_time(&self) -> &Typical {
        &self.0.issuance
    }
}

/// The pause after a number of rejections, less one.
fn nonce_pause(tries: u32) -> Option<Duration> {
    let late = tries.checked_sub(EAGER_NONCE_TRIES)? + 1;
    Some((NONCE_PAUSE * late).min(MAX_NONCE_PAUSE))
}

fn rejects_nonce(exchange: &Exchange) -> bool {
    exchange
        .result
        .as_ref()
        .is_err_and(|error| error.is(&ProblemKind::BadNonce))
}

/// Reads an answer as JSON. The path of a fault is looked for only when there is one.
pub(super) fn decode<T: DeserializeOwned>(
    operation: Operation,
    url: &str,
    reply: &Reply,
) -> Result<T, Error> {
    serde_json::from_slice(&reply.body).map_err(|_| {
        let reason =
            serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(&reply.body))
                .err()
                .map_or_else(
                    || "characters after its end".to_owned(),
                    |error| error.to_string(),
                );
        Error::new(
            operation,
            url,
            Fault::Malformed {
                reason: super::printable::printable(&reason, 300),
            },
        )
    })
}

#[cfg(test)]
mod tests;
