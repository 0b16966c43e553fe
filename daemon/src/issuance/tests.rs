use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::types::{AuthorizationUrl, ChallengeMethod, Fault, FaultClass};

fn order() -> Order {
    Order {
        url: "https://ca.test/order/1".parse().unwrap(),
        finalize: "https://ca.test/finalize/1".parse().unwrap(),
        authorizations: vec!["https://ca.test/authz/1".parse().unwrap()],
        expires: Some(Timestamp::from_second(1000).unwrap()),
        exempt: false,
        look_at: None,
    }
}

fn challenge(answered: bool) -> Challenge {
    Challenge {
        method: ChallengeMethod::Dns01,
        prefix: "_acme-challenge".into(),
        identifier: "example.test".parse().unwrap(),
        authorization: authorization(),
        url: "https://ca.test/chall/1".parse().unwrap(),
        token: "t".into(),
        key_authorization: "t.k".into(),
        value: "v".into(),
        answered,
        expires: None,
    }
}

fn authorization() -> AuthorizationUrl {
    "https://ca.test/authz/1".parse().unwrap()
}

fn round(answered: bool, more: bool) -> Round {
    Round {
        challenges: vec![challenge(answered)],
        more,
    }
}

fn every_state() -> Vec<State> {
    vec![
        State::Due,
        State::Ordered { order: order() },
        State::Presented {
            order: order(),
            round: round(false, false),
        },
        State::Visible {
            order: order(),
            round: round(false, false),
        },
        State::Answered {
            order: order(),
            round: Vec::new(),
        },
        State::Answered {
            order: order(),
            round: vec![authorization()],
        },
        State::Ready { order: order() },
        State::Finalizing {
            order: order(),
            csr: vec![1],
        },
        State::Issued {
            order: order(),
            chain: "pem".into(),
        },
        State::Stored { generation: 1 },
    ]
}

fn failed(scope: Scope) -> Event {
    Event::Failed(Failure {
        fault: Fault::new(FaultClass::Transient, "x".into()),
        scope,
        origin: Origin::Here,
        refused: Vec::new(),
    })
}

/// What a faultless world answers to an action.
fn success(action: Action) -> Event {
    match action {
        Action::PlaceOrder => Event::OrderPlaced {
            order: order(),
            ready: false,
        },
        Action::ReadAuthorizations => Event::AuthorizationsRead {
            round: round(false, false),
        },
        Action::Publish => Event::Published,
        Action::AwaitVisible => Event::SeenEverywhere,
        Action::Answer => Event::Answered,
        Action::AwaitRound => Event::RoundProved,
        Action::AwaitReady => Event::OrderReady,
        Action::MakeKey => Event::KeyMade { csr: vec![1] },
        Action::Finalize { .. } => Event::Downloaded { chain: "pem".into() },
        Action::Write => Event::Written { generation: 7 },
    }
}

#[test]
fn every_state_resumes_to_a_stored_generation() {
    for start in every_state() {
        let name = start.as_str();
        let mut transition = resume(start, Timestamp::UNIX_EPOCH);
        let mut steps = 0;
        while let Next::Do(action) = transition.next {
            transition = step(transition.state, success(action)).unwrap();
            steps += 1;
            assert!(steps <= 10, "{name} does not end");
        }
        assert_eq!(transition.next, Next::Done, "{name}");
        assert!(matches!(transition.state, State::Stored { .. }), "{name}");
    }
}

#[test]
fn a_key_that_may_have_been_sent_is_never_replaced() {
    let finalizing = State::Finalizing {
        order: order(),
        csr: vec![9],
    };
    let late = Timestamp::from_second(999_999).unwrap();
    let resumed = resume(finalizing.clone(), late);
    assert_eq!(
        resumed.state, finalizing,
        "an expired order may have become a certificate"
    );
    assert_eq!(resumed.next, Next::Do(Action::Finalize { resumed: true }));
    let failed = step(finalizing.clone(), failed(Scope::Step)).unwrap();
    assert_eq!(failed.state, finalizing);
}

#[test]
fn a_failure_before_the_answer_takes_the_records_back_and_keeps_the_order() {
    for state in every_state() {
        if matches!(state, State::Presented { .. } | State::Visible { .. }) {
            let transition = step(state, failed(Scope::Step)).unwrap();
            assert_eq!(transition.records, Records::Remove);
            assert_eq!(transition.state, State::Ordered { order: order() });
        }
    }
}

#[test]
fn an_order_without_room_keeps_its_place_and_has_not_failed() {
    let fault = || match failed(Scope::Step) {
        Event::Failed(failure) => failure.fault,
        other => panic!("{other:?}"),
    };
    for state in every_state() {
        let waiting = step(state.clone(), Event::NoRoom(fault()));
        if !matches!(state, State::Presented { .. }) {
            assert!(waiting.is_err(), "{}", state.as_str());
            continue;
        }
        let waiting = waiting.unwrap();
        assert_eq!((&waiting.state, waiting.records), (&state, Records::Keep));
        assert_eq!(waiting.next, Next::GiveWay(fault()));
        let resumed = resume(waiting.state, Timestamp::UNIX_EPOCH);
        assert_eq!(resumed.next, Next::Do(Action::ReadAuthorizations));
    }
}

#[test]
fn a_dead_order_leaves_no_record_and_starts_anew() {
    for state in every_state() {
        if state.order().is_some() {
            let transition = step(state, failed(Scope::Order)).unwrap();
            assert_eq!(transition.state, State::Due);
            assert_eq!(transition.records, Records::Remove);
        }
    }
}

#[test]
fn challenges_already_answered_are_not_answered_again() {
    let event = Event::AuthorizationsRead {
        round: round(true, false),
    };
    let state = State::Visible {
        order: order(),
        round: round(false, false),
    };
    let transition = step(state, event).unwrap();
    let answered = State::Answered {
        order: order(),
        round: Vec::new(),
    };
    assert_eq!(transition.state, answered);
    assert_eq!(
        transition.records,
        Records::Keep,
        "the CA may be looking at the record"
    );
}

#[test]
fn a_round_takes_its_records_back_before_the_next_one_is_read() {
    let visible = State::Visible {
        order: order(),
        round: round(false, true),
    };
    let answered = step(visible, Event::Answered).unwrap();
    assert_eq!(answered.next, Next::Do(Action::AwaitRound));
    assert_eq!(answered.records, Records::Keep, "the CA is looking");
    // also for a daemon that was killed here
    assert_eq!(resume(answered.state.clone(), Timestamp::UNIX_EPOCH), answered);

    let next = step(answered.state, Event::RoundProved).unwrap();
    assert_eq!(next.state, State::Ordered { order: order() });
    assert_eq!(next.records, Records::Remove);
    assert_eq!(next.next, Next::Do(Action::ReadAuthorizations));

    let last = State::Answered {
        order: order(),
        round: Vec::new(),
    };
    assert!(step(last, Event::RoundProved).is_err(), "no round was left");
}

#[test]
fn an_expired_order_is_not_resumed() {
    let late = Timestamp::from_second(1000).unwrap();
    for state in every_state() {
        let before_the_csr =
            state.order().is_some() && !matches!(state, State::Finalizing { .. } | State::Issued { .. });
        if before_the_csr {
            let transition = resume(state, late);
            assert_eq!(transition.state, State::Due);
            assert_eq!(transition.records, Records::Remove);
        }
    }
}

#[test]
fn states_are_read_back_as_written() {
    for state in every_state() {
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}

#[test]
fn the_moment_of_the_next_look_is_read_back_and_older_daemons_read_the_state_without_it() {
    let moment = Timestamp::from_second(600).unwrap();
    for state in every_state() {
        let waits = state.clone().to_look_at(moment);
        let text = serde_json::to_string(&waits).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), waits);
        assert_eq!(
            waits.order().map(|order| order.look_at),
            state.order().map(|_| Some(moment))
        );
        // no field is refused that is not known
        let unknown = text.replace("look_at", "of_a_later_release");
        assert_eq!(serde_json::from_str::<State>(&unknown).unwrap(), state);
    }
}

/// A change of these files asks for another version, beside whose file they stay.
#[test]
fn the_stored_form_is_that_of_its_version() {
    assert_eq!(STATE_VERSION, 3);
    let written: Vec<String> = every_state()
        .iter()
        .map(|state| serde_json::to_string(state).unwrap())
        .collect();
    let golden: Vec<&str> = include_str!("golden/v3.jsonl").lines().collect();
    assert_eq!(written, golden);
}

#[test]
fn a_state_of_version_2_is_read_as_it_was_meant() {
    let read: Vec<State> = include_str!("golden/v2.jsonl")
        .lines()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    assert_eq!(read, every_state());
}

#[test]
fn a_state_of_version_1_goes_on_with_its_order_and_its_key() {
    for text in include_str!("golden/v1.jsonl").lines() {
        let before: serde_json::Value = serde_json::from_str(text).unwrap();
        let state: State = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(before["state"], state.as_str());
        assert_eq!(state.order().is_some(), before["order"].is_object());
        if let Some(ours) = state.order() {
            assert_eq!(*ours, order());
        }
        let resumed = resume(state, Timestamp::UNIX_EPOCH);
        let first = match before["state"].as_str().unwrap() {
            "due" => Next::Do(Action::PlaceOrder),
            // what version 1 knew of challenges is not enough, and is not used
            "ordered" | "presented" | "visible" => Next::Do(Action::ReadAuthorizations),
            "answered" => Next::Do(Action::AwaitReady),
            "ready" => Next::Do(Action::MakeKey),
            "finalizing" => Next::Do(Action::Finalize { resumed: true }),
            "issued" => Next::Do(Action::Write),
            "stored" => Next::Done,
            other => panic!("{other}"),
        };
        assert_eq!((resumed.records, resumed.next), (Records::Keep, first), "{text}");
    }
}

proptest! {
    /// Whatever fails and however often: never a second key while the first may
    /// be certified, never records without an order, and success still ends it.
    #[test]
    fn any_run_of_failures_ends_in_one_certificate(faults in proptest::collection::vec((0usize..9, any::<bool>()), 0..40)) {
        let mut state = State::Due;
        let mut faults = faults.into_iter();
        let mut fault = faults.next();
        let mut round = 0;
        'issuance: loop {
            round += 1;
            prop_assert!(round < 100);
            let mut transition = resume(state, Timestamp::UNIX_EPOCH);
            let mut count = 0;
            loop {
                let action = match transition.next {
                    Next::Do(action) => action,
                    Next::Wait(_) | Next::GiveWay(_) => { state = transition.state; continue 'issuance; }
                    Next::Done => break 'issuance,
                };
                let event = match fault {
                    Some((at, dead)) if at == count => {
                        fault = faults.next();
                        failed(if dead { Scope::Order } else { Scope::Step })
                    }
                    _ => success(action),
                };
                let finalizing = matches!(transition.state, State::Finalizing { .. });
                let order_dies = matches!(&event, Event::Failed(f) if f.scope == Scope::Order);
                transition = step(transition.state, event).unwrap();
                if finalizing && !order_dies {
                    let kept = matches!(transition.state, State::Finalizing { .. } | State::Issued { .. });
                    prop_assert!(kept);
                }
                count += 1;
            }
        }
    }
}
