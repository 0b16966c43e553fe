//! TXT records through Cloudflare's API, as a provider of dns01d.
//!
//! [`Cloudflare`] decides what to do with a batch; `zones` finds the zone of a name,
//! `records` speaks of TXT records, `api` of requests and their answers, and `pacer`
//! keeps within Cloudflare's limit.
#![forbid(unsafe_code)]

mod api;
mod error;
mod options;
mod pacer;
mod presence;
mod provider;
mod records;
mod removal;
mod txt;
mod zones;

pub use error::Error;
pub use provider::Cloudflare;

dns01_plugin_api::export_provider!(Cloudflare);
