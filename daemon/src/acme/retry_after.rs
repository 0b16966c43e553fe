//! Retry-After (RFC 9110 10.2.3): `120` or `Fri, 31 Dec 2027 23:59:59 GMT`.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

/// Longest wait believed. Let's Encrypt's longest limit refills in 34 hours and counts over
/// a week; more than that would let a broken CA talk a certificate into expiry.
pub(super) const MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// The wait that `value` asks for, from the moment of the response; at most [`MAX`].
///
/// A date is compared with `date`, the response's own Date header: the difference of the
/// two is right even where our clock or the CA's is wrong. Without Date, `now` stands in.
/// `None` for what is neither form.
pub(super) fn parse(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // more digits than u64 holds is a long time, not nonsense
        return Some(value.parse().map_or(MAX, Duration::from_secs).min(MAX));
    }
    let until = http_date(value)?;
    let from = date.and_then(http_date).unwrap_or(now);
    let wait = until.duration_since(from);
    // a moment that has passed: now
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(MAX))
}

/// IMF-fixdate, the form that senders must use (RFC 9110 5.6.7).
fn http_date(value: &str) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATE: &str = "Fri, 31 Dec 1999 23:59:00 GMT";

    fn now() -> Timestamp {
        DATE.parse::<Timestamp>()
            .or_else(|_| http_date(DATE).ok_or(()))
            .expect("a date")
    }

    fn seconds(value: &str, date: Option<&str>) -> Option<u64> {
        parse(value, date, now()).map(|wait| wait.as_secs())
    }

    #[test]
    fn both_forms_are_understood() {
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds(" 0 ", None), Some(0));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT", None), Some(59));
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_response_and_not_from_our_clock() {
        // the CA's clock is a year ahead of ours
        let (date, until) = ("Sun, 31 Dec 2000 10:00:00 GMT", "Sun, 31 Dec 2000 10:01:30 GMT");
        assert_eq!(seconds(until, Some(date)), Some(90));
        assert_eq!(
            seconds("Fri, 31 Dec 1999 23:59:59 GMT", Some("garbage")),
            Some(59)
        );
    }

    #[test]
    fn the_past_means_now_and_a_decade_means_a_week() {
        assert_eq!(seconds("Fri, 31 Dec 1999 23:58:00 GMT", Some(DATE)), Some(0));
        assert_eq!(seconds("315360000", None), Some(MAX.as_secs()));
        assert_eq!(seconds("99999999999999999999999999", None), Some(MAX.as_secs()));
        assert_eq!(
            seconds("Thu, 31 Dec 2009 23:59:00 GMT", Some(DATE)),
            Some(MAX.as_secs())
        );
    }

    #[test]
    fn nonsense_is_nothing() {
        for value in ["", "-1", "+5", "1.5", "soon", "5 s", "Fri, 31 Dec", "٣"] {
            assert_eq!(seconds(value, Some(DATE)), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_passes_the_limit(value in any::<String>(), date in any::<Option<String>>()) {
            if let Some(wait) = parse(&value, date.as_deref(), now()) {
                prop_assert!(wait <= MAX);
            }
        }

        #[test]
        fn a_date_in_the_future_is_that_many_seconds_away(from in 0_i64..4_000_000_000, wait in 0_i64..604_800) {
            let date = |second| {
                let moment = Timestamp::from_second(second).expect("a moment");
                rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).expect("a date")
            };
            let parsed = parse(&date(from + wait), Some(&date(from)), now());
            prop_assert_eq!(parsed, Some(Duration::from_secs(wait as u64)));
        }
    }
}
