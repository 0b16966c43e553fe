//! How often a CA is asked.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// Longest that one answer closes the gate. A CA that is down for hours is then asked once an
/// hour, and one that says a week by mistake does not let certificates expire.
const LONGEST_CLOSURE: Duration = Duration::from_secs(3600);

/// Lets a number of requests pass in any one second, in the order of their asking: a burst of
/// them at once, or one by one.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: usize,
    /// When those of the last second pass, and those that wait.
    passed: Mutex<VecDeque<Instant>>,
}

impl Limiter {
    pub(super) fn new(rate: NonZeroU32) -> Self {
        Limiter {
            rate: rate.get() as usize,
            passed: Mutex::default(),
        }
    }

    /// Waits for its turn. Who gives up waiting leaves its turn unused.
    pub(super) async fn pass(&self) {
        let now = Instant::now();
        let turn = self.turn(now);
        // a timer, even one that has run out, takes up to a millisecond
        if turn > now {
            tokio::time::sleep_until(turn).await;
        }
    }

    fn turn(&self, now: Instant) -> Instant {
        let mut passed = self.passed.lock();
        while passed.front().is_some_and(|turn| *turn + SECOND <= now) {
            passed.pop_front();
        }
        let turn = if passed.len() < self.rate {
            now
        } else {
            passed.pop_front().expect("a rate is not zero") + SECOND
        };
        passed.push_back(turn);
        turn
    }
}

/// Closed while a CA has said to all that it does not serve: with 503 and Retry-After, whichever
/// request it was. A thousand orders then do not each ask.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    pub(super) fn close(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_CLOSURE);
        let mut closed = self.0.lock();
        *closed = Some(closed.map_or(until, |other| other.max(until)));
    }

    /// How long it stays closed; `None` when it is open.
    pub(super) fn closed(&self) -> Option<Duration> {
        let left = (*self.0.lock())?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn limiter(rate: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(rate).expect("a rate"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_by_the_second() {
        let limiter = Arc::new(limiter(18));
        let started = Instant::now();
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    limiter.pass().await;
                    started.elapsed().as_secs()
                })
            })
            .collect();
        let mut by_second = [0; 6];
        for task in waiting {
            by_second[task.await.expect("no panic") as usize] += 1;
        }
        assert_eq!(by_second, [18, 18, 18, 18, 18, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_slowly_never_waits() {
        let limiter = limiter(2);
        for _ in 0..20 {
            let asked = Instant::now();
            limiter.pass().await;
            assert_eq!(asked.elapsed(), Duration::ZERO);
            tokio::time::advance(SECOND / 2).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_gate_opens_when_the_ca_said_and_after_an_hour_at_the_latest() {
        let gate = Gate::default();
        assert_eq!(gate.closed(), None);
        gate.close(Duration::from_secs(60));
        // a shorter one does not open it
        gate.close(Duration::from_secs(1));
        assert_eq!(gate.closed(), Some(Duration::from_secs(60)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(gate.closed(), None);
        gate.close(Duration::from_secs(7 * 86_400));
        assert_eq!(gate.closed(), Some(LONGEST_CLOSURE));
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_its_rate(
            rate in 1_u32..30,
            gaps in prop::collection::vec(0_u64..300, 1..200),
        ) {
            let limiter = limiter(rate);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let turns = runtime.block_on(async {
                let mut now = Instant::now();
                let mut turns = Vec::new();
                for gap in &gaps {
                    now += Duration::from_millis(*gap);
                    turns.push((now, limiter.turn(now)));
                }
                turns
            });
            for (asked, turn) in &turns {
                prop_assert!(turn >= asked);
            }
            for pair in turns.windows(2) {
                prop_assert!(pair[0].1 <= pair[1].1, "in order");
            }
            for window in turns.windows(rate as usize + 1) {
                prop_assert!(window[rate as usize].1 >= window[0].1 + SECOND);
            }
        }
    }
}
