//! The rules of the boundary, one page for each group of the header, each rule with its reason and what it
//! means in C, Go and Rust. In Rust most of them are kept by this crate.
//!
//! The header is the contract; a test holds these pages against it.

#[doc = include_str!("../docs/stability.md")]
///
/// See [`abi::read`](crate::abi::read), [`abi::write`](crate::abi::write), [`Kind`](crate::Kind), [`Provider`](crate::Provider).
pub mod stability {}

#[doc = include_str!("../docs/memory.md")]
///
/// See [`Batch::settle`](crate::Batch::settle), [`Record`](crate::Record), [`Host`](crate::Host).
pub mod memory {}

#[doc = include_str!("../docs/threads.md")]
///
/// See [`Provider`](crate::Provider), [`Info::concurrent`](crate::Info::concurrent).
pub mod threads {}

#[doc = include_str!("../docs/cancellation.md")]
///
/// See [`Call::remaining`](crate::Call::remaining), [`Call::limit`](crate::Call::limit), [`Call::proceed`](crate::Call::proceed), [`Call::cancel_fd`](crate::Call::cancel_fd).
pub mod cancellation {}

#[doc = include_str!("../docs/build.md")]
///
/// See [`export_provider!`](crate::export_provider).
pub mod build {}

#[doc = include_str!("../docs/security.md")]
///
/// See [`Secret`](crate::Secret), [`Host::state_put`](crate::Host::state_put), [`Description::execs`](crate::Description::execs).
pub mod security {}
