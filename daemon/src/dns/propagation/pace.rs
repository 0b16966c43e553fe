//! How often a server is asked.

use std::time::Duration;

/// When to look, and how looks thin out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Wait before the first look: the provider's hint, or the time that this
    /// zone took before. Looks are dense from there on.
    pub first_look: Duration,
    /// Wait after the first look in vain; each further one is a fifth longer, so
    /// that a record is seen within a fifth of the time it took.
    pub floor: Duration,
    /// Longest wait between two looks.
    pub cap: Duration,
}

/// Shorter than the update of the quickest hosts, longer than a LAN's round trip.
pub const DEFAULT_FLOOR: Duration = Duration::from_millis(20);
/// A server that took minutes may take ten seconds more.
pub const DEFAULT_CAP: Duration = Duration::from_secs(10);

impl Default for Pace {
    fn default() -> Self {
        Pace {
            first_look: Duration::ZERO,
            floor: DEFAULT_FLOOR,
            cap: DEFAULT_CAP,
        }
    }
}

impl Pace {
    /// Begins after `hint` instead of at once.
    pub fn after(hint: Duration) -> Self {
        Pace {
            first_look: hint,
            ..Pace::default()
        }
    }

    /// The wait that follows a wait of `interval`.
    pub(super) fn next(&self, interval: Duration) -> Duration {
        (interval + interval / 5).clamp(self.floor, self.cap.max(self.floor))
    }
}
