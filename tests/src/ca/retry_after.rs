//! `Retry-After` in each form that RFC 9110 section 10.2.3 allows.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::{Deserialize, Serialize};

/// What a client is told about when to come again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfter {
    /// Nothing.
    #[default]
    Absent,
    /// A number of seconds.
    Seconds(u64),
    /// The moment so many seconds from now, as an HTTP date.
    DateIn(u64),
}

impl RetryAfter {
    pub(super) fn header(self, now: Timestamp) -> Option<String> {
        match self {
            RetryAfter::Absent => None,
            RetryAfter::Seconds(seconds) => Some(seconds.to_string()),
            RetryAfter::DateIn(seconds) => http_date(now.checked_add(Duration::from_secs(seconds)).ok()?),
        }
    }
}

/// RFC 9110 section 5.6.7; `None` for what it cannot say.
pub(super) fn http_date(moment: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).ok()
}
