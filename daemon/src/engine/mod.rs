//! Carries out what the machines decide.

mod options;

pub use options::{Certificate, DEFAULT_CONCURRENCY, Options};
