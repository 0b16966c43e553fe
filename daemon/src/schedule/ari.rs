//! What a CA's renewal information means (RFC 9773): when to renew, and when to ask again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Window;

/// RFC 9773 4.3.2: "clients SHOULD set reasonable limits on their checking interval. For example, values under
/// one minute could be treated as if they were one minute, and values over one day [...] as one day".
pub const SHORTEST_CHECK: Duration = Duration::from_secs(60);
/// The other end of the same rule.
pub const LONGEST_CHECK: Duration = Duration::from_secs(24 * 3600);
/// RFC 9773 4.3.3: after a long-term error "the client MUST make its next request after 6 hours".
pub const AFTER_LASTING_FAULT: Duration = Duration::from_secs(6 * 3600);
/// RFC 9773 4.3.3: temporary errors are retried "with exponential backoff with a capped value"; this is the first wait.
const FIRST_RETRY: Duration = Duration::from_secs(60);

/// What is known of a certificate's renewal information; kept with the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RenewalInfo {
    /// The CertID that was asked for (RFC 9773 4.1).
    pub cert_id: String,
    /// What the CA suggested last, and the moment that was picked of it: picked once for each window, so that
    /// neither a restart nor another look rolls again.
    #[serde(default)]
    pub suggested: Option<Suggested>,
    /// When the CA answered last.
    #[serde(default)]
    pub checked_at: Option<Timestamp>,
    /// When it is asked again.
    pub next_check: Timestamp,
    /// Temporary faults in a row.
    #[serde(default)]
    pub faults: u32,
    /// Why the last look brought nothing.
    #[serde(default)]
    pub error: Option<String>,
}

/// A window and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Suggested {
    /// The CA's window.
    pub window: Window,
    /// Where the CA says why.
    #[serde(default)]
    pub explanation_url: Option<String>,
    /// The moment of the renewal.
    pub renew_at: Timestamp,
}

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A window whose end is later than its start.
    Window {
        /// The CA's window.
        window: Window,
        /// Where the CA says why.
        explanation_url: Option<String>,
        /// When the CA wants to be asked again; it MUST say so (RFC 9773 4.3).
        retry_after: Option<Duration>,
    },
    /// No connection, 5xx: it may pass.
    Temporary {
        /// Why.
        error: String,
        /// When the CA wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// No such certificate, nonsense, an inverted window: it lasts.
    Lasting {
        /// Why.
        error: String,
    },
}

impl RenewalInfo {
    /// Of a certificate that was just issued: "Clients SHOULD [...] make a request immediately after issuance" (4.3).
    pub fn new(cert_id: String, now: Timestamp) -> Self {
        RenewalInfo {
            cert_id,
            suggested: None,
            checked_at: None,
            next_check: now,
            faults: 0,
            error: None,
        }
    }

    /// After a look at a certificate that ends at `not_after`.
    pub fn heard(mut self, heard: Heard, not_after: Timestamp, now: Timestamp, random: u64) -> Self {
        let wait = match heard {
            Heard::Window {
                window,
                explanation_url,
                retry_after,
            } => {
                self.faults = 0;
                self.error = None;
                self.checked_at = Some(now);
                let kept = self
                    .suggested
                    .as_ref()
                    .filter(|suggested| suggested.window == window)
                    .map(|suggested| suggested.renew_at);
                self.suggested = Some(Suggested {
                    window,
                    explanation_url,
                    renew_at: kept
                        .unwrap_or_else(|| window.pick(random))
                        .min(latest(not_after, now)),
                });
                match retry_after {
                    Some(wait) => wait.clamp(SHORTEST_CHECK, LONGEST_CHECK),
                    // 4.3.3 counts its absence among the long-term errors
                    None => AFTER_LASTING_FAULT,
                }
            }
            Heard::Temporary { error, retry_after } => {
                self.faults = self.faults.saturating_add(1);
                self.error = Some(error);
                let doubled = FIRST_RETRY.saturating_mul(1 << (self.faults - 1).min(16));
                let wait = doubled.min(AFTER_LASTING_FAULT);
                retry_after.map_or(wait, |named| named.clamp(wait, LONGEST_CHECK))
            }
            // what was suggested before still stands: it was good then
            Heard::Lasting { error } => {
                self.faults = 0;
                self.error = Some(error);
                AFTER_LASTING_FAULT
            }
        };
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(24));
        self.next_check = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        self
    }

    /// When to ask again; never once the certificate has expired (4.3: "Clients MUST NOT check [...] after expiration").
    pub fn next_check(&self, not_after: Timestamp) -> Option<Timestamp> {
        (self.next_check < not_after).then_some(self.next_check)
    }

    /// The moment that the CA's window gave, if there is one.
    pub fn renew_at(&self) -> Option<Timestamp> {
        self.suggested.as_ref().map(|suggested| suggested.renew_at)
    }
}

/// A twentieth of what is left of a life must do for its renewal, whatever a CA suggests: no word of a CA lets a
/// certificate expire.
fn latest(not_after: Timestamp, now: Timestamp) -> Timestamp {
    let left = not_after.as_millisecond() - now.as_millisecond();
    Timestamp::from_millisecond(not_after.as_millisecond() - left.max(0) / 20).unwrap_or(not_after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window(start: i64, end: i64, retry_after: Option<u64>) -> Heard {
        Heard::Window {
            window: Window {
                start: at(start),
                end: at(end),
            },
            explanation_url: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn new() -> RenewalInfo {
        RenewalInfo::new("aki.serial".into(), at(0))
    }

    fn wait(info: &RenewalInfo, now: i64) -> i64 {
        info.next_check.as_second() - now
    }

    #[test]
    fn rfc9773_4_2_a_window_keeps_its_moment_and_another_gets_another() {
        let first = new().heard(window(1000, 2000, Some(21_600)), at(90 * DAY), at(0), 1 << 62);
        let again = first
            .clone()
            .heard(window(1000, 2000, Some(21_600)), at(90 * DAY), at(500), u64::MAX);
        assert_eq!(first.renew_at(), again.renew_at());
        let moved = again.heard(window(100, 200, Some(21_600)), at(90 * DAY), at(600), 1 << 63);
        assert_eq!(moved.renew_at(), Some(at(150)));
    }

    #[test]
    fn rfc9773_4_2_a_window_in_the_past_means_now() {
        let info = new().heard(window(-2000, -1000, Some(21_600)), at(90 * DAY), at(0), 7);
        assert!(info.renew_at().unwrap() < at(0));
    }

    #[test]
    fn rfc9773_4_3_2_the_interval_lies_between_a_minute_and_a_day() {
        for (said, kept) in [(0, 60), (59, 60), (21_600, 21_600), (315_360_000, 86_400)] {
            let info = new().heard(window(1000, 2000, Some(said)), at(90 * DAY), at(0), 0);
            assert_eq!(wait(&info, 0), kept);
        }
    }

    #[test]
    fn rfc9773_4_3_3_lasting_faults_wait_six_hours_and_temporary_ones_back_off() {
        let lasting = new().heard(Heard::Lasting { error: "404".into() }, at(90 * DAY), at(0), 0);
        assert_eq!(wait(&lasting, 0), 21_600);
        let silent = new().heard(window(1000, 2000, None), at(90 * DAY), at(0), 0);
        assert_eq!(wait(&silent, 0), 21_600, "a missing Retry-After is one of them");
        assert!(silent.renew_at().is_some(), "its window is good all the same");

        let mut info = new();
        let mut waits = Vec::new();
        for _ in 0..11 {
            let error = "503".to_owned();
            info = info.heard(
                Heard::Temporary {
                    error,
                    retry_after: None,
                },
                at(90 * DAY),
                at(0),
                0,
            );
            waits.push(wait(&info, 0) / 60);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    }

    #[test]
    fn rfc9773_4_3_an_expired_certificate_is_not_asked_about() {
        let info = new().heard(window(1000, 2000, Some(21_600)), at(10_000), at(0), 0);
        assert_eq!(info.next_check(at(10_000)), None);
        assert!(info.next_check(at(100_000)).is_some());
    }

    #[test]
    fn no_window_lets_a_certificate_expire() {
        let info = new().heard(
            window(100 * DAY, 200 * DAY, Some(21_600)),
            at(90 * DAY),
            at(0),
            u64::MAX,
        );
        assert!(info.renew_at().unwrap() < at(90 * DAY));
    }

    #[test]
    fn a_fault_leaves_the_moment_that_was_picked() {
        let info = new().heard(window(1000, 2000, Some(21_600)), at(90 * DAY), at(0), 9);
        let picked = info.renew_at();
        let faulty = info.heard(Heard::Lasting { error: "x".into() }, at(90 * DAY), at(1), 10);
        assert_eq!(faulty.renew_at(), picked);
    }

    proptest! {
        #[test]
        fn no_answer_makes_an_early_or_a_late_look(retry in proptest::option::of(any::<u64>()), faults in 0u32..100, now in 0i64..4_000_000_000, kind in 0..3) {
            let retry_after = retry.map(Duration::from_secs);
            let heard = match kind {
                0 => Heard::Window { window: Window { start: at(5), end: at(6) }, explanation_url: None, retry_after },
                1 => Heard::Temporary { error: String::new(), retry_after },
                _ => Heard::Lasting { error: String::new() },
            };
            let info = RenewalInfo { faults, ..new() }.heard(heard, at(now + 90 * DAY), at(now), 3);
            prop_assert!((60..=DAY).contains(&wait(&info, now)));
        }
    }
}
