//! Challenge records: routed, journalled, published, seen, removed.

mod options;

pub use options::Route;
