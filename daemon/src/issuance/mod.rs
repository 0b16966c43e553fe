//! One issuance as a machine: what is known, what happened, what to do next.
//! Pure: no clock, no I/O. The engine carries out the [`Action`]s and stores
//! every [`State`] before it acts on it.
//!
//! ```text
//! Due -> Ordered -> Presented -> Visible -> Answered -> Ready -> Finalizing -> Issued -> Stored
//!           ^                                  |
//!           +---- next round of challenges ----+
//! ```

mod event;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use event::{Action, Event, Failure, Next, Origin, Records, Scope, Transition};
pub use state::{Challenge, Order, Round, STATE_VERSION, State};
pub use step::{OutOfPlace, resume, step};
