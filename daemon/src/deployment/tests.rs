use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn exit(status: i32) -> HookFailure {
    HookFailure {
        cause: HookCause::Exit(status),
        last_line: Some("nginx: [emerg] no".into()),
    }
}

fn hook_failed(generation: u32, second: i64, failure: HookFailure) -> Event {
    Event::HookFailed {
        generation,
        at: at(second),
        failure,
        jitter: 0,
    }
}

/// Nothing → Stored(1) → Switched(1) with the hook due.
fn switched() -> State {
    let (state, _) = step(
        State::Nothing,
        Event::Stored {
            generation: 1,
            at: at(0),
        },
    );
    step(
        state,
        Event::Switched {
            generation: 1,
            at: at(1),
            hook: true,
        },
    )
    .0
}

#[test]
fn a_stored_generation_is_switched_hooked_and_done() {
    let (state, actions) = step(
        State::Nothing,
        Event::Stored {
            generation: 1,
            at: at(0),
        },
    );
    assert_eq!(actions, [Action::Switch { generation: 1 }]);
    let (state, actions) = step(
        state,
        Event::Switched {
            generation: 1,
            at: at(1),
            hook: true,
        },
    );
    assert_eq!(actions, [Action::RunHook { generation: 1 }]);
    let (state, actions) = step(
        state,
        Event::HookSucceeded {
            generation: 1,
            at: at(2),
        },
    );
    assert_eq!(
        (state, actions),
        (
            State::Deployed {
                generation: 1,
                at: at(2)
            },
            vec![]
        )
    );
}

#[test]
fn without_a_hook_the_switch_is_the_deployment() {
    let (state, _) = step(
        State::Nothing,
        Event::Stored {
            generation: 1,
            at: at(0),
        },
    );
    let (state, actions) = step(
        state,
        Event::Switched {
            generation: 1,
            at: at(1),
            hook: false,
        },
    );
    assert_eq!(
        (state, actions),
        (
            State::Deployed {
                generation: 1,
                at: at(1)
            },
            vec![]
        )
    );
}

#[test]
fn a_hook_taken_out_of_the_configuration_is_no_longer_waited_for() {
    let (state, _) = step(switched(), hook_failed(1, 2, exit(1)));
    let (state, actions) = step(
        state,
        Event::Woken {
            at: at(3),
            hook: false,
        },
    );
    assert_eq!(
        (state, actions),
        (
            State::Deployed {
                generation: 1,
                at: at(3)
            },
            vec![]
        )
    );
}

#[test]
fn a_failing_hook_is_retried_ever_more_rarely_and_at_least_hourly() {
    let mut state = switched();
    let mut now = 1;
    let mut waits = Vec::new();
    for _ in 0..7 {
        let actions;
        (state, actions) = step(state, hook_failed(1, now, exit(1)));
        let due = state.due().expect("a due time");
        assert_eq!(actions, [Action::WakeAt(due)]);
        waits.push(due.duration_since(at(now)).as_secs());
        now += waits.last().expect("one");
        let (_, actions) = step(
            state.clone(),
            Event::Woken {
                at: at(now),
                hook: true,
            },
        );
        assert_eq!(actions, [Action::RunHook { generation: 1 }]);
    }
    assert_eq!(waits, [10, 60, 300, 1800, 3600, 3600, 3600]);
}

#[test]
fn jitter_spreads_retries_by_a_tenth() {
    let event = Event::HookFailed {
        generation: 1,
        at: at(1),
        failure: exit(1),
        jitter: u64::MAX,
    };
    let (state, _) = step(switched(), event);
    assert_eq!(state.due(), Some(at(12)));
}

#[test]
fn a_restart_neither_forgets_a_failed_hook_nor_hurries_it() {
    let (state, _) = step(switched(), hook_failed(1, 100, exit(1)));
    let state = State::decode(&state.encode().expect("JSON")).expect("a state");
    let (same, actions) = step(
        state.clone(),
        Event::Woken {
            at: at(105),
            hook: true,
        },
    );
    assert_eq!((same, actions), (state.clone(), vec![Action::WakeAt(at(110))]));
    let (_, actions) = step(
        state,
        Event::Woken {
            at: at(110),
            hook: true,
        },
    );
    assert_eq!(actions, [Action::RunHook { generation: 1 }]);
}

#[test]
fn a_hook_cut_off_by_a_stop_runs_at_the_next_start_and_counts_as_no_failure() {
    let (state, _) = step(switched(), hook_failed(1, 2, exit(3)));
    let interrupted = HookFailure {
        cause: HookCause::Interrupted,
        last_line: None,
    };
    let (state, _) = step(state, hook_failed(1, 20, interrupted));
    let State::Switched {
        failures,
        failure,
        due,
        ..
    } = &state
    else {
        panic!("{state:?}")
    };
    assert_eq!((*failures, failure.as_ref(), *due), (1, Some(&exit(3)), at(20)));
    let (_, actions) = step(
        state,
        Event::Woken {
            at: at(20),
            hook: true,
        },
    );
    assert_eq!(actions, [Action::RunHook { generation: 1 }]);
}

#[test]
fn a_newer_generation_overtakes_a_failing_hook() {
    let (state, _) = step(switched(), hook_failed(1, 2, exit(1)));
    let (state, actions) = step(
        state,
        Event::Stored {
            generation: 2,
            at: at(3),
        },
    );
    assert_eq!(actions, [Action::Switch { generation: 2 }]);
    // the overtaken hook ends only now
    let (state, actions) = step(
        state.clone(),
        Event::HookSucceeded {
            generation: 1,
            at: at(4),
        },
    );
    assert_eq!((state.generation(), actions), (Some(2), vec![]));
    let (state, _) = step(
        state,
        Event::Switched {
            generation: 2,
            at: at(5),
            hook: true,
        },
    );
    let (state, actions) = step(state, hook_failed(1, 6, exit(9)));
    assert!(
        matches!(
            state,
            State::Switched {
                generation: 2,
                failures: 0,
                ..
            }
        ),
        "{state:?}"
    );
    assert_eq!(actions, []);
}

#[test]
fn a_generation_counted_anew_in_an_emptied_directory_is_deployed() {
    let state = State::Deployed {
        generation: 7,
        at: at(0),
    };
    let (_, actions) = step(
        state,
        Event::Stored {
            generation: 1,
            at: at(1),
        },
    );
    assert_eq!(actions, [Action::Switch { generation: 1 }]);
}

#[test]
fn a_full_disk_at_the_switch_is_tried_again_after_what_the_error_says() {
    let (state, _) = step(
        State::Nothing,
        Event::Stored {
            generation: 1,
            at: at(0),
        },
    );
    let retry = Duration::from_secs(30);
    let event = Event::SwitchFailed {
        generation: 1,
        at: at(1),
        reason: "no space".into(),
        retry,
    };
    let (state, actions) = step(state, event);
    assert_eq!(actions, [Action::WakeAt(at(31))]);
    let (_, actions) = step(
        state,
        Event::Woken {
            at: at(31),
            hook: true,
        },
    );
    assert_eq!(actions, [Action::Switch { generation: 1 }]);
}

#[test]
fn a_clock_set_back_by_years_does_not_delay_a_retry() {
    let (state, _) = step(switched(), hook_failed(1, 0, exit(1)));
    let past = at(0) - SignedDuration::from_hours(24 * 365 * 10);
    let (_, actions) = step(state, Event::Woken { at: past, hook: true });
    assert_eq!(actions, [Action::RunHook { generation: 1 }]);
}

#[test]
fn a_state_of_a_later_release_is_told_from_a_damaged_one() {
    let later = State::decode(r#"{"version":2,"state":{"verified":{}}}"#);
    assert!(matches!(later, Err(DecodeError::Version(2))), "{later:?}");
    for damaged in ["", "{}", "[1]", r#"{"version":1,"state":{"verified":{}}}"#] {
        assert!(
            matches!(State::decode(damaged), Err(DecodeError::Damaged(_))),
            "{damaged}"
        );
    }
}

#[test]
fn the_stored_form_is_the_one_of_version_1() {
    let (state, _) = step(switched(), hook_failed(1, 2, exit(1)));
    assert_eq!(
        state.encode().expect("JSON"),
        r#"{"version":1,"state":{"switched":{"generation":1,"at":"2027-01-15T08:00:01Z","due":"2027-01-15T08:00:12Z","failures":1,"failure":{"cause":{"exit":1},"last_line":"nginx: [emerg] no"}}}}"#
    );
}

fn cause() -> impl Strategy<Value = HookCause> {
    prop_oneof![
        any::<i32>().prop_map(HookCause::Exit),
        any::<i32>().prop_map(HookCause::Signal),
        Just(HookCause::TimedOut(Duration::from_secs(60))),
        Just(HookCause::Interrupted),
        Just(HookCause::CannotStart {
            program: "x".into(),
            reason: "y".into()
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    // few generations, so that events hit and miss the current one
    (0..4u32, 0..10_000_000i64, any::<bool>(), cause(), any::<u64>()).prop_flat_map(
        |(generation, second, hook, cause, jitter)| {
            let at = at(second);
            prop_oneof![
                Just(Event::Stored { generation, at }),
                Just(Event::Woken { at, hook }),
                Just(Event::Switched { generation, at, hook }),
                Just(Event::SwitchFailed {
                    generation,
                    at,
                    reason: "no space".into(),
                    retry: Duration::from_secs(jitter >> 20),
                }),
                Just(Event::HookSucceeded { generation, at }),
                Just(Event::HookFailed {
                    generation,
                    at,
                    failure: HookFailure {
                        cause,
                        last_line: None
                    },
                    jitter,
                }),
            ]
        },
    )
}

/// The daemon was killed and all pending actions are lost; from now on everything succeeds.
fn converges(mut state: State, mut now: Timestamp) -> Result<State, State> {
    for _ in 0..8 {
        let (next, actions) = step(state, Event::Woken { at: now, hook: true });
        state = next;
        let Some(action) = actions.into_iter().next() else {
            return Ok(state);
        };
        let event = match action {
            Action::Switch { generation } => Event::Switched {
                generation,
                at: now,
                hook: true,
            },
            Action::RunHook { generation } => Event::HookSucceeded { generation, at: now },
            Action::WakeAt(due) => {
                now = due;
                continue;
            }
        };
        state = step(state, event).0;
    }
    Err(state)
}

proptest! {
    #[test]
    fn every_reachable_state_has_a_way_forward(events in prop::collection::vec(event(), 0..30)) {
        let mut state = State::Nothing;
        for event in events {
            let before = state.clone();
            let now = time_of(&event);
            let stored = match &event {
                Event::Stored { generation, .. } => Some(*generation),
                _ => None,
            };
            let actions;
            (state, actions) = step(state, event);

            prop_assert_eq!(state.generation(), stored.or(before.generation()), "only Stored changes it");
            prop_assert!(actions.len() <= 1);
            for action in actions {
                if let Action::WakeAt(due) = action {
                    prop_assert!(due >= now);
                    prop_assert!(due.duration_since(now) <= SignedDuration::from_mins(66));
                }
            }
            prop_assert_eq!(State::decode(&state.encode()?)?, state.clone());
            match converges(state.clone(), now) {
                Ok(State::Deployed { generation, .. }) => prop_assert_eq!(Some(generation), state.generation()),
                Ok(State::Nothing) => prop_assert_eq!(&state, &State::Nothing),
                other => prop_assert!(false, "stuck: {:?}", other),
            }
        }
    }
}

fn time_of(event: &Event) -> Timestamp {
    match event {
        Event::Stored { at, .. }
        | Event::Woken { at, .. }
        | Event::Switched { at, .. }
        | Event::SwitchFailed { at, .. }
        | Event::HookSucceeded { at, .. }
        | Event::HookFailed { at, .. } => *at,
    }
}
