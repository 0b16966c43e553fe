//! One call in progress: its time and its cancellation.
#![expect(unsafe_code, reason = "keeps the pointer that the host's functions want back")]

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::{Error, Host, Level};
use crate::abi;

/// One call in progress. Threads of the provider may share it while it lasts.
#[derive(Debug)]
pub struct Call<'a> {
    raw: *const abi::Call,
    host: Host,
    id: u64,
    attempt: u32,
    cancel_fd: i32,
    deadline: Instant,
    lives: PhantomData<&'a abi::Call>,
}

// SAFETY: the header lets any thread use a call while it is in progress, and 'a
// ends with it.
unsafe impl Send for Call<'_> {}
// SAFETY: as above.
unsafe impl Sync for Call<'_> {}

impl Call<'_> {
    /// Starts the clock of a call that the host has just made.
    ///
    /// # Errors
    /// [`abi::Undersized`] if it is NULL or too small.
    ///
    /// # Safety
    /// `raw` is NULL or a call of `host` that stays in progress for `'a`.
    pub(crate) unsafe fn enter(host: Host, raw: *const abi::Call) -> Result<Self, abi::Undersized> {
        // SAFETY: the caller's promise.
        let call = unsafe { abi::read(raw)? };
        let left = Duration::from_millis(u64::try_from(call.timeout_ms).unwrap_or(0));
        let now = monotonic_now();
        Ok(Self {
            raw,
            host,
            id: call.call_id,
            attempt: call.attempt,
            cancel_fd: call.cancel_fd,
            // a wait that overflows the clock is as good as a day
            deadline: now.checked_add(left).unwrap_or(now + Duration::from_secs(86_400)),
            lives: PhantomData,
        })
    }

    /// Number of this call, for correlating log lines.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// 1 for the first try of this operation.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When the call must have returned.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Time left; zero once the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(monotonic_now())
    }

    /// A span of at most `at_most`, that ends with the call at the latest.
    #[must_use]
    pub fn limit(&self, at_most: Duration) -> Limit {
        let end = monotonic_now().checked_add(at_most).unwrap_or(self.deadline);
        Limit {
            end: end.min(self.deadline),
        }
    }

    /// True once the host has cancelled the call or its time is up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: the call is in progress for as long as `self` exists.
        self.remaining().is_zero() || unsafe { self.host.is_cancelled(self.raw) }
    }

    /// The time left, as long as there is a reason to go on.
    ///
    /// # Errors
    /// [`Error::cancelled`].
    pub fn proceed(&self) -> Result<Duration, Error> {
        if self.is_cancelled() {
            Err(Error::cancelled())
        } else {
            Ok(self.remaining())
        }
    }

    /// Readable once the call is cancelled. Poll it; do not read or close it.
    #[must_use]
    pub fn cancel_fd(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: the host keeps the descriptor open while the call is in progress.
        (self.cancel_fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(self.cancel_fd) })
    }

    /// Writes a log line that belongs to this call. Never a secret.
    pub fn log(&self, level: Level, line: &str) {
        // SAFETY: the call is in progress for as long as `self` exists.
        unsafe { self.host.log_for(self.raw, level, line) };
    }
}

/// Until when one step of a call may take; see [`Call::limit`].
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    end: Instant,
}

impl Limit {
    /// Time left; zero once it has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.end.saturating_duration_since(monotonic_now())
    }
}

/// The one clock of this crate: a provider measures its own blocking calls.
#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has no tokio clock; deadlines are monotonic"
)]
fn monotonic_now() -> Instant {
    Instant::now()
}
