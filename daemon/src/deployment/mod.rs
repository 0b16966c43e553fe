//! From a stored generation to a deployed one, as a pure machine.

mod options;

pub use options::{DEFAULT_HOOK_TIMEOUT, HookOptions};
