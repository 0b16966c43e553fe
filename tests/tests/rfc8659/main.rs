//! What a CA finds in the DNS, from real servers: CAA (RFC 8659, RFC 8657) in BIND's zones, signatures (RFC 4035) as
//! Unbound judges them, and the daemon that asks no CA which would refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod caa;
mod daemon;
mod signatures;
mod stage;
