//! lego's httpreq protocol for DNS portals of one's own, as a provider of dns01d.
//!
//! `POST /present` and `POST /cleanup` with a small JSON object; the portal does the rest.
#![forbid(unsafe_code)]

mod error;
mod options;
mod portal;
mod provider;

pub use error::Error;
pub use provider::HttpReq;

dns01_plugin_api::export_provider!(HttpReq);
