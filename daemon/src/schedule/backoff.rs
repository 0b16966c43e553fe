//! How long to wait after a failure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::types::{Fault, FaultClass};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nothing is spent, so the first tries come soon; an hour at most keeps a
/// six-day certificate safe through an outage that ends.
const TRANSIENT: [u64; 7] = [5, 15, MINUTE, 3 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR];
/// Let's Encrypt's integration guide: 1, 10, 100 minutes, then daily. At most
/// three failed authorizations an hour, where five are allowed.
const REFUSED: [u64; 4] = [MINUTE, 10 * MINUTE, 100 * MINUTE, DAY];
/// A person needs time; `dns01d renew` and a reload try at once.
const OPERATOR: [u64; 3] = [10 * MINUTE, 100 * MINUTE, DAY];
/// However near its end a certificate is, this is the shortest wait that its end leads to: with 1 and 10 minutes
/// before it, an hour holds five failed authorizations of a name, and no more are allowed.
const TIGHTEST: u64 = 20 * MINUTE;
/// Tries that still fit into what is left of a certificate.
const TRIES_LEFT: u32 = 4;
/// An expired certificate is an outage: it is tried again at least this often.
const EXPIRED: u64 = HOUR;

/// What a wait must not outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// There is no certificate yet.
    None,
    /// The one that there is ends then.
    Ends(Timestamp),
}

impl Horizon {
    /// The longest wait that leaves time for more tries.
    fn most(self, now: Timestamp) -> Duration {
        match self {
            Horizon::None => Duration::from_secs(DAY),
            Horizon::Ends(not_after) => match Duration::try_from(not_after.duration_since(now)) {
                Ok(left) if !left.is_zero() => (left / TRIES_LEFT).max(Duration::from_secs(TIGHTEST)),
                Ok(_) | Err(_) => Duration::from_secs(EXPIRED),
            },
        }
    }
}

/// When to try again after the `failures`-th failure in a row (1 for the
/// first). `random` adds up to a tenth, so that many certificates that failed
/// together do not come back together. Never before a moment that the other side named; and otherwise
/// not so late that the certificate at the `horizon` ends first.
pub fn next_attempt(
    now: Timestamp,
    fault: &Fault,
    failures: u32,
    horizon: Horizon,
    random: u64,
) -> Timestamp {
    let table: &[u64] = match fault.class {
        FaultClass::Transient | FaultClass::Limited => &TRANSIENT,
        FaultClass::Refused => &REFUSED,
        FaultClass::Operator => &OPERATOR,
    };
    let index = (failures.max(1) as usize - 1).min(table.len() - 1);
    let base = Duration::from_secs(table[index])
        .min(horizon.most(now))
        .max(fault.not_before.unwrap_or_default());
    let jitter = base.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64 / 10.0);
    let wait = SignedDuration::try_from(base + jitter).unwrap_or(SignedDuration::from_hours(24));
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(class: FaultClass, not_before: Option<u64>) -> Fault {
        Fault {
            class,
            not_before: not_before.map(Duration::from_secs),
            text: "x".into(),
            page: None,
        }
    }

    #[test]
    fn refusals_wait_1_10_100_minutes_then_a_day() {
        let waits: Vec<i64> = (1..=5)
            .map(|n| {
                next_attempt(
                    Timestamp::UNIX_EPOCH,
                    &fault(FaultClass::Refused, None),
                    n,
                    Horizon::None,
                    0,
                )
                .as_second()
            })
            .collect();
        assert_eq!(waits, [60, 600, 6000, 86_400, 86_400]);
    }

    #[test]
    fn a_wait_leaves_time_for_more_tries_before_the_end() {
        let wait = |left: i64, class, failures| {
            let horizon = Horizon::Ends(Timestamp::from_second(left).unwrap());
            next_attempt(Timestamp::UNIX_EPOCH, &fault(class, None), failures, horizon, 0).as_second()
        };
        let (day, hour, minute) = (86_400, 3600, 60);
        assert_eq!(wait(30 * day, FaultClass::Refused, 9), day);
        assert_eq!(wait(8 * hour, FaultClass::Refused, 9), 2 * hour);
        assert_eq!(wait(8 * hour, FaultClass::Operator, 9), 2 * hour);
        assert_eq!(
            wait(10 * minute, FaultClass::Refused, 9),
            20 * minute,
            "within the CA's limit"
        );
        assert_eq!(wait(-5, FaultClass::Refused, 9), hour);
        assert_eq!(wait(10 * minute, FaultClass::Transient, 1), 5);
    }

    proptest! {
        #[test]
        fn a_named_moment_is_never_jumped(failures in 0u32..50, named in 0u64..40 * DAY, random: u64) {
            let fault = fault(FaultClass::Limited, Some(named));
            let at = next_attempt(Timestamp::UNIX_EPOCH, &fault, failures, Horizon::None, random);
            prop_assert!(at.as_second() >= named as i64);
        }

        #[test]
        fn an_hour_never_holds_more_than_five_refusals(randoms in proptest::collection::vec(any::<u64>(), 8), left in -100_000i64..400_000) {
            let mut now = Timestamp::UNIX_EPOCH;
            let horizon = Horizon::Ends(Timestamp::from_second(left).unwrap());
            let mut moments = vec![now];
            for (n, random) in randoms.into_iter().enumerate() {
                now = next_attempt(now, &fault(FaultClass::Refused, None), n as u32 + 1, horizon, random);
                moments.push(now);
            }
            for start in &moments {
                let within = moments.iter().filter(|m| *m >= start && m.as_second() < start.as_second() + 3600).count();
                prop_assert!(within <= 5);
            }
        }
    }
}
