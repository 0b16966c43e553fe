//! Chance that repeats itself: the same seed gives the same faults in the same order.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to pick requests.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// True for about `share` of the calls.
    pub(super) fn hits(&mut self, share: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // the 53 upper bits are a double in 0..1
        ((mixed >> 11) as f64) / ((1_u64 << 53) as f64) < share
    }
}
