//! The conformance kit, `dns01d provider test`: good plugins pass it whole, and for each way of breaking the
//! contract exactly the check that is meant for it fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod acme_dns;
mod broken;
mod cloudflare;
mod examples;
mod hook;
mod httpreq;
mod lab;
mod lego;
mod primaries;
mod rfc2136;
mod route53;
