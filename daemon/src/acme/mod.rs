//! A client of ACME (RFC 8555).
//!
//! [`Client`] stands for one CA: its connections, directory and nonces. [`Account`]
//! adds a key and does what an account may do; both are cheap to clone and to send to
//! a task. Requests are signed here, retried here only when the CA rejects a nonce, and
//! never sent before a Retry-After has passed while waiting for an order. All other
//! retries are the caller's, who asks [`Error::retry`] which kind of patience helps.
//!
//! What is not known is skipped: fields, challenge types, problem types, identifiers.

mod account;
mod account_key;
mod account_label;
mod account_view;
mod algorithm;
mod authorization;
mod challenge;
mod client;
mod directory;
mod dns_persist;
mod error;
mod external_account;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod jwk;
mod jws;
mod key_change;
mod limiter;
mod link;
mod nonce;
mod operation;
mod options;
mod order;
mod pace;
mod printable;
mod problem;
mod profile;
mod renewal_info;
mod retry;
mod retry_after;
mod revocation;
mod roots;
#[cfg(test)]
mod stub_ca;
mod transport;
mod wait;
mod wire;

pub use crate::revocation::{RevocationReason, UnknownRevocationReason};
pub use account::{Account, AccountStatus, Downloaded};
pub use account_key::{AccountKey, AccountKeyError};
pub use account_label::account_label;
pub use account_view::AccountView;
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use authorization::{Authorization, AuthorizationStatus};
pub use challenge::{Challenge, ChallengeKind, ChallengeStatus, Token, TokenError};
pub use client::{Client, Counters};
pub use directory::{Directory, Meta};
pub use dns_persist::{AccountUri, PERSIST_LABEL, PersistError, PersistRecord};
pub use error::{Error, Fault};
pub use external_account::{ExternalAccount, MacAlgorithm, UnknownMacAlgorithm, UnusableHmacKey};
pub use operation::Operation;
pub use options::{DEFAULT_REQUEST_RATE, DEFAULT_REQUEST_TIMEOUT, Options};
pub use order::{FailedAuthorization, NewOrder, Order, OrderStatus};
pub use problem::{Problem, ProblemKind, Subproblem};
pub use renewal_info::RenewalInfo;
pub use retry::Retry;
pub use roots::Roots;
pub use transport::SetupError;
pub use wait::{Memory, Patience};
pub use wire::Wire;

use std::time::Duration;

/// A resource as the CA showed it, and when it wants to be asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled<T> {
    /// What it showed.
    pub value: T,
    /// Retry-After (RFC 9110 10.2.3), from now, at most a week; `None` when the CA did not say.
    pub retry_after: Option<Duration>,
}
