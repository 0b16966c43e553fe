//! What the CA saw and did, for tests to count.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use super::challenge_type::ChallengeType;
use super::endpoint::Endpoint;

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

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Ledger {
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

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(item);
}
