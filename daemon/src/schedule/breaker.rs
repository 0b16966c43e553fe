//! How often one certificate is issued at most, whatever a CA says: a fault on either side must not become a flood.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::planned_interval;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Issuances of one certificate in a day that need no reason.
const FEWEST: u32 = 2;
/// Replacements in a day that an operator, a revocation or a change of the configuration asks for, beside those.
pub const ASKED_FOR: u32 = 5;

/// Why a certificate is issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It is new, or its time has come.
    #[default]
    Planned,
    /// Its configuration asks for another one.
    Changed,
    /// An operator wants it now.
    Operator,
    /// The one before is revoked, or is about to be.
    Revocation,
}

impl Cause {
    /// For logs and people.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Planned => "planned",
            Cause::Changed => "changed",
            Cause::Operator => "operator",
            Cause::Revocation => "revocation",
        }
    }

    /// Somebody asked for it, beside the plan.
    pub fn is_asked_for(self) -> bool {
        match self {
            Cause::Planned => false,
            Cause::Changed | Cause::Operator | Cause::Revocation => true,
        }
    }
}

/// The first moment at which a certificate may be issued again, `begun` being those issuances of it at the same CA
/// that count against this cause (see [`Cause::is_asked_for`]), and `life` that of the newest certificate.
pub fn breaker_allows_at(
    begun: &[Timestamp],
    life: Option<(Timestamp, Timestamp)>,
    asked_for: bool,
) -> Timestamp {
    let most = if asked_for { ASKED_FOR } else { most_in_a_day(life) };
    let mut begun = begun.to_vec();
    begun.sort_unstable();
    // the one that must be a day ago, so that with the next there are `most`
    begun
        .len()
        .checked_sub(most as usize)
        .and_then(|index| begun[index].checked_add(DAY).ok())
        .unwrap_or(Timestamp::MIN)
}

/// At most the larger of two a day and twice the planned renewals.
pub fn most_in_a_day(life: Option<(Timestamp, Timestamp)>) -> u32 {
    let planned = life.map_or(0.0, |(not_before, not_after)| {
        DAY.as_secs_f64() / planned_interval(not_before, not_after).as_secs_f64()
    });
    FEWEST.max((2.0 * planned).ceil() as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn life(hours: i64) -> Option<(Timestamp, Timestamp)> {
        Some((at(0), at(hours * 3600)))
    }

    #[test]
    fn two_a_day_or_twice_what_is_planned() {
        assert_eq!(most_in_a_day(None), 2);
        assert_eq!(most_in_a_day(life(90 * 24)), 2);
        assert_eq!(most_in_a_day(life(160)), 2);
        assert_eq!(
            most_in_a_day(life(24)),
            4,
            "24-hour certificates are renewed twice a day"
        );
        assert_eq!(most_in_a_day(life(1)), 96);
    }

    #[test]
    fn the_third_waits_until_the_first_is_a_day_ago() {
        assert_eq!(breaker_allows_at(&[], None, false), Timestamp::MIN);
        assert_eq!(breaker_allows_at(&[at(7)], None, false), Timestamp::MIN);
        assert_eq!(breaker_allows_at(&[at(100), at(7)], None, false), at(7 + 86_400));
        assert_eq!(breaker_allows_at(&[at(7), at(100)], None, true), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn no_day_holds_more(attempts in proptest::collection::vec(0i64..30_000, 1..60), hours in 1i64..200) {
            let (mut now, mut begun) = (0, Vec::new());
            for pause in attempts {
                now += pause;
                if breaker_allows_at(&begun, life(hours), false) <= at(now) {
                    begun.push(at(now));
                }
            }
            for first in &begun {
                let day = begun.iter().filter(|moment| *moment >= first && moment.duration_since(*first) < DAY).count();
                prop_assert!(day as u32 <= most_in_a_day(life(hours)));
            }
        }
    }
}
