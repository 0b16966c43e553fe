//! "Is it visible, and if not, who lags and why?" against real servers: split horizons, encrypted resolvers, and
//! resolvers that remember.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

#[path = "../daemon/c_plugin.rs"]
mod c_plugin;
mod channels;
mod horizon;
mod hostile;
mod layouts;
mod modes;
mod primary;
mod vantage;
