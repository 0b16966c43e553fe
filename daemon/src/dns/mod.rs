//! DNS as the CA will see it: who is authoritative, and does it show the record.

mod options;

pub use options::{Authority, DEFAULT_PROPAGATION_TIMEOUT, DEFAULT_QUERY_TIMEOUT, Options, ZoneOptions};
