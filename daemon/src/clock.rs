//! Wall-clock time behind a seam, so that ninety days pass in milliseconds.
//!
//! Waits use tokio's timers; decisions use this clock.

use std::fmt::Debug;

use jiff::Timestamp;

/// Tells the time of day. The only other place that may ask the system is a test.
pub trait Clock: Debug + Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
