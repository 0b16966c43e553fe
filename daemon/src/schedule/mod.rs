//! When things happen next, and whether they may: pure rules over moments that are handed in.

mod ari;
mod backoff;
mod breaker;
mod budget;
mod ca_choice;
mod limits;
mod renewal;
mod window;

pub use ari::{Heard, RenewalInfo, Suggested};
pub use backoff::{Horizon, next_attempt};
pub use breaker::{ASKED_FOR, Cause, breaker_allows_at, most_in_a_day};
pub use budget::{ChargedBy, Counter, Permit, Scope, counters, permit, registered_domain};
pub use ca_choice::{CaTrouble, CaTroubles, choose_ca};
pub use limits::{Limit, Limits};
pub use renewal::{LONG_LIFETIME, planned_interval, renewal_moment};
pub use window::Window;
