//! The plugin interface of dns01d.
//!
//! The contract is the C header `include/dns01_plugin.h`, written by hand; it
//! carries the rules on memory, threads, cancellation and stability. [`abi`]
//! mirrors it in Rust for both sides of the boundary, and a test compares every
//! size, offset and constant with what a C compiler sees.
//!
//! To write a provider in Rust, implement [`Provider`] and name it to
//! [`export_provider!`]; none of that needs `unsafe`.

pub mod abi;
pub mod export;

pub use export::{
    Batch, Call, Class, Description, Error, Host, Info, Kind, Level, Limit, Opt, OptionSpec, Options,
    Outcome, Provider, Read, Record, Secret, Success, Value, testing,
};
