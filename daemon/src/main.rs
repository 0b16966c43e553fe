//! The command line of dns01d.
#![forbid(unsafe_code)]

fn main() {}
