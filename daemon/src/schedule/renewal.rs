//! When a certificate is renewed if its CA offers no renewal information.

use jiff::{SignedDuration, Timestamp};

use super::Window;

/// Certificates that live at least this long are renewed with a third of
/// their life left, shorter ones with half (Let's Encrypt's integration guide).
pub const LONG_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Width of the window around the rule's moment, as a share of the lifetime: 1/50,
/// what Boulder suggests through ARI. It spreads the load of many daemons.
const WINDOW_DIVISOR: i64 = 50;

/// No certificate is renewed sooner after its issuance.
const SHORTEST: SignedDuration = SignedDuration::from_secs(10);

/// One that had ended when it came: a clock is wrong, ours or the CA's, and the next would be no better.
const AFTER_AN_EXPIRED_ONE: SignedDuration = SignedDuration::from_hours(24);

/// The moment at which a certificate valid from `not_before` to `not_after`, issued
/// `now`, is renewed. `random` picks one uniformly random moment of the window;
/// whoever calls keeps the result, so that a restart does not roll again.
///
/// Never before a third of what is left of its life has passed, whatever the CA
/// wrote into `not_before`: a back-dated certificate must not be renewed in a loop.
pub fn renewal_moment(not_before: Timestamp, not_after: Timestamp, now: Timestamp, random: u64) -> Timestamp {
    let moment = window(not_before, not_after).pick(random);
    let remaining = not_after.as_millisecond() - now.as_millisecond();
    let shortest = if remaining > 0 {
        SHORTEST
    } else {
        AFTER_AN_EXPIRED_ONE
    };
    let earliest = now.as_millisecond() + (remaining / 3).max(shortest.as_millis() as i64);
    Timestamp::from_millisecond(moment.as_millisecond().max(earliest)).unwrap_or(not_after)
}

/// How long from one issuance to the next is planned of a certificate with this life: by the rule above, and
/// at least a second.
pub fn planned_interval(not_before: Timestamp, not_after: Timestamp) -> SignedDuration {
    let life = not_after.duration_since(not_before);
    let left = if life >= LONG_LIFETIME { life / 3 } else { life / 2 };
    (life - left).max(SignedDuration::from_secs(1))
}

fn window(not_before: Timestamp, not_after: Timestamp) -> Window {
    let life = not_after
        .as_millisecond()
        .saturating_sub(not_before.as_millisecond())
        .max(0);
    let left = if life >= LONG_LIFETIME.as_millis() as i64 {
        life / 3
    } else {
        life / 2
    };
    let start = not_after.as_millisecond() - left - life / WINDOW_DIVISOR / 2;
    let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap_or(not_after);
    Window {
        start: at(start),
        end: at(start + life / WINDOW_DIVISOR),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    const DAY: i64 = 86_400;

    #[test]
    fn ninety_days_are_renewed_with_a_third_left() {
        let moment = renewal_moment(at(0), at(90 * DAY), at(0), u64::MAX / 2);
        assert_eq!(moment.as_second() / DAY, 59, "{moment}");
        assert!((moment.as_second() - 60 * DAY).abs() <= DAY);
        assert_eq!(planned_interval(at(0), at(90 * DAY)).as_secs(), 60 * DAY);
    }

    #[test]
    fn six_days_are_renewed_with_half_left() {
        let moment = renewal_moment(at(0), at(6 * DAY), at(0), 1 << 63);
        assert!((moment.as_second() - 3 * DAY).abs() <= 6 * DAY / 50, "{moment}");
        assert_eq!(planned_interval(at(0), at(6 * DAY)).as_secs(), 3 * DAY);
    }

    #[test]
    fn a_certificate_that_had_ended_when_it_came_is_followed_a_day_later() {
        let moment = renewal_moment(at(0), at(90 * DAY), at(3650 * DAY), 0);
        assert_eq!(moment, at(3651 * DAY));
    }

    #[test]
    fn a_back_dated_certificate_is_not_renewed_in_a_loop() {
        for (start, end, now) in [(0, 90 * DAY, 89 * DAY), (0, 90 * DAY, 91 * DAY), (0, 60, 59)] {
            let moment = renewal_moment(at(start), at(end), at(now), 0);
            assert!(moment.as_second() >= now + 10, "{moment}");
        }
    }

    proptest! {
        #[test]
        fn the_moment_lies_inside_the_lifetime(start in 0i64..4_000_000_000, life in 60i64..400 * DAY, random: u64) {
            let moment = renewal_moment(at(start), at(start + life), at(start), random);
            prop_assert!(moment > at(start));
            prop_assert!(moment < at(start + life));
        }
    }
}
