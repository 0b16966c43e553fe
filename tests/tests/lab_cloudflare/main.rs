//! The Cloudflare double is as strict as the real API, and not made to our client's measure: it serves the
//! official SDK.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod requests;
mod sdk;
