//! Why an operation failed, in the words and classes that the host acts on.

use std::fmt;
use std::time::Duration;

use crate::abi::{Status, status};

/// What the host does about a failure.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Network, 5xx, SERVFAIL, lock contention: tried again.
    Transient,
    /// Too many requests: tried again, not before [`Error::retry_after`].
    RateLimited,
    /// Given up because of the deadline or a cancellation; what happened is unknown.
    Cancelled,
    /// Refused for a reason not listed below: an operator must act.
    Permanent,
    /// Credentials missing, wrong or not allowed.
    Auth,
    /// The account holds no zone for this name.
    ZoneNotFound,
    /// An option is missing, malformed or contradicts another.
    Config,
    /// This provider cannot do that.
    Unsupported,
    /// A bug in the provider.
    Internal,
}

impl Class {
    /// Its code in the ABI.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Transient => status::TRANSIENT,
            Self::RateLimited => status::RATE_LIMITED,
            Self::Cancelled => status::CANCELLED,
            Self::Permanent => status::PERMANENT,
            Self::Auth => status::AUTH,
            Self::ZoneNotFound => status::ZONE_NOT_FOUND,
            Self::Config => status::CONFIG,
            Self::Unsupported => status::UNSUPPORTED,
            Self::Internal => status::INTERNAL,
        }
    }
}

/// A failure of one record or of a whole call.
///
/// The message is for the operator: what failed, and what to do. It never holds a
/// secret. A provider keeps its own error enum and converts it at the edge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    class: Class,
    message: String,
    native_code: i32,
    retry_after: Option<Duration>,
}

impl Error {
    /// A failure of this class.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            native_code: 0,
            retry_after: None,
        }
    }

    /// [`Class::Cancelled`], in the usual words.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Class::Cancelled, "given up: cancelled or out of time")
    }

    /// [`Class::Config`]: the message names the option.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Class::Config, message)
    }

    /// [`Class::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Class::Unsupported, message)
    }

    /// Adds the HTTP status, DNS RCODE or exit status behind it.
    #[must_use]
    pub fn with_native_code(mut self, code: i32) -> Self {
        self.native_code = code;
        self
    }

    /// Adds the earliest moment to try again, for the transient classes.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// What the host does about it.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// For the operator.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// HTTP status, DNS RCODE, exit status; 0 none.
    #[must_use]
    pub const fn native_code(&self) -> i32 {
        self.native_code
    }

    /// Earliest retry, if the provider said so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
