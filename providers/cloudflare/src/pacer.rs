//! Cloudflare's limit, kept by counting: no request is sent that would be over it.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The span that Cloudflare counts over, and for which it then blocks every request.
const SPAN: Duration = Duration::from_secs(300);
/// Most requests of this instance per span. Cloudflare allows 1,200 to all tokens of a user
/// together, the dashboard included: some are left for a person who looks.
const REQUESTS: usize = 1_100;

/// When requests were sent, and until when none may be.
#[derive(Debug)]
pub(crate) struct Pacer {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            most: REQUESTS,
            state: Mutex::default(),
        }
    }
}

impl Pacer {
    /// Counts a request that is about to be sent.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock();
        if let Some(until) = state.blocked_until {
            if now < until {
                return Err(until - now);
            }
            state.blocked_until = None;
        }
        while state.sent.front().is_some_and(|sent| *sent + SPAN <= now) {
            state.sent.pop_front();
        }
        if state.sent.len() >= self.most
            && let Some(oldest) = state.sent.front()
        {
            return Err(*oldest + SPAN - now);
        }
        state.sent.push_back(now);
        Ok(())
    }

    /// Cloudflare says that it has enough: nothing is sent for that long. Returns the wait.
    pub(crate) fn block(&self, now: Instant, wait: Option<Duration>) -> Duration {
        // without a word of how long, it is the span
        let wait = wait.unwrap_or(SPAN);
        let mut state = self.state.lock();
        let until = now + wait;
        if state.blocked_until.is_none_or(|earlier| earlier < until) {
            state.blocked_until = Some(until);
        }
        wait
    }
}

/// How long to send nothing, where Cloudflare's count says that nothing is left:
/// `"default";r=50;t=30`, requests and seconds until there are more, of each limit
/// (draft-ietf-httpapi-ratelimit-headers). It counts what others send too.
pub(crate) fn spent(ratelimit: &str) -> Option<Duration> {
    let limits = ratelimit.split(',').filter_map(|limit| {
        let number = |name: &str| {
            let mut parameters = limit.split(';').map(str::trim);
            parameters.find_map(|it| it.strip_prefix(name)?.parse::<u32>().ok())
        };
        let (left, seconds) = (number("r=")?, number("t=")?);
        (left == 0).then(|| Duration::from_secs(seconds.into()).min(SPAN))
    });
    limits.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn no_span_has_more_requests_than_allowed() {
        let pacer = Pacer {
            most: 3,
            ..Pacer::default()
        };
        let start = Instant::now();
        for at in [0, 10, 20] {
            assert_eq!(pacer.take(start + seconds(at)), Ok(()));
        }
        assert_eq!(pacer.take(start + seconds(30)), Err(seconds(270)));
        assert_eq!(pacer.take(start + seconds(299)), Err(seconds(1)));
        assert_eq!(pacer.take(start + seconds(300)), Ok(()));
        assert_eq!(pacer.take(start + seconds(300)), Err(seconds(10)));
    }

    #[test]
    fn after_a_429_nothing_is_sent_until_it_is_welcome() {
        let pacer = Pacer::default();
        let start = Instant::now();
        assert_eq!(pacer.block(start, Some(seconds(7))), seconds(7));
        assert_eq!(pacer.take(start + seconds(2)), Err(seconds(5)));
        assert_eq!(pacer.block(start, Some(seconds(3))), seconds(3));
        assert_eq!(pacer.take(start + seconds(4)), Err(seconds(3)));
        assert_eq!(pacer.take(start + seconds(7)), Ok(()));
        assert_eq!(pacer.block(start, None), SPAN);
    }

    #[test]
    fn cloudflares_own_count_is_heeded_before_it_refuses() {
        for (header, wait) in [
            ("\"default\";r=50;t=30", None),
            ("\"default\";r=1;t=30", None),
            ("\"burst\";r=0;t=2, \"default\";r=0;t=200", Some(200)),
            ("\"default\"; r=0; t=999999", Some(300)),
            ("\"default\";r=0", None),
            ("r=-1;t=x", None),
            ("", None),
        ] {
            assert_eq!(spent(header), wait.map(seconds), "{header}");
        }
    }

    #[test]
    fn the_whole_allowance_is_below_cloudflares() {
        let pacer = Pacer::default();
        let now = Instant::now();
        let sent = (0..1_200).filter(|_| pacer.take(now).is_ok()).count();
        assert_eq!(sent, 1_100);
    }
}
