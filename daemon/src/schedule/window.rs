//! A stretch of time in which something is to happen, and one moment of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// From `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First moment.
    pub start: Timestamp,
    /// First moment that is too late.
    pub end: Timestamp,
}

impl Window {
    /// One moment, uniformly random: "Clients MUST select a uniform random time within the suggested window"
    /// (RFC 9773 4.2). Of an empty window its start.
    pub fn pick(self, random: u64) -> Timestamp {
        let width = self.end.as_millisecond() - self.start.as_millisecond();
        let offset = scale(random, width.max(0));
        Timestamp::from_millisecond(self.start.as_millisecond() + offset).unwrap_or(self.start)
    }
}

/// Maps a uniform 64-bit number to `0..bound`.
fn scale(random: u64, bound: i64) -> i64 {
    ((u128::from(random) * u128::from(bound.unsigned_abs())) >> 64) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_lies_in_its_window(start in -4_000_000_000i64..4_000_000_000, width in 1i64..400 * 86_400, random: u64) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let window = Window { start: at(start), end: at(start + width) };
            let moment = window.pick(random);
            prop_assert!(window.start <= moment && moment < window.end);
        }
    }

    #[test]
    fn every_tenth_of_a_window_gets_its_share() {
        let window = Window {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::from_second(1000).unwrap(),
        };
        let mut tenths = [0; 10];
        for n in 0..10_000u64 {
            // a Weyl sequence: evenly spread by its making
            let moment = window.pick(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            tenths[usize::try_from(moment.as_second() / 100).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|share| (980..1020).contains(share)),
            "{tenths:?}"
        );
    }
}
