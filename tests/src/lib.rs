//! The lab: what the tests and the demo run dns01d against.
//!
//! - [`dns`]: an authoritative DNS server that takes RFC 2136 updates;
//! - [`ca`]: an ACME CA (RFC 8555) that validates through real DNS queries;
//! - [`admin`]: an HTTP endpoint to watch and disturb both from another process;
//! - [`acme_dns`], [`portal`]: the services that two providers write to, with faults;
//! - [`bind`], [`knot`], [`nsd`], [`powerdns`], [`pebble`]: guards around the real servers, for the truth that the lab cannot give;
//! - [`unbound`], [`signing`]: a validating resolver, and zones for it to judge;
//! - [`nsupdate`], [`loopback`]: an update client of another make; addresses of a test's own that share one port;
//! - [`named`]: BIND with views, and as a resolver over TLS and HTTPS;
//! - [`moto`]: a guard around the stand-in for AWS;
//! - [`cloudflare`]: a strict double of Cloudflare's API;
//! - [`daemon`]: a guard around the real daemon, with a configuration of its own;
//! - [`tls_server`]: serves a live certificate and follows its switches.
//!
//! Everything listens on loopback, takes free ports, keeps its state in memory and ends when its guard
//! is dropped. What a test asserts it reads from here: the CA counts, the zone remembers.
//!
//! Only for tests: no access control, keys of a weak kind on request, faults on demand.

pub mod acme_dns;
pub mod acme_sh;
pub mod admin;
pub mod bind;
pub mod ca;
mod clock;
pub mod cloudflare;
pub mod daemon;
pub mod dns;
mod knobs;
pub mod knot;
pub mod loopback;
pub mod moto;
pub mod named;
pub mod nsd;
pub mod nsupdate;
pub mod pebble;
pub mod portal;
pub mod powerdns;
pub mod primary;
pub mod process;
pub mod service;
pub mod signing;
pub mod tls_server;
pub mod unbound;
