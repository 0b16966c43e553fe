//! Which of a certificate's CAs is asked.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::types::CaName;

/// Failures in a row after which another CA is asked. Fewer may be chance: a restart, a moment without a route.
const PATIENCE: u32 = 3;
/// A CA that failed is not gone back to before: what was mended for an hour may break again, and every change of the
/// CA is a certificate without ARI's exemption and with another chain.
const HOLD_DOWN: SignedDuration = SignedDuration::from_hours(24);

/// How a CA treated one certificate lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CaTrouble {
    /// Failures in a row that were the CA's.
    pub failures: u32,
    /// The last of them.
    pub at: Timestamp,
    /// It cannot work before a person changes something: no patience helps.
    #[serde(default)]
    pub hopeless: bool,
}

/// Troubles of one certificate, by CA.
pub type CaTroubles = BTreeMap<CaName, CaTrouble>;

/// The first CA of the list that did not fail lately; if all did, the preferred one. A certificate that is `urgent`
/// has no patience. `None` for an empty list.
pub fn choose_ca<'a>(
    cas: &'a [CaName],
    troubles: &CaTroubles,
    urgent: bool,
    now: Timestamp,
) -> Option<&'a CaName> {
    let patience = if urgent { 1 } else { PATIENCE };
    let is_held_down = |ca: &&CaName| {
        troubles.get(*ca).is_some_and(|trouble| {
            let failed = trouble.hopeless || trouble.failures >= patience;
            // a moment to come was noted by a clock that was ahead
            failed && now.duration_since(trouble.at).abs() < HOLD_DOWN
        })
    };
    cas.iter().find(|ca| !is_held_down(ca)).or_else(|| cas.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn cas() -> Vec<CaName> {
        ["first", "second"].map(|name| name.parse().unwrap()).into()
    }

    fn troubles(failures: u32, hopeless: bool) -> CaTroubles {
        let trouble = CaTrouble {
            failures,
            at: at(0),
            hopeless,
        };
        [(cas()[0].clone(), trouble)].into()
    }

    #[test]
    fn the_preferred_ca_is_asked_until_it_failed_three_times() {
        let cas = cas();
        let chosen = |troubles: &CaTroubles, urgent, now| {
            choose_ca(&cas, troubles, urgent, at(now))
                .map(CaName::as_str)
                .unwrap()
        };
        assert_eq!(chosen(&CaTroubles::new(), false, 0), "first");
        assert_eq!(chosen(&troubles(2, false), false, 1), "first");
        assert_eq!(chosen(&troubles(3, false), false, 1), "second");
        assert_eq!(chosen(&troubles(1, false), true, 1), "second", "no time to lose");
        assert_eq!(chosen(&troubles(1, true), false, 1), "second");
        assert_eq!(
            chosen(&troubles(3, false), false, 86_399),
            "second",
            "it is not gone back to in an hour"
        );
        assert_eq!(chosen(&troubles(3, false), false, 86_400), "first");
    }

    #[test]
    fn a_trouble_that_a_clock_which_was_ahead_has_noted_holds_nobody_down() {
        assert_eq!(
            choose_ca(&cas(), &troubles(9, true), false, at(-315_360_000)),
            cas().first()
        );
    }

    #[test]
    fn a_single_ca_is_asked_whatever_it_did() {
        let cas = cas();
        let only = &cas[..1];
        assert_eq!(choose_ca(only, &troubles(9, true), true, at(1)), Some(&cas[0]));
        assert_eq!(choose_ca(&[], &CaTroubles::new(), false, at(0)), None);
    }
}
