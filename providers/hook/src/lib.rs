//! Programs of the operator write the records, as a provider of dns01d.
//!
//! The provider is [`Hook`]. A convention makes each record a [`Command`]: what is run with which arguments,
//! variables and input. `program` runs it to its end, `output` takes what it prints.
#![forbid(unsafe_code)]

mod acme_sh;
mod convention;
mod error;
mod options;
mod output;
mod program;
mod provider;

pub use convention::{Action, Command};
pub use error::Error;
pub use provider::Hook;

dns01_plugin_api::export_provider!(Hook);
