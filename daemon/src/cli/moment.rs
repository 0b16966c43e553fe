use std::str::FromStr;

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

/// A moment as people write it: `2027-01-31`, `2027-01-31T12:00:00Z`, or `+30d` from now.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// That one.
    At(Timestamp),
    /// The end of this day, where the command runs.
    On(Date),
    /// So much later than now.
    In(Span),
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a day such as 2027-01-31, a moment such as 2027-01-31T12:00:00Z, or a time from now such as +30d"
)]
pub struct NoMoment;

impl Moment {
    /// The moment itself; `None` for one that no calendar has.
    pub fn from(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Moment::At(at) => Some(at),
            Moment::On(day) => {
                let next = day.tomorrow().ok()?;
                next.to_zoned_datetime(zone.clone())
                    .ok()
                    .map(|zoned| zoned.timestamp())
            }
            Moment::In(span) => now
                .to_zoned_datetime(zone.clone())
                .checked_add(span)
                .ok()
                .map(|zoned| zoned.timestamp()),
        }
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        if let Some(span) = text.strip_prefix('+') {
            return match span.parse::<Span>() {
                Ok(span) if !span.is_negative() => Ok(Moment::In(span)),
                _ => Err(NoMoment),
            };
        }
        if let Ok(at) = text.parse() {
            return Ok(Moment::At(at));
        }
        // a civil date parser would drop a time without its offset
        if text.len() == "2027-01-31".len()
            && let Ok(day) = text.parse()
        {
            return Ok(Moment::On(day));
        }
        Err(NoMoment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_or_so_long_from_now() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let moment = |text: &str| {
            let moment: Moment = text.parse().ok()?;
            moment.from(now, &zone).map(|at| at.to_string())
        };
        for (text, is) in [
            ("+30d", "2026-12-23T09:00:00Z"),
            ("+90m", "2026-11-23T10:30:00Z"),
            ("+2w", "2026-12-07T09:00:00Z"),
            ("2027-01-31", "2027-01-31T23:00:00Z"),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
            ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ] {
            assert_eq!(moment(text).as_deref(), Some(is), "{text}");
        }
        for wrong in [
            "",
            "+",
            "30d",
            "+-3d",
            "-3d",
            "2027-13-01",
            "2027-01-31T12:00",
            "tomorrow",
            "+9999999y",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
