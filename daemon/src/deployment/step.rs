use std::time::Duration;

use jiff::Timestamp;

use super::{HookCause, HookFailure, State, backoff};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new generation is complete on disk.
    Stored {
        /// Its number.
        generation: u32,
        /// Now.
        at: Timestamp,
    },
    /// The daemon started, a timer ended, or the configuration changed.
    Woken {
        /// Now.
        at: Timestamp,
        /// Whether a hook is configured.
        hook: bool,
    },
    /// `live` leads to the generation.
    Switched {
        /// Its number.
        generation: u32,
        /// Now.
        at: Timestamp,
        /// Whether a hook is configured.
        hook: bool,
    },
    /// `live` could not be switched.
    SwitchFailed {
        /// To which generation.
        generation: u32,
        /// Now.
        at: Timestamp,
        /// What the error says.
        reason: String,
        /// When the error thinks that another try may help.
        retry: Duration,
    },
    /// The hook exited with status 0.
    HookSucceeded {
        /// For which generation it was started.
        generation: u32,
        /// Now.
        at: Timestamp,
    },
    /// The hook ended in any other way.
    HookFailed {
        /// For which generation it was started.
        generation: u32,
        /// Now.
        at: Timestamp,
        /// How.
        failure: HookFailure,
        /// A uniform number over the whole range, which spreads the retries.
        jitter: u64,
    },
}

/// What to do next. Actions of one certificate are carried out one after the
/// other; each ends in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make `live` lead to this generation.
    Switch {
        /// Its number.
        generation: u32,
    },
    /// Run the hook for this generation.
    RunHook {
        /// Its number.
        generation: u32,
    },
    /// Send [`Event::Woken`] at this time.
    WakeAt(Timestamp),
}

/// Decides. The returned state is made durable before the actions are carried out.
///
/// Events about another generation than the state's come from an action that a
/// newer generation overtook; they change nothing.
pub fn step(state: State, event: Event) -> (State, Vec<Action>) {
    match event {
        // whatever was going on: the newest generation is the one that counts, also when
        // its number is lower because somebody emptied the directory
        Event::Stored { generation, at } => (
            State::Stored {
                generation,
                due: at,
                failure: None,
            },
            vec![Action::Switch { generation }],
        ),
        Event::Woken { at, hook } => woken(state, at, hook),
        Event::Switched { generation, at, hook } => match state {
            State::Stored { generation: ours, .. } if ours == generation => switched(generation, at, hook),
            other => (other, Vec::new()),
        },
        Event::SwitchFailed {
            generation,
            at,
            reason,
            retry,
        } => match state {
            State::Stored { generation: ours, .. } if ours == generation => {
                let due = later(at, retry.min(backoff::LONGEST));
                (
                    State::Stored {
                        generation,
                        due,
                        failure: Some(reason),
                    },
                    vec![Action::WakeAt(due)],
                )
            }
            other => (other, Vec::new()),
        },
        Event::HookSucceeded { generation, at } => match state {
            State::Switched { generation: ours, .. } if ours == generation => {
                (State::Deployed { generation, at }, Vec::new())
            }
            other => (other, Vec::new()),
        },
        Event::HookFailed {
            generation,
            at,
            failure,
            jitter,
        } => match state {
            State::Switched {
                generation: ours,
                at: switched_at,
                failures,
                failure: before,
                ..
            } if ours == generation => {
                let next = match failure.cause {
                    // runs again at the next start; what it said before is still worth showing
                    HookCause::Interrupted => Retry {
                        failures,
                        due: at,
                        failure: before,
                    },
                    HookCause::CannotStart { .. }
                    | HookCause::Exit(_)
                    | HookCause::Signal(_)
                    | HookCause::TimedOut(_) => {
                        let failures = failures.saturating_add(1);
                        let due = later(at, backoff::after_hook_failure(failures, jitter));
                        Retry {
                            failures,
                            due,
                            failure: Some(failure),
                        }
                    }
                };
                let Retry {
                    failures,
                    due,
                    failure,
                } = next;
                (
                    State::Switched {
                        generation,
                        at: switched_at,
                        due,
                        failures,
                        failure,
                    },
                    vec![Action::WakeAt(due)],
                )
            }
            other => (other, Vec::new()),
        },
    }
}

struct Retry {
    failures: u32,
    due: Timestamp,
    failure: Option<HookFailure>,
}

fn woken(state: State, now: Timestamp, hook: bool) -> (State, Vec<Action>) {
    let action = match &state {
        State::Nothing | State::Deployed { .. } => return (state, Vec::new()),
        State::Switched { generation, .. } if !hook => {
            return (
                State::Deployed {
                    generation: *generation,
                    at: now,
                },
                Vec::new(),
            );
        }
        State::Stored { due, .. } | State::Switched { due, .. } if !is_due(*due, now) => Action::WakeAt(*due),
        State::Stored { generation, .. } => Action::Switch {
            generation: *generation,
        },
        State::Switched { generation, .. } => Action::RunHook {
            generation: *generation,
        },
    };
    (state, vec![action])
}

fn switched(generation: u32, at: Timestamp, hook: bool) -> (State, Vec<Action>) {
    if hook {
        let state = State::Switched {
            generation,
            at,
            due: at,
            failures: 0,
            failure: None,
        };
        (state, vec![Action::RunHook { generation }])
    } else {
        (State::Deployed { generation, at }, Vec::new())
    }
}

fn is_due(due: Timestamp, now: Timestamp) -> bool {
    // a wait longer than any that we set: the clock was ahead then, and the wait would last for ever
    now >= due || later(now, backoff::LONGEST) < due
}

/// `at + delay`, held inside what a timestamp can tell.
fn later(at: Timestamp, delay: Duration) -> Timestamp {
    at.checked_add(delay).unwrap_or(Timestamp::MAX)
}
