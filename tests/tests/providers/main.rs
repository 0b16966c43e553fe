//! Every first-party provider, in the real plugin host with its default sandbox, against the real service that
//! it writes to (or, where that cannot run here, a double whose strictness others proved).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod acme_dns;
mod cloudflare;
mod hook;
mod httpreq;
mod instance;
mod issuance;
mod lego;
mod rfc2136;
mod route53;
