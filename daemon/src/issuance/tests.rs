use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::types::{Fault, FaultClass};

fn order() -> Order {
    Order {
        url: "https://ca.test/order/1".parse().unwrap(),
        finalize: "https://ca.test/finalize/1".parse().unwrap(),
        authorizations: vec!["https://ca.test/authz/1".parse().unwrap()],
        expires: Some(Timestamp::from_second(1000).unwrap()),
    }
}

fn challenge(answered: bool) -> Challenge {
    Challenge {
        identifier: "example.test".parse().unwrap(),
        url: "https://ca.test/chall/1".parse().unwrap(),
        token: "t".into(),
        key_authorization: "t.k".into(),
        value: "v".into(),
        answered,
        expires: None,
    }
}

fn every_state() -> Vec<State> {
    let challenges = vec![challenge(false)];
    vec![
        State::Due,
        State::Ordered { order: order() },
        State::Presented {
            order: order(),
            challenges: challenges.clone(),
        },
        State::Visible {
            order: order(),
            challenges,
        },
        State::Answered { order: order() },
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
        fault: Fault {
            class: FaultClass::Transient,
            not_before: None,
            text: "x".into(),
        },
        scope,
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
            challenges: vec![challenge(false)],
        },
        Action::Publish => Event::Published,
        Action::AwaitVisible => Event::SeenEverywhere,
        Action::Answer => Event::Answered,
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
            assert!(steps <= 9, "{name} does not end");
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
        challenges: vec![challenge(true)],
    };
    let state = State::Visible {
        order: order(),
        challenges: vec![challenge(false)],
    };
    let transition = step(state, event).unwrap();
    assert_eq!(transition.state, State::Answered { order: order() });
    assert_eq!(
        transition.records,
        Records::Keep,
        "the CA may be looking at the record"
    );
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
                    Next::Wait(_) => { state = transition.state; continue 'issuance; }
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
