//! From a stored generation to a deployed one, as a pure machine.
//!
//! ```text
//! Stored --switched--> Switched --hook succeeded (or none)--> Deployed
//!   ^ failed: again      ^ failed: again, ever more rarely       |
//!   +------------- a newer generation, from anywhere ------------+
//! ```
//!
//! It knows nothing of issuance: a hook that fails for a month costs the CA nothing.

mod backoff;
mod hook_failure;
mod options;
mod state;
mod step;

#[cfg(test)]
mod tests;

pub use hook_failure::{HookCause, HookFailure};
pub use options::{DEFAULT_HOOK_TIMEOUT, HookOptions};
pub use state::{DecodeError, State};
pub use step::{Action, Event, step};
