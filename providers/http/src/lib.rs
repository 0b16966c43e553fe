//! HTTP for providers: what those of dns01d that speak it share.
//!
//! A provider is called on plain threads and may block. [`Client::send`] blocks until the
//! answer is there, the call's time is up, or the host cancels it, whichever is first;
//! several threads may send at once. Redirects are never followed: a request carries
//! credentials, and they are for the host that the operator named.
//!
//! ```no_run
//! use dns01_plugin_api::{Call, Error, Host, OptionSpec, Options};
//! use dns01_provider_http as http;
//!
//! const OPTIONS: &[OptionSpec] = &[http::CA_FILE.spec(), http::PROXY.spec(), http::TIMEOUT.spec()];
//!
//! fn open(host: Host, options: &Options) -> Result<http::Client, Error> {
//!     let settings = http::Settings::read(options)?;
//!     Ok(http::Client::open(host, "example/1.0", settings)?)
//! }
//!
//! fn zones(client: &http::Client, call: &Call<'_>) -> Result<serde_json::Value, Error> {
//!     let url = http::endpoint("base-url", "https://api.example.net/v1/", http::Plain::Loopback)?;
//!     let request = client.inner().get(url.join("zones").expect("a path")).bearer_auth("..");
//!     Ok(client.send(call, request)?.success()?.json()?)
//! }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod bounds;
mod client;
mod endpoint;
mod error;
mod options;
mod resolve;
mod retry_after;

pub use answer::{Answer, printable};
pub use bounds::{Runtime, Stopped};
pub use client::{Client, SetupError};
pub use endpoint::{Plain, endpoint, host_of};
pub use error::Error;
pub use options::{CA_FILE, PROXY, PROXY_CREDENTIALS, Settings, TIMEOUT};
pub use retry_after::retry_after;
