//! `dns01_plugin.h` in Rust: the same structs, fields and numbers.
//!
//! Names lose their `dns01_` prefix: `dns01_call` is [`Call`], `DNS01_E_AUTH` is
//! [`status::AUTH`]. The header states the rules (S1, M3, T1 ...) that comments
//! here refer to. Everything is plain data; [`read`] is the one way to look at a
//! struct that the other side made.
#![expect(unsafe_code, reason = "the boundary itself; every block says why it holds")]

mod constants;
mod inbound;
mod outbound;
mod sized;

pub use constants::{
    ABI_MAJOR, ABI_MINOR, ENTRY_SYMBOL, Status, cap, kind, log_level, option_flag, provider_flag,
    result_flag, status,
};
pub use inbound::{Call, Host, OptionValue, Record, ResultSlot, Str};
pub use outbound::{BatchFn, EntryFn, Instance, InstanceInfo, OptionDesc, Plugin, Provider};
pub use sized::{AbiStruct, Undersized, read, write};
