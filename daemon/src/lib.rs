//! dns01d keeps wildcard certificates fresh by proving names through DNS only.
//!
//! ARCHITECTURE.md has the map of the layers; a module imports only from layers
//! below its own (a test holds it to that).
#![forbid(unsafe_code)]

// 8
pub mod cli;
// 7
pub mod app;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
// 6
pub mod config;
// 5
pub mod control;
pub mod systemd;
// 4
pub mod engine;
// 3
pub mod challenge;
pub mod conformance;
pub mod outputs;
pub mod preflight;
// 2
pub mod acme;
pub mod dns;
pub mod plugin;
pub mod secret_source;
pub mod store;
// 1
pub mod deployment;
pub mod issuance;
pub mod pki;
pub mod revocation;
pub mod schedule;
// 0
pub mod clock;
pub mod program;
pub mod random;
pub mod secret;
pub mod telemetry;
pub mod types;
