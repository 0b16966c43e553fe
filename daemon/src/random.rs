//! Randomness behind a seam, so that a schedule can be replayed from a seed.
//! Keys and nonces never come from here: OpenSSL makes them.

use std::fmt::Debug;

/// A source of random numbers.
pub trait Random: Debug + Send + Sync {
    /// A uniform 64-bit number.
    fn u64(&self) -> u64;

    /// A uniform number in `0..bound`; 0 when `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        // 128-bit multiply-shift; the bias is under 2^-32 for any bound used here
        ((u128::from(self.u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// The kernel's random numbers, through OpenSSL.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn u64(&self) -> u64 {
        let mut bytes = [0; 8];
        openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL's generator is seeded by the kernel");
        u64::from_ne_bytes(bytes)
    }
}
