//! Amazon Route 53, as a provider of dns01d.
#![forbid(unsafe_code)]

mod aws;
mod change;
mod check;
mod connector;
mod credentials;
mod error;
mod name;
mod options;
mod provider;
mod record_set;
mod sets;
mod sync;
mod turns;
mod txt;
mod zones;

pub use error::Error;
pub use provider::Route53;

dns01_plugin_api::export_provider!(Route53);
