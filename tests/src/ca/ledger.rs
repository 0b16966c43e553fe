//! What the CA saw and did, for tests to count.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use super::AcmeCa;
use super::cert_id::serial_hex;
use super::challenge_type::ChallengeType;
use super::endpoint::Endpoint;
use super::limits::LimitHit;
use super::state::Certificate;

/// Requests and validations remembered one by one; the counts go on.
const KEPT: usize = 100_000;

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// Accounts created.
    pub accounts: usize,
    /// Orders created; a reused one counts once.
    pub orders: usize,
    /// Authorizations created.
    pub authorizations: usize,
    /// Certificates issued.
    pub certificates: usize,
    /// Certificates revoked.
    pub revoked: usize,
}

/// A certificate as the CA remembers it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IssuedCertificate {
    /// Lower-case hexadecimal, as `openssl x509 -serial` but for the case.
    pub serial: String,
    /// The names, sorted.
    pub names: Vec<String>,
    /// The account's URL path: `/account/1`.
    pub account: String,
    /// Its CertID (RFC 9773 section 4.1).
    pub cert_id: String,
    /// Leaf and intermediate, PEM.
    pub chain_pem: String,
    /// The profile, if the order asked for one.
    pub profile: Option<String>,
    /// The serial of the certificate whose order named this one in `replaces`.
    pub replaced_by: Option<String>,
    /// The reason code, if revoked.
    pub revoked: Option<u32>,
}

/// A request as it came.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequestSeen {
    /// When it was answered.
    pub at: Timestamp,
    /// The kind of resource.
    pub endpoint: Endpoint,
    /// The path.
    pub path: String,
    /// The status that was sent, or would have been without a reset.
    pub status: u16,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Its User-Agent.
    pub user_agent: String,
}

/// A look into the DNS on behalf of a challenge.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ValidationSeen {
    /// When it ended.
    pub at: Timestamp,
    /// The name without `*.`.
    pub name: String,
    /// The challenge's type.
    pub challenge: ChallengeType,
    /// Absent if it was good, else what the client was told.
    pub failure: Option<String>,
}

/// A request for renewal information (RFC 9773).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RenewalPoll {
    /// When it was answered.
    pub at: Timestamp,
    /// The CertID as it came.
    pub cert_id: String,
    /// The certificate's serial, as in [`IssuedCertificate`]; absent if there is none with that CertID.
    pub serial: Option<String>,
    /// The status that was sent, unless a fault spoilt it.
    pub status: u16,
}

/// A certificate request that was taken: a certificate follows, now or when `processing` ends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CsrTaken {
    /// When.
    pub at: Timestamp,
    /// The order's names, sorted.
    pub names: Vec<String>,
}

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    csrs: VecDeque<CsrTaken>,
    requests: VecDeque<RequestSeen>,
    per_endpoint: BTreeMap<Endpoint, u64>,
    validations: VecDeque<ValidationSeen>,
    renewal_polls: VecDeque<RenewalPoll>,
}

impl Ledger {
    pub(super) fn request(&mut self, request: RequestSeen) {
        *self.per_endpoint.entry(request.endpoint).or_default() += 1;
        push(&mut self.requests, request);
    }

    pub(super) fn validation(&mut self, validation: ValidationSeen) {
        push(&mut self.validations, validation);
    }

    pub(super) fn renewal_poll(&mut self, poll: RenewalPoll) {
        push(&mut self.renewal_polls, poll);
    }

    pub(super) fn csr(&mut self, csr: CsrTaken) {
        push(&mut self.csrs, csr);
    }

    pub(super) fn csrs(&self) -> Vec<CsrTaken> {
        self.csrs.iter().cloned().collect()
    }

    pub(super) fn requests(&self) -> Vec<RequestSeen> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn per_endpoint(&self) -> BTreeMap<Endpoint, u64> {
        self.per_endpoint.clone()
    }

    pub(super) fn validations(&self) -> Vec<ValidationSeen> {
        self.validations.iter().cloned().collect()
    }

    pub(super) fn renewal_polls(&self) -> Vec<RenewalPoll> {
        self.renewal_polls.iter().cloned().collect()
    }
}

impl AcmeCa {
    /// How much of everything there is.
    pub fn counts(&self) -> Counts {
        let state = self.ca.state.lock();
        Counts {
            accounts: state.accounts.len(),
            orders: state.orders.len(),
            authorizations: state.authorizations.len(),
            certificates: state.certificates.len(),
            revoked: state
                .certificates
                .values()
                .filter(|certificate| certificate.revoked.is_some())
                .count(),
        }
    }

    /// Every certificate, oldest first.
    pub fn certificates(&self) -> Vec<IssuedCertificate> {
        let state = self.ca.state.lock();
        let seen = |certificate: &Certificate| IssuedCertificate {
            serial: serial_hex(&certificate.leaf),
            names: certificate.names.iter().cloned().collect(),
            account: format!("/account/{}", certificate.account),
            cert_id: certificate.cert_id.clone(),
            chain_pem: certificate.chain_pem.clone(),
            profile: certificate.profile.clone(),
            replaced_by: certificate
                .replaced_by
                .and_then(|id| state.certificates.get(&id))
                .map(|successor| serial_hex(&successor.leaf)),
            revoked: certificate.revoked.map(|revocation| revocation.reason),
        };
        state.certificates.values().map(seen).collect()
    }

    /// Requests by kind of resource, since the start.
    pub fn requests_by_endpoint(&self) -> BTreeMap<Endpoint, u64> {
        self.ledger(Ledger::per_endpoint)
    }

    /// The requests, oldest first.
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.ledger(Ledger::requests)
    }

    /// The certificate requests that were taken, oldest first.
    pub fn csrs_taken(&self) -> Vec<CsrTaken> {
        self.ledger(Ledger::csrs)
    }

    /// What validations found, oldest first.
    pub fn validations(&self) -> Vec<ValidationSeen> {
        self.ledger(Ledger::validations)
    }

    /// The requests for renewal information, oldest first.
    pub fn renewal_polls(&self) -> Vec<RenewalPoll> {
        self.ledger(Ledger::renewal_polls)
    }

    /// The orders that a limit refused, oldest first. A client that minds the limits has none.
    pub fn limit_hits(&self) -> Vec<LimitHit> {
        self.ca.state.lock().meter.hits.clone()
    }

    fn ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.ca.state.lock().ledger)
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(item);
}
