use jiff::{SignedDuration, Timestamp};

use super::State;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is its time, or the daemon started.
    Woken,
    /// Another certificate is live, on another key.
    Replaced,
    /// Not yet.
    NotReplaced,
    /// The CA revoked it, or had before.
    Taken,
    /// It may work later, not before `retry_at`.
    Failed {
        /// Why.
        error: String,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// No patience helps.
    Refused {
        /// Why.
        error: String,
    },
    /// The CA's list has it.
    Listed {
        /// Where that was read, in plain words.
        confirmed: String,
    },
    /// The list does not have it, or was not had.
    NotListed,
}

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See whether another certificate is live.
    LookAtReplacement,
    /// Ask the CA.
    Revoke,
    /// Read the CA's list.
    Confirm,
    /// Nothing before this.
    WakeAt(Timestamp),
    /// Nothing any more.
    Nothing,
}

/// Until a replacement is looked for again; its deployment calls earlier.
const REPLACEMENT: SignedDuration = SignedDuration::from_mins(1);
/// CAs publish their lists within minutes to hours: Let's Encrypt within 12 hours or so.
const LOOKS: [SignedDuration; 6] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(6),
    SignedDuration::from_hours(24),
];

/// Takes a revocation one step further. An event that does not belong to the state changes nothing.
pub fn step(state: State, event: Event, now: Timestamp) -> (State, Action) {
    let later = |wait| now.checked_add(wait).unwrap_or(Timestamp::MAX);
    match (state, event) {
        (state @ State::Replacing, Event::Woken) => (state, Action::LookAtReplacement),
        (state @ State::Replacing, Event::NotReplaced) => (state, Action::WakeAt(later(REPLACEMENT))),
        (State::Replacing, Event::Replaced) => {
            let (failures, error) = (0, None);
            (State::Revoking { failures, error }, Action::Revoke)
        }
        (state @ State::Revoking { .. }, Event::Woken) => (state, Action::Revoke),
        (State::Revoking { .. }, Event::Taken) => {
            let (revoked_at, looks) = (now, 0);
            (State::Confirming { revoked_at, looks }, Action::Confirm)
        }
        (State::Revoking { failures, .. }, Event::Failed { error, retry_at }) => {
            let state = State::Revoking {
                failures: failures.saturating_add(1),
                error: Some(error),
            };
            (state, Action::WakeAt(retry_at))
        }
        (State::Revoking { .. }, Event::Refused { error }) => {
            (State::Refused { at: now, error }, Action::Nothing)
        }
        (state @ State::Confirming { .. }, Event::Woken) => (state, Action::Confirm),
        (State::Confirming { revoked_at, .. }, Event::Listed { confirmed }) => {
            let confirmed = Some(confirmed);
            (
                State::Revoked {
                    revoked_at,
                    confirmed,
                },
                Action::Nothing,
            )
        }
        (State::Confirming { revoked_at, looks }, Event::NotListed) => match LOOKS.get(looks as usize) {
            Some(wait) => {
                let looks = looks + 1;
                (
                    State::Confirming { revoked_at, looks },
                    Action::WakeAt(later(*wait)),
                )
            }
            None => {
                let confirmed = None;
                (
                    State::Revoked {
                        revoked_at,
                        confirmed,
                    },
                    Action::Nothing,
                )
            }
        },
        (state @ (State::Revoked { .. } | State::Refused { .. }), _) => (state, Action::Nothing),
        (state, _) => (state, Action::WakeAt(later(REPLACEMENT))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn revoking() -> State {
        State::Revoking {
            failures: 0,
            error: None,
        }
    }

    #[test]
    fn nothing_is_revoked_before_another_certificate_is_live() {
        let (state, action) = step(State::Replacing, Event::Woken, at(0));
        assert_eq!(action, Action::LookAtReplacement);
        let (state, action) = step(state, Event::NotReplaced, at(0));
        assert_eq!((&state, action), (&State::Replacing, Action::WakeAt(at(60))));
        // whatever else is said
        let (state, _) = step(state, Event::Taken, at(1));
        assert_eq!(state, State::Replacing);
        assert_eq!(step(state, Event::Replaced, at(2)), (revoking(), Action::Revoke));
    }

    #[test]
    fn a_failure_is_tried_again_and_a_refusal_is_not() {
        let failed = Event::Failed {
            error: "503".into(),
            retry_at: at(9),
        };
        let (state, action) = step(revoking(), failed, at(0));
        assert_eq!(action, Action::WakeAt(at(9)));
        assert!(matches!(state, State::Revoking { failures: 1, .. }));
        assert_eq!(step(state.clone(), Event::Woken, at(9)).1, Action::Revoke);
        let (state, action) = step(state, Event::Refused { error: "no".into() }, at(9));
        assert_eq!(action, Action::Nothing);
        assert!(state.is_final());
    }

    #[test]
    fn the_list_is_looked_at_for_more_than_a_day() {
        let (mut state, mut action) = step(revoking(), Event::Taken, at(0));
        assert_eq!(action, Action::Confirm);
        let mut now = at(0);
        loop {
            (state, action) = step(state, Event::NotListed, now);
            match action {
                Action::WakeAt(moment) => now = moment,
                _ => break,
            }
        }
        assert!(now.as_second() > 86_400, "{now}");
        let (revoked_at, confirmed) = (at(0), None);
        assert_eq!(
            state,
            State::Revoked {
                revoked_at,
                confirmed
            }
        );
    }

    #[test]
    fn what_has_ended_stays_ended() {
        let ended = State::Revoked {
            revoked_at: at(0),
            confirmed: Some("the list".into()),
        };
        for event in [Event::Woken, Event::Taken, Event::NotListed] {
            assert_eq!(
                step(ended.clone(), event, at(1)),
                (ended.clone(), Action::Nothing)
            );
        }
    }
}
