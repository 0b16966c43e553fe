//! A few measurements of one thing.

use std::time::Duration;

/// Durations, in order.
#[derive(Clone, Debug)]
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    /// Of at least one.
    pub(crate) fn of(mut values: Vec<Duration>) -> Option<Self> {
        values.sort();
        (!values.is_empty()).then_some(Spread(values))
    }

    /// At `percent` of the way from the smallest to the largest, 0 to 100.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        // never empty: see `of`
        let last = self.0.len() - 1;
        self.0[(last * percent.min(100) + 50) / 100]
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// `median (smallest to largest)` in milliseconds.
    pub(crate) fn text(&self) -> String {
        let (least, most) = (self.percentile(0), self.percentile(100));
        if self.0.len() == 1 {
            return millis(least);
        }
        format!(
            "{} ({} to {})",
            millis(self.median()),
            millis(least),
            millis(most)
        )
    }
}

/// With one decimal where it matters.
pub(crate) fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis < 20.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_tells_median_and_extremes() {
        let of = |millis: &[u64]| {
            Spread::of(millis.iter().copied().map(Duration::from_millis).collect())
                .map(|spread| spread.text())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]).as_deref(), Some("7.0 ms"));
        assert_eq!(of(&[300, 100, 200]).as_deref(), Some("200 ms (100 ms to 300 ms)"));
    }
}
