use jiff::Timestamp;

use super::{Action, Event, Failure, Next, Order, Records, Scope, State, Transition};
use crate::types::AuthorizationUrl;

/// An event that cannot happen in a state: a bug of the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot happen while an issuance is {state}; please report this")]
pub struct OutOfPlace {
    /// The state's name.
    pub state: &'static str,
    /// The event's name.
    pub event: &'static str,
}

/// Takes an issuance one step further.
///
/// # Errors
/// [`OutOfPlace`] when `event` does not belong to `state`; nothing changes then.
pub fn step(state: State, event: Event) -> Result<Transition, OutOfPlace> {
    let out_of_place = OutOfPlace {
        state: state.as_str(),
        event: event.as_str(),
    };
    match event {
        Event::OrderPlaced { order, ready } => match state {
            State::Due if ready => Ok(go(State::Ready { order }, Action::MakeKey)),
            State::Due => Ok(go(State::Ordered { order }, Action::ReadAuthorizations)),
            _ => Err(out_of_place),
        },
        // also after a crash: the CA knows best which challenges it was told of
        Event::AuthorizationsRead { round } => match state {
            State::Ordered { order } | State::Presented { order, .. } | State::Visible { order, .. } => {
                if round.challenges.iter().all(|challenge| challenge.answered) {
                    Ok(answered(order, round.answered()))
                } else {
                    Ok(Transition {
                        state: State::Presented { order, round },
                        records: Records::Plan,
                        next: Next::Do(Action::Publish),
                    })
                }
            }
            _ => Err(out_of_place),
        },
        Event::Published => match state {
            State::Presented { .. } => Ok(go(state, Action::AwaitVisible)),
            _ => Err(out_of_place),
        },
        Event::NoRoom(fault) => match state {
            // the rows keep their place in the journal, by which orders follow each other
            State::Presented { .. } => Ok(Transition {
                state,
                records: Records::Keep,
                next: Next::GiveWay(fault),
            }),
            _ => Err(out_of_place),
        },
        Event::SeenEverywhere => match state {
            State::Presented { order, round } => Ok(go(State::Visible { order, round }, Action::Answer)),
            _ => Err(out_of_place),
        },
        Event::Answered => match state {
            State::Visible { order, round } => Ok(answered(order, round.answered())),
            _ => Err(out_of_place),
        },
        // the next round may need the places of this one's records
        Event::RoundProved => match state {
            State::Answered { order, round } if !round.is_empty() => Ok(Transition {
                state: State::Ordered { order },
                records: Records::Remove,
                next: Next::Do(Action::ReadAuthorizations),
            }),
            _ => Err(out_of_place),
        },
        Event::OrderReady => match state {
            State::Answered { order, .. } => Ok(Transition {
                state: State::Ready { order },
                records: Records::Remove,
                next: Next::Do(Action::MakeKey),
            }),
            _ => Err(out_of_place),
        },
        Event::KeyMade { csr } => match state {
            State::Ready { order } => Ok(go(
                State::Finalizing { order, csr },
                Action::Finalize { resumed: false },
            )),
            _ => Err(out_of_place),
        },
        Event::Downloaded { chain } => match state {
            State::Finalizing { order, .. } => Ok(go(State::Issued { order, chain }, Action::Write)),
            _ => Err(out_of_place),
        },
        Event::Written { generation } => match state {
            State::Issued { .. } => Ok(Transition {
                state: State::Stored { generation },
                records: Records::Keep,
                next: Next::Done,
            }),
            _ => Err(out_of_place),
        },
        Event::Failed(failure) => fail(state, failure).ok_or(out_of_place),
    }
}

/// What a daemon that finds `state` in its store does first.
pub fn resume(state: State, now: Timestamp) -> Transition {
    let expired = state
        .order()
        .and_then(|order| order.expires)
        .is_some_and(|expires| expires <= now);
    match state {
        State::Due => go(State::Due, Action::PlaceOrder),
        // the order would be refused; from Finalizing on only the CA knows what became of it
        State::Ordered { .. }
        | State::Presented { .. }
        | State::Visible { .. }
        | State::Answered { .. }
        | State::Ready { .. }
            if expired =>
        {
            Transition {
                state: State::Due,
                records: Records::Remove,
                next: Next::Do(Action::PlaceOrder),
            }
        }
        State::Ordered { .. } | State::Presented { .. } | State::Visible { .. } => {
            go(state, Action::ReadAuthorizations)
        }
        State::Answered { order, round } => answered(order, round),
        State::Ready { .. } => go(state, Action::MakeKey),
        State::Finalizing { .. } => go(state, Action::Finalize { resumed: true }),
        State::Issued { .. } => go(state, Action::Write),
        State::Stored { .. } => Transition {
            state,
            records: Records::Keep,
            next: Next::Done,
        },
    }
}

fn fail(state: State, failure: Failure) -> Option<Transition> {
    let dead = failure.scope == Scope::Order;
    let (state, records) = match state {
        State::Due => (State::Due, Records::Keep),
        State::Ordered { order } if !dead => (State::Ordered { order }, Records::Keep),
        // the records would stand through the whole back-off: take them back, keep the order
        State::Presented { order, .. } | State::Visible { order, .. } if !dead => {
            (State::Ordered { order }, Records::Remove)
        }
        // the CA may be looking at this moment: the records stay
        State::Answered { order, round } if !dead => (State::Answered { order, round }, Records::Keep),
        State::Ready { order } if !dead => (State::Ready { order }, Records::Keep),
        State::Finalizing { order, csr } if !dead => (State::Finalizing { order, csr }, Records::Keep),
        State::Issued { order, chain } if !dead => (State::Issued { order, chain }, Records::Keep),
        State::Ordered { .. }
        | State::Presented { .. }
        | State::Visible { .. }
        | State::Answered { .. }
        | State::Ready { .. }
        | State::Finalizing { .. }
        | State::Issued { .. } => (State::Due, Records::Remove),
        State::Stored { .. } => return None,
    };
    Some(Transition {
        state,
        records,
        next: Next::Wait(failure.fault),
    })
}

fn answered(order: Order, round: Vec<AuthorizationUrl>) -> Transition {
    let action = if round.is_empty() {
        Action::AwaitReady
    } else {
        Action::AwaitRound
    };
    go(State::Answered { order, round }, action)
}

fn go(state: State, action: Action) -> Transition {
    Transition {
        state,
        records: Records::Keep,
        next: Next::Do(action),
    }
}

impl Event {
    /// A word for logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Event::OrderPlaced { .. } => "order-placed",
            Event::AuthorizationsRead { .. } => "authorizations-read",
            Event::Published => "published",
            Event::SeenEverywhere => "seen-everywhere",
            Event::Answered => "answered",
            Event::RoundProved => "round-proved",
            Event::OrderReady => "order-ready",
            Event::KeyMade { .. } => "key-made",
            Event::Downloaded { .. } => "downloaded",
            Event::Written { .. } => "written",
            Event::NoRoom(_) => "no-room",
            Event::Failed(_) => "failed",
        }
    }
}
