//! Anti-replay nonces (RFC 8555 6.5).

use std::time::Duration;

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

/// More than the requests in flight: each answer brings one back.
const MAX_NONCES: usize = 64;
/// CAs forget nonces by number or by age; a rejected one costs a round trip, as a new one does.
const MAX_AGE: Duration = Duration::from_secs(240);
/// Longest one kept. Boulder's have 70 characters.
const MAX_LENGTH: usize = 256;

/// A number used once. Not `Clone`: whoever holds it sends it, and then it is spent,
/// whether or not an answer came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nonce(String);

impl Nonce {
    /// RFC 8555 6.5.1: "The value of the Replay-Nonce header field MUST be an octet string
    /// encoded according to the base64url encoding [...]. Clients MUST ignore invalid
    /// Replay-Nonce values."
    pub(super) fn parse(text: &str) -> Option<Self> {
        let valid = (1..=MAX_LENGTH).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        valid.then(|| Nonce(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Nonces that answers brought and no request has used. The youngest goes first.
#[derive(Debug, Default)]
pub(super) struct NoncePool {
    nonces: Mutex<Vec<(Instant, Nonce)>>,
    arrived: Notify,
}

impl NoncePool {
    pub(super) fn put(&self, nonce: Nonce) {
        let mut pool = self.nonces.lock();
        if pool.len() == MAX_NONCES {
            // the oldest
            pool.remove(0);
        }
        pool.push((Instant::now(), nonce));
        self.arrived.notify_one();
    }

    /// The next one that an answer brings. Several that arrive at once may wake one who waits, so
    /// nobody should wait for this alone.
    pub(super) async fn next(&self) -> Nonce {
        loop {
            if let Some(nonce) = self.take() {
                return nonce;
            }
            self.arrived.notified().await;
        }
    }

    pub(super) fn take(&self) -> Option<Nonce> {
        let mut pool = self.nonces.lock();
        match pool.pop() {
            Some((since, nonce)) if since.elapsed() <= MAX_AGE => Some(nonce),
            // the rest is older still
            Some(_) => {
                pool.clear();
                None
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(text: &str) -> Nonce {
        Nonce::parse(text).expect("a nonce")
    }

    #[test]
    fn what_is_not_base64url_is_ignored() {
        for text in ["", "a b", "a=", "a+/", "ä", &"a".repeat(257)] {
            assert_eq!(Nonce::parse(text), None, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_nonce_is_given_once_youngest_first() {
        let pool = NoncePool::default();
        pool.put(nonce("a"));
        pool.put(nonce("b"));
        assert_eq!(pool.take(), Some(nonce("b")));
        assert_eq!(pool.take(), Some(nonce("a")));
        assert_eq!(pool.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn old_nonces_are_dropped() {
        let pool = NoncePool::default();
        pool.put(nonce("old"));
        tokio::time::advance(MAX_AGE + Duration::from_secs(1)).await;
        assert_eq!(pool.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_one_that_arrives() {
        let pool = std::sync::Arc::new(NoncePool::default());
        let waiting = tokio::spawn({
            let pool = std::sync::Arc::clone(&pool);
            async move { pool.next().await }
        });
        tokio::task::yield_now().await;
        pool.put(nonce("a"));
        assert_eq!(waiting.await.expect("no panic"), nonce("a"));
        assert_eq!(pool.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_generous_ca_does_not_fill_our_memory() {
        let pool = NoncePool::default();
        for number in 0..10 * MAX_NONCES {
            pool.put(nonce(&number.to_string()));
        }
        let mut given = 0;
        while pool.take().is_some() {
            given += 1;
        }
        assert_eq!(given, MAX_NONCES);
    }
}
