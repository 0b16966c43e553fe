//! ACME (RFC 8555).

mod options;

pub use options::{DEFAULT_REQUEST_TIMEOUT, Options};
