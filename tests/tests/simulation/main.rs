//! Months of the real engine, store and journal in seconds. Only the clock, randomness and transports differ from the
//! daemon's: the CA is the lab's, called without a socket, and so is the name server.
//!
//! tokio's time is paused: it jumps to the next timer when every task waits for one. It does not jump while a blocking
//! task runs, which tokio itself sees to, nor while the database works, as [`still_store`] waits for that on the spot.
//!
//! `SIM_CERTIFICATES` and `SIM_CASES` make the larger tests as large as their figures are promised for, which
//! `./dev simulate` does; `SIM_SEED` begins at the one that a failure names.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod behaviours;
mod canaries;
mod certificates_seen;
mod crashes;
mod fuse;
mod lets_encrypt_limits;
mod name_server;
mod ninety_days;
mod nonces;
mod outages;
mod provider;
mod retry_after;
mod rollover;
mod stage;
mod still_store;
mod virtual_clock;
mod wire;

/// Where time jumps to the next timer. Nothing here has a socket, and without one an idle moment costs no system call.
fn still_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

/// A number from the environment, for runs larger than the usual.
fn number_from(variable: &str, usual: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => usual,
    }
}
