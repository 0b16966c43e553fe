//! The ACME client against Pebble, Let's Encrypt's test server.
//!
//! Pebble believes every proof here, except where the proofs are what is tested: this is about the
//! protocol. The whole daemon against Pebble is the business of the tests of the daemon.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod accounts;
mod chains;
mod issuance;
mod newest_pebble;
mod revocation;
mod stage;
