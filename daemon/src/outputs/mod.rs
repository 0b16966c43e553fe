//! Certificates on disk and what happens after a switch.

mod options;

pub use options::{DEFAULT_KEY_MODE, DEFAULT_MODE, Options};
