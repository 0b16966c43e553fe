//! What a record operation did to each record.

use std::{fmt, time::Duration};

use dns01_plugin_wire::{Outcome, status};

use super::error::{CallError, Retry, fault};
use crate::types::Fault;

/// The longest wait that a plugin's word causes: what is refused today may work tomorrow, and a certificate that
/// renews has weeks. More is a mistake (seconds for milliseconds), and would be a certificate that expires.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// When `sync` is asked again after a "not yet" that names no time.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a record operation did to one record.
pub type RecordOutcome = Result<Done, Failure>;

/// A record operation that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Opaque text of `present` for a later `remove`; empty when there is none.
    pub handle: String,
    /// It already was so.
    pub no_change: bool,
    /// The provider says that all its servers have it: a hint when to look.
    pub in_sync: bool,
    /// `sync` says "not yet" and asks to be called again after this.
    pub ask_again: Option<Duration>,
    /// What the plugin tells the operator; `setup` says here what remains to be done by hand.
    pub message: String,
}

/// A record operation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of failure.
    pub class: FailureClass,
    /// The code of the plugin ABI; codes that this version does not know keep their hundred's class.
    pub code: i32,
    /// What failed and what to do; secrets masked.
    pub message: String,
    /// Earliest retry, where known.
    pub retry_after: Option<Duration>,
    /// HTTP status, DNS RCODE or exit status, where there was one.
    pub native_code: Option<i32>,
}

/// Kinds of failure, as the plugin ABI has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Network, 5xx, SERVFAIL, lock contention.
    Transient,
    /// Too many requests.
    RateLimited,
    /// Gave up because of the deadline or a cancellation; the outcome is unknown.
    Cancelled,
    /// Refused for a reason without a class of its own.
    Permanent,
    /// Credentials missing, wrong or not allowed.
    Auth,
    /// The account holds no zone for the name.
    ZoneNotFound,
    /// An option is missing, malformed or contradictory.
    Config,
    /// The provider cannot do that.
    Unsupported,
    /// A bug in the plugin.
    Internal,
}

impl Failure {
    /// Which kind of patience helps.
    pub fn retry(&self) -> Retry {
        match (self.class, self.retry_after) {
            (FailureClass::Transient | FailureClass::RateLimited, Some(after)) => Retry::After(after),
            (FailureClass::Transient | FailureClass::RateLimited | FailureClass::Cancelled, _) => {
                Retry::Backoff
            }
            (
                FailureClass::Permanent
                | FailureClass::Auth
                | FailureClass::ZoneNotFound
                | FailureClass::Config
                | FailureClass::Unsupported
                | FailureClass::Internal,
                _,
            ) => Retry::Never,
        }
    }

    /// The failure as the schedule sees it.
    pub fn fault(&self) -> Fault {
        fault(self.retry(), self.to_string())
    }

    /// Of a record that a failed call did not get to answer for.
    pub(super) fn unanswered(error: &CallError) -> Failure {
        Failure {
            class: FailureClass::Cancelled,
            code: status::CANCELLED,
            message: error.to_string(),
            retry_after: None,
            native_code: None,
        }
    }

    pub(super) fn from_outcome(outcome: Outcome) -> Failure {
        Failure {
            class: class(outcome.status),
            code: outcome.status,
            message: outcome.message,
            retry_after: duration(outcome.retry_after_ms),
            native_code: (outcome.native_code != 0).then_some(outcome.native_code),
        }
    }
}

/// Reads an outcome of the wire.
pub(super) fn record_outcome(outcome: Outcome) -> RecordOutcome {
    if !(0..100).contains(&outcome.status) {
        return Err(Failure::from_outcome(outcome));
    }
    Ok(Done {
        handle: outcome.handle,
        no_change: outcome.no_change,
        in_sync: outcome.in_sync,
        ask_again: (outcome.status == status::PENDING)
            .then(|| duration(outcome.retry_after_ms).unwrap_or(ASK_AGAIN)),
        message: outcome.message,
    })
}

fn class(code: i32) -> FailureClass {
    match code {
        status::RATE_LIMITED => FailureClass::RateLimited,
        status::CANCELLED => FailureClass::Cancelled,
        100..200 => FailureClass::Transient,
        status::AUTH => FailureClass::Auth,
        status::ZONE_NOT_FOUND => FailureClass::ZoneNotFound,
        status::CONFIG => FailureClass::Config,
        status::UNSUPPORTED => FailureClass::Unsupported,
        200..300 => FailureClass::Permanent,
        _ => FailureClass::Internal,
    }
}

fn duration(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds).min(LONGEST_WAIT))
}

impl FailureClass {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Transient => "temporary failure",
            FailureClass::RateLimited => "rate limited",
            FailureClass::Cancelled => "cancelled",
            FailureClass::Permanent => "refused",
            FailureClass::Auth => "credentials refused",
            FailureClass::ZoneNotFound => "no such zone",
            FailureClass::Config => "wrong configuration",
            FailureClass::Unsupported => "not supported",
            FailureClass::Internal => "bug in the plugin",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.as_str())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_plugin_asks_for_more_than_a_day() {
        let outcome = |status, retry_after_ms| Outcome {
            status,
            retry_after_ms,
            ..Outcome::default()
        };
        let day = Duration::from_secs(86_400);
        for (asked, waited) in [
            (0, None),
            (1, Some(Duration::from_millis(1))),
            (86_400_000, Some(day)),
            (86_400_001, Some(day)),
            (u64::MAX, Some(day)),
        ] {
            let failure = record_outcome(outcome(status::RATE_LIMITED, asked)).unwrap_err();
            assert_eq!(failure.retry_after, waited, "{asked}");
            let done = record_outcome(outcome(status::PENDING, asked)).unwrap();
            assert_eq!(done.ask_again, waited.or(Some(ASK_AGAIN)), "{asked}");
        }
    }
}
