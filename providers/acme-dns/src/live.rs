//! What each account shows, as far as this process knows.
//!
//! The server cannot be asked. Every update takes the place of the account's oldest value, in
//! use or not, and "oldest" is told by whole seconds: of two that were updated in the same one,
//! either goes. So a value that is shown already is not sent again; one in use that might have
//! gone is sent once more; and a third update within a second waits for the next second. So does
//! the first one after the start, as the process before this one may have sent two in its last.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Values that a server keeps per account.
pub(crate) const KEPT: usize = 2;
/// The resolution of the server's clock, and a little for the way there.
const TICK: Duration = Duration::from_millis(1_050);

/// Accounts by subdomain, since the instance was opened.
#[derive(Debug)]
pub(crate) struct Live {
    accounts: Mutex<BTreeMap<String, Shown>>,
    /// A process before this one may have sent updates of any account until then.
    opened: Instant,
}

#[derive(Debug, Default)]
struct Shown {
    /// The newest values, oldest first, at most [`KEPT`].
    values: VecDeque<Value>,
    /// When the newest updates were sent, at most [`KEPT`].
    updates: VecDeque<Instant>,
}

#[derive(Debug)]
struct Value {
    text: String,
    /// The server said that it has it; otherwise the answer to an update was lost.
    is_certain: bool,
    /// Its removal was not asked for yet.
    is_used: bool,
}

/// What to send so that a value is shown.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Plan {
    /// Nothing: it is.
    Shown,
    /// These, in this order.
    Send {
        values: Vec<String>,
        /// The value in use that has to go.
        pushes_out: Option<String>,
    },
}

impl Live {
    /// Nothing is known of what was sent before `opened`.
    pub(crate) fn new(opened: Instant) -> Self {
        Self {
            accounts: Mutex::default(),
            opened,
        }
    }

    /// How `text` comes to be shown by `account`.
    pub(crate) fn plan(&self, account: &str, text: &str, now: Instant) -> Plan {
        let mut live = self.accounts.lock();
        live.retain(|_, shown| shown.matters(now));
        let Some(shown) = live.get(account) else {
            return Plan::Send {
                values: vec![text.to_owned()],
                pushes_out: None,
            };
        };
        let known = shown.values.iter().find(|value| value.text == text);
        if known.is_some_and(|value| value.is_certain) {
            return Plan::Shown;
        }
        let others = shown.values.iter().filter(|value| value.text != text);
        let used: Vec<&str> = others
            .filter(|value| value.is_used)
            .map(|value| value.text.as_str())
            .collect();
        let mut values = vec![text.to_owned()];
        let mut pushes_out = None;
        match used.as_slice() {
            [oldest, _, ..] => pushes_out = Some((*oldest).to_owned()),
            // an update took its place just now, or one did whose answer was lost
            [one] if shown.values.len() == KEPT => values.push((*one).to_owned()),
            _ => {}
        }
        Plan::Send { values, pushes_out }
    }

    /// How long the next update must wait so that its second tells it from the last but one.
    pub(crate) fn pause(&self, account: &str, now: Instant) -> Duration {
        let live = self.accounts.lock();
        let last_but_one = match live.get(account).map(|shown| &shown.updates) {
            Some(updates) if updates.len() == KEPT => updates[0],
            _ => self.opened,
        };
        TICK.saturating_sub(now.saturating_duration_since(last_but_one))
    }

    /// An update with this value was sent.
    pub(crate) fn sent(&self, account: &str, text: &str, is_certain: bool, now: Instant) {
        let mut live = self.accounts.lock();
        let shown = live.entry(account.to_owned()).or_default();
        shown.values.retain(|value| value.text != text);
        shown.values.push_back(Value {
            text: text.to_owned(),
            is_certain,
            is_used: true,
        });
        shown.updates.push_back(now);
        if shown.values.len() > KEPT {
            shown.values.pop_front();
        }
        if shown.updates.len() > KEPT {
            shown.updates.pop_front();
        }
    }

    /// Nobody needs the value any more. It is shown until others take its place.
    pub(crate) fn release(&self, text: &str) {
        let mut live = self.accounts.lock();
        let values = live.values_mut().flat_map(|shown| &mut shown.values);
        values
            .filter(|value| value.text == text)
            .for_each(|value| value.is_used = false);
    }
}

impl Shown {
    /// False once nothing is in use and the next update cannot tie.
    fn matters(&self, now: Instant) -> bool {
        let is_recent = |sent: &Instant| now.saturating_duration_since(*sent) < TICK;
        self.values.iter().any(|value| value.is_used) || self.updates.back().is_some_and(is_recent)
    }
}

/// The moment, for the intervals above.
#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has no tokio clock; intervals between its own updates are monotonic"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account whose last updates are long past.
    struct Case {
        live: Live,
        start: Instant,
    }

    impl Case {
        fn new() -> Self {
            let opened = now();
            Case {
                live: Live::new(opened),
                start: opened + Duration::from_secs(60),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn send(&self, text: &str, seconds: u64) {
            self.live.sent("x", text, true, self.at(seconds));
        }

        fn plan(&self, text: &str, seconds: u64) -> Plan {
            self.live.plan("x", text, self.at(seconds))
        }
    }

    fn send(values: &[&str], pushes_out: Option<&str>) -> Plan {
        Plan::Send {
            values: values.iter().map(|&value| value.to_owned()).collect(),
            pushes_out: pushes_out.map(str::to_owned),
        }
    }

    #[test]
    fn a_shown_value_is_not_sent_again_and_a_third_pushes_out_the_oldest() {
        let case = Case::new();
        assert_eq!(case.plan("a", 0), send(&["a"], None));
        case.send("a", 0);
        assert_eq!(case.plan("b", 0), send(&["b"], None));
        case.send("b", 0);
        assert_eq!(case.plan("a", 9), Plan::Shown);
        assert_eq!(case.live.plan("y", "a", case.at(9)), send(&["a"], None));
        assert_eq!(case.plan("c", 9), send(&["c"], Some("a")));
        case.send("c", 9);
        assert_eq!(case.plan("b", 9), Plan::Shown);
        assert_eq!(case.plan("a", 9), send(&["a"], Some("b")));
    }

    #[test]
    fn a_value_in_use_stays_where_one_that_nobody_needs_can_go() {
        for released in ["a", "b"] {
            let case = Case::new();
            case.send("a", 0);
            case.send("b", 0);
            case.live.release(released);
            let stays = if released == "a" { "b" } else { "a" };
            // which of the two the server replaces is not known: their seconds are the same
            assert_eq!(case.plan("c", 9), send(&["c", stays], None));
        }
    }

    #[test]
    fn after_a_lost_answer_the_other_value_is_sent_again_too() {
        let case = Case::new();
        case.send("a", 0);
        case.live.sent("x", "b", false, case.at(1));
        assert_eq!(case.plan("b", 9), send(&["b", "a"], None));
        case.send("b", 9);
        case.send("a", 9);
        assert_eq!(case.plan("b", 10), Plan::Shown);
    }

    #[test]
    fn a_third_update_of_one_second_waits_for_the_next() {
        let case = Case::new();
        let pause = |seconds| case.live.pause("x", case.at(seconds));
        assert_eq!(pause(0), Duration::ZERO);
        case.send("a", 0);
        assert_eq!(pause(0), Duration::ZERO);
        case.send("b", 0);
        assert_eq!(pause(0), TICK);
        assert_eq!(pause(9), Duration::ZERO);
        // also when nobody needs them any more
        case.live.release("a");
        case.live.release("b");
        case.plan("c", 0);
        assert_eq!(pause(0), TICK);
    }

    #[test]
    fn the_first_update_waits_for_the_second_after_that_of_the_opening() {
        let opened = now();
        let live = Live::new(opened);
        assert_eq!(live.pause("x", opened), TICK);
        let later = opened + TICK;
        assert_eq!(live.pause("x", later), Duration::ZERO);
        live.sent("x", "a", true, later);
        assert_eq!(live.pause("x", later), Duration::ZERO);
        live.sent("x", "b", true, later);
        assert_eq!(live.pause("x", later), TICK);
        assert_eq!(live.pause("y", later), Duration::ZERO);
    }

    #[test]
    fn what_nobody_needs_is_not_remembered() {
        let case = Case::new();
        case.send("a", 0);
        case.live.release("a");
        assert_eq!(case.plan("b", 9), send(&["b"], None));
        assert!(case.live.accounts.lock().is_empty());
    }
}
