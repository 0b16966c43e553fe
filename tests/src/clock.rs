//! The one place in the lab that asks for the time of day. Waits use tokio's timers.

use jiff::Timestamp;

/// Now, UTC.
#[expect(clippy::disallowed_methods, reason = "the lab's one place that asks")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
