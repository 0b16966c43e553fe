//! Retry-After (RFC 9110 10.2.3): `120` or `Fri, 31 Dec 2027 23:59:59 GMT`.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longest wait believed: a day is the longest period that APIs count their limits in.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// The wait that an answer asks for, from the moment it came; at most a day.
///
/// A date is held against the answer's own Date header: the difference of the two is right
/// even where a clock is wrong. `None` if it asks for none, or in neither form.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    parse(text(RETRY_AFTER)?, text(DATE), now)
}

fn parse(value: &str, date: Option<&str>, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // more digits than u64 holds is a long time, not nonsense
        return Some(value.parse().map_or(MAX, Duration::from_secs).min(MAX));
    }
    let until = http_date(value)?;
    let from = date.and_then(http_date).unwrap_or_else(now);
    // a moment that has passed: now
    let wait = Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO);
    Some(wait.min(MAX))
}

/// IMF-fixdate, the form that senders must use (RFC 9110 5.6.7).
fn http_date(value: &str) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(value.trim()).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has no clock of the daemon's; used only where the answer has no Date"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: &str = "Fri, 31 Dec 1999 23:59:00 GMT";

    fn seconds(value: &str, date: Option<&str>) -> Option<u64> {
        parse(value, date, || http_date(HERE).unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_forms_are_understood_and_a_date_counts_from_the_date_of_the_answer() {
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds(" 0 ", None), Some(0));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT", None), Some(59));
        let (date, until) = ("Sun, 31 Dec 2000 10:00:00 GMT", "Sun, 31 Dec 2000 10:01:30 GMT");
        assert_eq!(seconds(until, Some(date)), Some(90));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:58:00 GMT", Some(HERE)), Some(0));
    }

    #[test]
    fn no_answer_stops_us_for_more_than_a_day_and_nonsense_is_nothing() {
        assert_eq!(seconds("99999999999999999999999999", None), Some(MAX.as_secs()));
        assert_eq!(
            seconds("Thu, 31 Dec 2009 23:59:00 GMT", None),
            Some(MAX.as_secs())
        );
        for value in ["", "-1", "+5", "1.5", "soon", "5 s", "Fri, 31 Dec", "٣"] {
            assert_eq!(seconds(value, None), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_passes_the_limit(value in any::<String>(), date in any::<Option<String>>()) {
            if let Some(wait) = parse(&value, date.as_deref(), || http_date(HERE).unwrap()) {
                prop_assert!(wait <= MAX);
            }
        }
    }
}
