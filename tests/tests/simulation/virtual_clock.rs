//! The time of day and chance, both repeatable.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use dns01d::{clock::Clock, random::Random};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A day like others, in the years of 45-day certificates.
const BEGIN: &str = "2028-03-01T00:00:00Z";

/// Goes as tokio's paused time goes.
#[derive(Debug)]
pub struct VirtualClock {
    begin: Timestamp,
    begun: Instant,
    /// How far the clock was set, in seconds.
    set: AtomicI64,
}

impl VirtualClock {
    pub fn new() -> Self {
        VirtualClock {
            begin: BEGIN.parse().unwrap(),
            begun: Instant::now(),
            set: AtomicI64::new(0),
        }
    }

    /// Sets the clock forward or back, as an operator or a machine that slept would.
    pub fn step(&self, by: SignedDuration) {
        self.set.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.begun.elapsed()).unwrap();
        self.begin + passed + SignedDuration::from_secs(self.set.load(Ordering::Relaxed))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Seeded(AtomicU64::new(seed))
    }
}

impl Random for Seeded {
    fn u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
