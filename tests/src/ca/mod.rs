//! An ACME CA (RFC 8555) in memory that validates for real, misbehaves on demand and counts everything.
//!
//! One file per resource; what can be made different about it is in [`CaKnobs`]; what it did is read
//! through [`AcmeCa`]'s methods.

mod account;
mod authority;
mod authorization;
mod cert_id;
mod certificate;
mod certificate_fault;
mod challenge;
mod challenge_type;
mod control;
mod crl;
mod csr;
mod dice;
mod directory;
mod endpoint;
mod external_account;
mod faults;
mod finalize;
mod http;
mod identifier;
mod issuance;
mod issuer;
mod jwk;
mod jws;
mod key_change;
mod knobs;
mod ledger;
mod limits;
mod new_order;
mod nonce;
mod order;
mod persist;
mod post;
mod problem;
mod profile;
mod renewal_info;
mod replacement;
mod retry_after;
mod revocation;
mod server_identity;
mod state;
mod terms;
mod vantage;

pub use certificate_fault::CertificateFault;
pub use challenge_type::ChallengeType;
pub use control::ControlError;
pub use endpoint::Endpoint;
pub use external_account::ExternalAccount;
pub use faults::Reset;
pub(crate) use http::{acceptor, connection};
pub use knobs::{CaKnobs, Fault, FaultRule, NameProblem, NameStage, Phase, When};
pub use ledger::{Counts, CsrTaken, IssuedCertificate, RenewalPoll, RequestSeen, ValidationSeen};
pub use limits::{Limit, LimitHit, Limits, Quota};
pub use problem::{Problem, ProblemType, Subproblem};
pub use profile::Profile;
pub use renewal_info::{RenewalAnswers, Window};
pub use replacement::ReplacesAnswers;
pub use retry_after::RetryAfter;
pub use server_identity::ServerIdentity;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::Router;
use dns01d::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use openssl::error::ErrorStack;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::dns::DnsServer;
use crate::knobs::KnobCell;
use dice::Dice;
use issuer::Issuer;
use nonce::Nonces;
use server_identity::pem;
use state::State;
use vantage::Vantage;

/// How the CA starts.
#[derive(Clone, Debug)]
pub struct CaOptions {
    /// Where HTTPS listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where plain HTTP listens as well, for clients that must refuse it.
    pub listen_http: Option<SocketAddr>,
    /// DNS servers that validation asks, all of them: authorities or resolvers. Each must answer for the name, or for
    /// what its alias leads to.
    pub dns: Vec<SocketAddr>,
    /// The first knobs.
    pub knobs: CaKnobs,
    /// Makes the chance in nonces and faults repeatable.
    pub seed: u64,
}

impl CaOptions {
    /// A well-behaved CA on a free port of 127.0.0.1.
    pub fn new(dns: Vec<SocketAddr>) -> Self {
        CaOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            listen_http: None,
            dns,
            knobs: CaKnobs::default(),
            seed: 1,
        }
    }
}

/// Why the CA could not start.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The address could not be had.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// OpenSSL would not make a key or certificate.
    #[error("cannot make the lab CA's certificates: {0}")]
    Crypto(#[from] ErrorStack),
}

/// The CA itself, shared by its connections.
#[derive(Debug)]
struct Ca {
    clock: Arc<dyn Clock>,
    issuer: Issuer,
    vantage: Vantage,
    knobs: KnobCell<CaKnobs>,
    dice: Mutex<Dice>,
    nonces: Mutex<Nonces>,
    state: Mutex<State>,
    /// Where plain HTTP is served.
    http_base: OnceLock<String>,
    /// Ends `processing` before its time.
    hurry: Arc<Notify>,
    stop: CancellationToken,
}

/// The address of a CA without a socket: nobody listens there.
const OFFLINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

impl Ca {
    fn new(
        vantage: Vantage,
        clock: Arc<dyn Clock>,
        knobs: CaKnobs,
        seed: u64,
    ) -> Result<Arc<Self>, ErrorStack> {
        Ok(Arc::new(Ca {
            issuer: Issuer::new(clock.now())?,
            clock,
            vantage,
            knobs: KnobCell::new(knobs),
            dice: Mutex::new(Dice::new(seed)),
            nonces: Mutex::new(Nonces::new(seed)),
            state: Mutex::new(State::default()),
            http_base: OnceLock::new(),
            hurry: Arc::default(),
            stop: CancellationToken::new(),
        }))
    }

    /// The CA's own time of day.
    fn now(&self) -> Timestamp {
        self.clock.now() + SignedDuration::from_secs(self.knobs.update(|knobs| knobs.clock_offset))
    }

    /// Runs work of the CA until it is done or the CA is dropped.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }
}

/// The CA under one of its addresses.
#[derive(Clone, Debug)]
struct Site {
    ca: Arc<Ca>,
    base: Arc<str>,
}

impl Site {
    /// As clients are told.
    fn url(&self, path: &str) -> String {
        if !self.ca.knobs.update(|knobs| knobs.http_urls) {
            return self.here(path);
        }
        match self.ca.http_base.get() {
            Some(base) => format!("{base}{path}"),
            None => self.here(path).replacen("https://", "http://", 1),
        }
    }

    /// As clients must have asked.
    fn here(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn account_url(&self, id: u64) -> String {
        self.url(&format!("/account/{id}"))
    }

    fn account_id(&self, url: &str) -> Option<u64> {
        url.strip_prefix(&*self.base)?
            .strip_prefix("/account/")?
            .parse()
            .ok()
    }
}

/// A running CA; dropping it stops it.
#[derive(Debug)]
pub struct AcmeCa {
    ca: Arc<Ca>,
    addr: SocketAddr,
    http_addr: Option<SocketAddr>,
    https_root_pem: String,
    acme_root_pem: String,
    _stop: DropGuard,
}

impl AcmeCa {
    /// Starts the CA. It answers when this returns.
    ///
    /// # Errors
    /// [`CaError`].
    pub async fn start(options: CaOptions) -> Result<Self, CaError> {
        let identity = ServerIdentity::loopback()?;
        let tls = http::acceptor(&identity)?;
        let vantage = Vantage::new(options.dns);
        let ca = Ca::new(vantage, Arc::new(SystemClock), options.knobs, options.seed)?;
        let addr = http::serve(&ca, options.listen, Some(tls)).await?;
        let http_addr = match options.listen_http {
            Some(listen) => Some(http::serve(&ca, listen, None).await?),
            None => None,
        };
        Ok(AcmeCa {
            addr,
            http_addr,
            https_root_pem: identity.root_pem,
            acme_root_pem: pem(ca.issuer.root())?,
            _stop: ca.stop.clone().drop_guard(),
            ca,
        })
    }

    /// A CA without a socket, for time that stands still: whoever calls its router is its network. It goes by
    /// `clock`, and asks `dns` in its own process.
    ///
    /// # Errors
    /// [`CaError::Crypto`].
    pub fn offline(
        dns: Arc<DnsServer>,
        clock: Arc<dyn Clock>,
        knobs: CaKnobs,
        seed: u64,
    ) -> Result<(Self, Router), CaError> {
        let ca = Ca::new(Vantage::within(dns), clock, knobs, seed)?;
        let router = http::offline(&ca, OFFLINE);
        let offline = AcmeCa {
            addr: OFFLINE,
            http_addr: None,
            https_root_pem: String::new(),
            acme_root_pem: pem(ca.issuer.root())?,
            _stop: ca.stop.clone().drop_guard(),
            ca,
        };
        Ok((offline, router))
    }

    /// Its address, HTTPS.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where a client begins.
    pub fn directory_url(&self) -> String {
        format!("https://{}/directory", self.addr)
    }

    /// The same without TLS, if that was asked for.
    pub fn http_directory_url(&self) -> Option<String> {
        self.http_addr.map(|addr| format!("http://{addr}/directory"))
    }

    /// The root that signed the CA's own server certificate, PEM.
    pub fn https_root_pem(&self) -> &str {
        &self.https_root_pem
    }

    /// The root of the issued certificates, PEM.
    pub fn acme_root_pem(&self) -> &str {
        &self.acme_root_pem
    }

    /// The roots of the other chains, in their order, whether they are offered or not, PEM.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn alternate_root_pems(&self) -> Result<Vec<String>, ErrorStack> {
        self.ca.issuer.alternate_roots().map(|root| pem(root)).collect()
    }

    /// Its habits and faults.
    pub fn knobs(&self) -> &KnobCell<CaKnobs> {
        &self.ca.knobs
    }
}
