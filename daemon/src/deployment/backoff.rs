//! When to try again.

use std::time::Duration;

/// A reload that collides with another one succeeds seconds later; a broken
/// configuration waits for a person, who should not find an hour of log filled
/// with it, but whose repair should be noticed within the hour.
const HOOK: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];

/// Added at most, as a part of the delay: a thousand hooks that failed together do not come back together.
const JITTER_DIVISOR: u32 = 10;

/// No delay is longer than this. A due time further away means that the clock was set back.
pub(super) const LONGEST: Duration = Duration::from_secs(66 * 60);

/// The delay after `failures` failures in a row (1 or more). `jitter` is a
/// uniform number over the whole range of its type.
pub(super) fn after_hook_failure(failures: u32, jitter: u64) -> Duration {
    let index = (failures.max(1) as usize - 1).min(HOOK.len() - 1);
    let base = HOOK[index];
    base + (base / JITTER_DIVISOR).mul_f64(jitter as f64 / u64::MAX as f64)
}
