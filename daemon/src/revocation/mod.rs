//! One revocation as a machine (RFC 8555 7.6): another certificate first, where one is wanted; then the CA is asked;
//! then its list is looked at, because only that says what it did. Pure: the engine acts.

mod reason;
mod state;
mod step;

pub use reason::{RevocationReason, UnknownRevocationReason};
pub use state::State;
pub use step::{Action, Event, step};
