//! When things happen next: pure rules over moments that are handed in.

mod backoff;
mod renewal;

pub use backoff::next_attempt;
pub use renewal::{LONG_LIFETIME, renewal_moment};
