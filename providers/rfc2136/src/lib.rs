//! RFC 2136 dynamic updates with TSIG, as a provider of dns01d.
#![forbid(unsafe_code)]

pub mod tsig;
