//! Write a DNS provider for [dns01d](https://github.com/dns01d/dns01d), the certificate daemon that proves names
//! through DNS only.
//!
//! A provider is a shared library that adds and removes TXT records. dns01d loads each configured instance in a
//! sandboxed process of its own. The contract is the C header `include/dns01_plugin.h`; this crate is its safe
//! side for Rust: implement [`Provider`], name it to [`export_provider!`], and build a `cdylib`. None of that
//! needs `unsafe`, and the crate may forbid it.
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! dns01-plugin-api = "0.1"
//! ```
//!
//! # A provider
//!
//! Whole, with its test. It keeps the records in its memory; `examples/tinyhost.rs` is one for a host with an
//! HTTP API, and `dns01d provider new NAME --lang rust` begins yours from it.
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::sync::{Mutex, PoisonError};
//!
//! use dns01_plugin_api::{
//!     Batch, Call, Class, Description, Error, Host, Info, Opt, OptionSpec, Options, Provider, Secret, Success,
//!     export_provider,
//! };
//!
//! // Options are declared once: dns01d learns names, types, help and defaults from the library, checks the
//! // configuration by them and keeps secrets masked.
//! const TOKEN: Opt<Secret> = Opt::required("token", "API token that may edit the zone");
//! const ZONE: Opt<String> = Opt::with_default("zone", "example.org", "the zone to write to");
//! const OPTIONS: &[OptionSpec] = &[TOKEN.spec(), ZONE.spec()];
//!
//! struct Memory {
//!     zone: String,
//!     records: Mutex<BTreeSet<(String, String)>>,
//! }
//!
//! impl Provider for Memory {
//!     const DESCRIPTION: Description = Description::new("memory", "Keeps records in memory", OPTIONS);
//!
//!     fn open(_host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, Error> {
//!         if options.read(&TOKEN)?.reveal().len() < 8 {
//!             return Err(Error::config("option `token` is too short to be one"));
//!         }
//!         Ok(Self { zone: options.read(&ZONE)?, records: Mutex::default() })
//!     }
//!
//!     fn info(&self) -> Info {
//!         Info { max_batch: 100, ..Info::default() }
//!     }
//!
//!     fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
//!         let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
//!         for at in 0..batch.records().len() {
//!             // What is settled stands; an `Err` is the outcome of the rest.
//!             call.proceed()?;
//!             let record = batch.records()[at];
//!             let outcome = if !record.fqdn.ends_with(&format!(".{}", self.zone)) {
//!                 Err(Error::new(Class::ZoneNotFound, format!("{} is not in {}", record.fqdn, self.zone)))
//!             } else if kept.insert((record.fqdn.to_owned(), record.value.to_owned())) {
//!                 Ok(Success::done())
//!             } else {
//!                 Ok(Success::unchanged())
//!             };
//!             batch.settle(at, outcome);
//!         }
//!         Ok(())
//!     }
//!
//!     fn remove(&self, _call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
//!         let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
//!         for at in 0..batch.records().len() {
//!             let record = batch.records()[at];
//!             let was_there = kept.remove(&(record.fqdn.to_owned(), record.value.to_owned()));
//!             batch.settle(at, Ok(if was_there { Success::done() } else { Success::unchanged() }));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_provider!(Memory);
//!
//! // The test goes through the exported C table, as dns01d does.
//! use dns01_plugin_api::abi::status;
//! use dns01_plugin_api::testing::{TestHost, TestRecord};
//!
//! let host = TestHost::start();
//! assert_eq!(host.open::<Memory>(&[("token", "short")]).unwrap_err().status, status::CONFIG);
//!
//! let memory = host.open::<Memory>(&[("token", "l0ng-en0ugh")]).unwrap();
//! let records = [
//!     TestRecord::new("_acme-challenge.example.org", "one"),
//!     TestRecord::new("_acme-challenge.example.com", "two"),
//! ];
//! let outcomes = memory.present(&records);
//! assert!(outcomes[0].is_ok());
//! assert_eq!(outcomes[1].status, status::ZONE_NOT_FOUND);
//! assert!(memory.remove(&records).iter().all(|outcome| outcome.is_ok()));
//! ```
//!
//! # What a provider promises
//!
//! - `present` adds and `remove` takes away exactly what it is given. Other values at the name stay:
//!   `example.org` and `*.example.org` are proven at one name at once.
//! - Both may come twice, and `remove` also for records whose `present` failed.
//! - Every network operation ends within [`Call::remaining`], and soon after a cancellation.
//! - The [`Class`] of an error says whose turn it is; its message tells an operator what to do.
//! - No secret is in a message, a log line or a handle.
//!
//! [`rules`] has every rule of the header with its reason.
//!
//! # Where to look
//!
//! | For | See |
//! |---|---|
//! | options and their types | [`Opt`], [`Value`] |
//! | batches, outcomes, handles | [`Batch`], [`Success`] |
//! | errors | [`Error`], [`Class`] |
//! | time and cancellation | [`Call`], [`Limit`] |
//! | properties of an instance | [`Info`] |
//! | logs, durable state | [`Host`] |
//! | tests | [`testing`] |
//! | the C side in Rust, for hosts | [`abi`] |

pub mod abi;
pub mod export;
pub mod rules;

pub use export::{
    Batch, Call, Class, Description, Error, Host, Info, Kind, Level, Limit, Opt, OptionSpec, Options,
    Outcome, Provider, Read, Record, Secret, Success, Value, testing,
};
