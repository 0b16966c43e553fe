use std::time::Duration;

use super::{Error, Fault, Operation, Problem, ProblemKind};
use crate::types::{self, FaultClass};

/// What a paused or exhausted limit without Retry-After asks for: Let's Encrypt's
/// paused names need a person, and its slowest limits refill about once a day.
const RATE_LIMITED_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What 500 without Retry-After asks for: the minute that Boulder says where it says something.
/// A CA with a broken database is not helped by seconds.
const INTERNAL_ERROR_WAIT: Duration = Duration::from_secs(60);

/// Which kind of patience helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request again, after a short back-off (seconds, doubling): a passing fault.
    Backoff,
    /// The same request again, not before this long from now: the CA said so.
    After(Duration),
    /// Not this request: this attempt is lost. A new order under the long back-off.
    NextCycle,
    /// Nothing, until a person changes something.
    Never,
}

impl Error {
    /// Which kind of patience helps.
    pub fn retry(&self) -> Retry {
        match &self.fault {
            // an interception that will be found, a certificate that will be renewed
            Fault::Network(_)
            | Fault::Unreachable(_)
            | Fault::Untrusted { .. }
            | Fault::Timeout(_)
            | Fault::Nonces { .. } => Retry::Backoff,
            Fault::Unfinished { retry_after, .. } | Fault::HeldBack { retry_after, .. } => {
                Retry::After(*retry_after)
            }
            Fault::Refused {
                status,
                problem,
                retry_after,
                ..
            } => refused(self.operation, *status, &problem.kind, *retry_after),
            Fault::Status {
                status, retry_after, ..
            } => by_status(*status, *retry_after),
            // may be a half-deployed CA, so it is worth another try, but not a quick one
            Fault::Malformed { .. }
            | Fault::Header(_)
            | Fault::TooLong { .. }
            | Fault::Redirect { .. }
            | Fault::Insecure
            | Fault::Address(_)
            | Fault::NotOffered(_)
            | Fault::Window { .. }
            | Fault::Sign(_) => Retry::NextCycle,
            Fault::TermsNotAgreed { .. }
            | Fault::BindingRequired
            | Fault::BindingKey(_)
            | Fault::KeyInUse { .. }
            | Fault::UnknownProfile { .. }
            | Fault::AccountClosed { .. } => Retry::Never,
        }
    }
}

fn refused(operation: Operation, status: u16, kind: &ProblemKind, retry_after: Option<Duration>) -> Retry {
    match kind {
        ProblemKind::RateLimited => Retry::After(retry_after.unwrap_or(RATE_LIMITED_WAIT)),
        ProblemKind::ServerInternal => by_status(status.max(500), retry_after),
        // the order is read again, then finalized again
        ProblemKind::OrderNotReady | ProblemKind::BadNonce => {
            retry_after.map_or(Retry::Backoff, Retry::After)
        }
        // the CA's policy, the configuration or the account must change
        ProblemKind::AccountDoesNotExist
        | ProblemKind::AlreadyRevoked
        | ProblemKind::BadCsr
        | ProblemKind::BadPublicKey
        | ProblemKind::BadRevocationReason
        | ProblemKind::BadSignatureAlgorithm
        | ProblemKind::ExternalAccountRequired
        | ProblemKind::InvalidContact
        | ProblemKind::InvalidProfile
        | ProblemKind::RejectedIdentifier
        | ProblemKind::UnsupportedContact
        | ProblemKind::UnsupportedIdentifier
        | ProblemKind::UserActionRequired => Retry::Never,
        // of an account it means that it may not; of an order, that a name is not proved any more
        ProblemKind::Unauthorized => match operation {
            Operation::NewAccount
            | Operation::Account
            | Operation::UpdateAccount
            | Operation::DeactivateAccount
            | Operation::KeyChange
            | Operation::NewOrder
            | Operation::Revocation => Retry::Never,
            Operation::Directory
            | Operation::NewNonce
            | Operation::Order
            | Operation::Authorization
            | Operation::DeactivateAuthorization
            | Operation::Challenge
            | Operation::Finalize
            | Operation::Certificate
            | Operation::Crl
            | Operation::RenewalInfo => Retry::NextCycle,
        },
        ProblemKind::AlreadyReplaced
        | ProblemKind::Caa
        | ProblemKind::Compound
        | ProblemKind::Connection
        | ProblemKind::Dns
        | ProblemKind::IncorrectResponse
        | ProblemKind::Tls => Retry::NextCycle,
        // our mistake, or an address that has gone: a new order has new ones
        ProblemKind::Malformed | ProblemKind::Other(_) => by_status(status, retry_after),
    }
}

fn by_status(status: u16, retry_after: Option<Duration>) -> Retry {
    match status {
        500 => Retry::After(retry_after.unwrap_or(INTERNAL_ERROR_WAIT)),
        408 | 425 | 429 | 501..=599 => retry_after.map_or(Retry::Backoff, Retry::After),
        _ => Retry::NextCycle,
    }
}

/// As schedules and operators need it.
impl From<&Error> for types::Fault {
    fn from(error: &Error) -> Self {
        let (class, not_before) = match error.retry() {
            Retry::Backoff => (FaultClass::Transient, None),
            Retry::After(wait) => (FaultClass::Limited, Some(wait)),
            Retry::NextCycle => (FaultClass::Refused, None),
            Retry::Never => (FaultClass::Operator, None),
        };
        types::Fault {
            class,
            not_before,
            text: error.to_string(),
            page: error.problem().and_then(Problem::action_url).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests;
