//! What the CA knows: plain data under one lock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use openssl::x509::X509;

use super::challenge_type::ChallengeType;
use super::jwk::Jwk;
use super::ledger::Ledger;
use super::limits::Meter;
use super::problem::Problem;
use super::renewal_info::Window;

/// Everything by its number; numbers start at 1 and are never reused.
#[derive(Debug, Default)]
pub(super) struct State {
    last_id: u64,
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) orders: BTreeMap<u64, Order>,
    /// The orders that name a certificate as the one that they replace.
    pub(super) replacements: BTreeMap<u64, Vec<u64>>,
    pub(super) authorizations: BTreeMap<u64, Authorization>,
    pub(super) certificates: BTreeMap<u64, Certificate>,
    /// Certificates by their CertID (RFC 9773 section 4.1).
    pub(super) by_cert_id: BTreeMap<String, u64>,
    /// Keys that their holders gave up (DER): no certificate and no account is for one of them.
    pub(super) blocked_keys: BTreeSet<Vec<u8>>,
    /// External accounts that are bound, by their key identifiers, and the accounts that they are bound to.
    pub(super) bindings: BTreeMap<String, u64>,
    /// The version of the terms of service, from 0.
    pub(super) terms: u64,
    pub(super) meter: Meter,
    pub(super) ledger: Ledger,
}

/// RFC 8555 section 7.1.2.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) key: Jwk,
    pub(super) contact: Vec<String>,
    pub(super) status: AccountStatus,
    /// The version of the terms that it agreed to.
    pub(super) terms: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AccountStatus {
    Valid,
    Deactivated,
}

/// RFC 8555 section 7.1.3.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) account: u64,
    /// As ordered, wildcards with `*.`.
    pub(super) names: BTreeSet<String>,
    pub(super) authorizations: Vec<u64>,
    pub(super) expires: Timestamp,
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_after: Option<Timestamp>,
    /// As asked for.
    pub(super) profile: Option<String>,
    /// No limit counts it.
    pub(super) exempt: bool,
    /// The certificate that this order replaces.
    pub(super) replaces: Option<u64>,
    pub(super) progress: Progress,
}

/// What finalize made of an order; before it, the authorizations decide.
#[derive(Debug)]
pub(super) enum Progress {
    Open,
    Processing,
    Valid { certificate: u64 },
    Invalid(Problem),
}

/// RFC 8555 section 7.1.6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

/// RFC 8555 section 7.1.4.
#[derive(Debug)]
pub(super) struct Authorization {
    pub(super) account: u64,
    /// Without `*.`.
    pub(super) name: String,
    pub(super) wildcard: bool,
    pub(super) expires: Timestamp,
    pub(super) deactivated: bool,
    pub(super) challenges: Vec<Challenge>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AuthorizationStatus {
    Pending,
    Valid,
    Invalid,
    Deactivated,
    Expired,
}

/// RFC 8555 section 8.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) kind: ChallengeType,
    /// Empty for types without one.
    pub(super) token: String,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Pending,
    Processing,
    Valid { at: Timestamp },
    Invalid(Problem),
}

/// An issued certificate.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) account: u64,
    pub(super) names: BTreeSet<String>,
    pub(super) leaf: X509,
    /// Leaf and intermediate.
    pub(super) chain_pem: String,
    pub(super) cert_id: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Instead of the usual window.
    pub(super) renewal: Option<Window>,
    /// Its successor, once that is issued.
    pub(super) replaced_by: Option<u64>,
    pub(super) profile: Option<String>,
    pub(super) revoked: Option<Revocation>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Revocation {
    /// RFC 5280 section 5.3.1.
    pub(super) reason: u32,
    pub(super) at: Timestamp,
}

impl State {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn account_with_key(&self, thumbprint: &str) -> Option<u64> {
        self.accounts
            .iter()
            .find(|(_, account)| account.key.thumbprint() == thumbprint)
            .map(|(id, _)| *id)
    }

    pub(super) fn order_status(&self, order: &Order, now: Timestamp) -> OrderStatus {
        match order.progress {
            Progress::Processing => OrderStatus::Processing,
            Progress::Valid { .. } => OrderStatus::Valid,
            Progress::Invalid(_) => OrderStatus::Invalid,
            Progress::Open if order.expires <= now => OrderStatus::Invalid,
            Progress::Open => {
                let mut statuses = order
                    .authorizations
                    .iter()
                    .filter_map(|id| self.authorizations.get(id))
                    .map(|authorization| authorization.status(now));
                let is_open =
                    |status| matches!(status, AuthorizationStatus::Pending | AuthorizationStatus::Valid);
                if statuses.clone().any(|status| !is_open(status)) {
                    OrderStatus::Invalid
                } else if statuses.all(|status| status == AuthorizationStatus::Valid) {
                    OrderStatus::Ready
                } else {
                    OrderStatus::Pending
                }
            }
        }
    }
}

impl Authorization {
    /// Whether a standing record proved it: each order has to look at that again.
    pub(super) fn is_persistent(&self) -> bool {
        self.challenges.iter().any(|challenge| {
            challenge.kind == ChallengeType::DnsPersist01
                && matches!(challenge.outcome, Outcome::Valid { .. })
        })
    }

    pub(super) fn status(&self, now: Timestamp) -> AuthorizationStatus {
        if self.deactivated {
            return AuthorizationStatus::Deactivated;
        }
        if self
            .challenges
            .iter()
            .any(|challenge| matches!(challenge.outcome, Outcome::Invalid(_)))
        {
            return AuthorizationStatus::Invalid;
        }
        let is_valid = self
            .challenges
            .iter()
            .any(|challenge| matches!(challenge.outcome, Outcome::Valid { .. }));
        match (is_valid, self.expires <= now) {
            (true, false) => AuthorizationStatus::Valid,
            (true, true) => AuthorizationStatus::Expired,
            (false, false) => AuthorizationStatus::Pending,
            // section 7.1.6: a pending authorization that expires becomes invalid
            (false, true) => AuthorizationStatus::Invalid,
        }
    }
}

impl AuthorizationStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            AuthorizationStatus::Pending => "pending",
            AuthorizationStatus::Valid => "valid",
            AuthorizationStatus::Invalid => "invalid",
            AuthorizationStatus::Deactivated => "deactivated",
            AuthorizationStatus::Expired => "expired",
        }
    }
}

impl OrderStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            OrderStatus::Pending => "pending",
            OrderStatus::Ready => "ready",
            OrderStatus::Processing => "processing",
            OrderStatus::Valid => "valid",
            OrderStatus::Invalid => "invalid",
        }
    }
}
