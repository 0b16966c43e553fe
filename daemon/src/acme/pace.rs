//! When to look again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Guess for a CA that is not known yet: enough for one on the same machine or network. At
/// one that takes seconds the first look is early with any guess, and teaches.
const FIRST_GUESS: Duration = Duration::from_millis(25);
/// Guesses stay in these bounds: below, the look itself takes longer; above, the CA says
/// Retry-After or a look costs little.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(10);
/// Looks after the first one, without Retry-After: the wait doubles, from the guess on but no shorter than
/// this. So a CA that is busy for once is found done within twice its time, by few looks.
const SHORTEST_SECOND_LOOK: Duration = Duration::from_millis(50);
const SLOWEST_LOOK: Duration = Duration::from_secs(5);
/// Something that has taken long takes long: looks are never further apart than 5 seconds, or than this part of the
/// wait so far. An hour without Retry-After costs a hundred looks, and not seven hundred.
const PART_OF_THE_WAIT: u32 = 16;
/// And never further apart than this: a certificate that is near its end waits for what is found done.
const RAREST_LOOK: Duration = Duration::from_secs(60);
/// A Retry-After that is a wait, and not just permission to come back at once.
const LONG_RETRY_AFTER: Duration = Duration::from_millis(250);

/// How long a CA takes for something, learned from looking.
///
/// A look too early costs a whole Retry-After (three seconds at Boulder), one too late its
/// lateness. So the guess aims at a time by which nearly all are done: it falls slowly
/// while looks succeed and rises at once when one was too early.
#[derive(Debug)]
pub(super) struct Typical(AtomicU64);

impl Default for Typical {
    fn default() -> Self {
        Typical(AtomicU64::new(micros(FIRST_GUESS)))
    }
}

impl Typical {
    pub(super) fn guess(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    /// A look after `used` found it done. Many at once lower the guess once.
    pub(super) fn done_within(&self, used: Duration) {
        let lower = micros((used * 31 / 32).max(SHORTEST));
        self.0.fetch_min(lower, Ordering::Relaxed);
    }

    /// A look after `used` was too early. Many at once raise the guess once.
    pub(super) fn not_within(&self, used: Duration) {
        let higher = micros((used * 3 / 2 + SHORTEST).min(LONGEST));
        self.0.fetch_max(higher, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The waits between looks at one thing.
#[derive(Debug)]
pub(super) struct Pace {
    first: Option<Duration>,
    next: Duration,
    waited: Duration,
}

impl Pace {
    /// The first look after `first`.
    pub(super) fn new(first: Duration) -> Self {
        Pace {
            first: Some(first),
            next: (first * 2).clamp(SHORTEST_SECOND_LOOK, SLOWEST_LOOK),
            waited: Duration::ZERO,
        }
    }

    /// The wait until the next look: never shorter than Retry-After.
    pub(super) fn wait(&mut self, retry_after: Option<Duration>) -> Duration {
        let own = self.first.take().unwrap_or_else(|| {
            let wait = self.next;
            let slowest = ((self.waited + wait) / PART_OF_THE_WAIT).clamp(SLOWEST_LOOK, RAREST_LOOK);
            self.next = (wait * 2).min(slowest);
            wait
        });
        // with Retry-After our own slowness is not needed
        let wait = match retry_after {
            Some(asked) if asked >= LONG_RETRY_AFTER => asked,
            Some(asked) => own.max(asked),
            None => own,
        };
        self.waited = self.waited.saturating_add(wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_look_is_at_the_learned_time_and_later_ones_back_off() {
        let mut pace = Pace::new(ms(50));
        let waits: Vec<_> = (0..8).map(|_| pace.wait(None).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 5000]);
    }

    #[test]
    fn retry_after_is_obeyed_and_zero_is_no_licence_to_flood() {
        let mut pace = Pace::new(ms(50));
        assert_eq!(pace.wait(Some(ms(3000))), ms(3000));
        assert_eq!(pace.wait(Some(Duration::ZERO)), ms(100));
        assert_eq!(pace.wait(Some(Duration::ZERO)), ms(200));
    }

    #[test]
    fn what_takes_hours_is_looked_at_rarely_and_still_found_done_in_time() {
        let mut pace = Pace::new(ms(50));
        let hour = Duration::from_secs(3600);
        let (mut looks, mut waited) = (0, Duration::ZERO);
        while waited < hour {
            let wait = pace.wait(None);
            assert!(
                wait <= SLOWEST_LOOK.max((waited + wait) / 15),
                "{wait:?} after {waited:?}"
            );
            waited += wait;
            looks += 1;
        }
        assert!((50..120).contains(&looks), "{looks} looks");
        for _ in 0..1000 {
            assert!(pace.wait(None) <= RAREST_LOOK);
        }
    }

    #[test]
    fn the_guess_settles_above_what_the_ca_needs() {
        let typical = Typical::default();
        let needed = ms(120);
        let mut misses = 0;
        for _ in 0..500 {
            let guess = typical.guess();
            if guess < needed {
                misses += 1;
                typical.not_within(guess);
            } else {
                typical.done_within(guess);
            }
        }
        assert!(misses < 50, "{misses} of 500 looks were too early");
        assert!(typical.guess() < needed * 2);
    }

    #[test]
    fn a_burst_of_early_looks_counts_once() {
        let typical = Typical::default();
        for _ in 0..16 {
            typical.not_within(ms(50));
        }
        assert_eq!(typical.guess(), ms(80));
    }

    proptest! {
        #[test]
        fn guesses_stay_in_bounds(steps in prop::collection::vec((any::<bool>(), 0_u64..1_000_000), 0..100)) {
            let typical = Typical::default();
            for (done, used) in steps {
                if done { typical.done_within(ms(used)) } else { typical.not_within(ms(used)) }
                prop_assert!((SHORTEST..=LONGEST).contains(&typical.guess()));
            }
        }

        #[test]
        fn no_look_is_before_retry_after(asked in prop::collection::vec(prop::option::of(0_u64..100_000), 1..20)) {
            let mut pace = Pace::new(ms(50));
            for asked in asked {
                prop_assert!(pace.wait(asked.map(ms)) >= ms(asked.unwrap_or(0)));
            }
        }
    }
}
