//! What an ACME CA can ask or answer (RFC 8555), by the real daemon in the lab. The protocol's details are tested with
//! the client, beside its source.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod accounts;
mod orders;
mod persistent;
#[path = "../daemon/stage.rs"]
#[allow(dead_code, reason = "shared with the daemon's own tests")]
mod stage;
