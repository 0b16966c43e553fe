//! The control socket: `status`, `renew`, and what follows.

mod options;

pub use options::Options;
