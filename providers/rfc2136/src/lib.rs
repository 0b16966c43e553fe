//! RFC 2136 dynamic updates with TSIG, as a provider of dns01d.
//!
//! The provider is [`Rfc2136`]. [`tsig`] and [`Client`] stand by themselves and are
//! used by the tests of other parts.
#![forbid(unsafe_code)]

mod answer;
mod client;
mod error;
mod exchange;
mod options;
mod provider;
mod server;
pub mod tsig;
mod update;
mod zone;

pub use answer::Answer;
pub use client::{Client, Transport, Turn, unix_now};
pub use error::Error;
pub use exchange::Fault;
pub use provider::Rfc2136;
pub use server::{Server, ServerError};
pub use update::{Change, Txt, messages};

dns01_plugin_api::export_provider!(Rfc2136);
