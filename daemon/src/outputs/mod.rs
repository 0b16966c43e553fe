//! Certificates on disk and what happens after a switch.
//!
//! A certificate's directory:
//!
//! ```text
//! DIR/generations/000007/{key.pem,cert.pem,chain.pem,fullchain.pem}
//! DIR/live -> generations/000007
//! ```
//!
//! Promise: at any moment, also after a kill or a power cut at any system call,
//! `live` leads to one complete generation whose key and certificate belong
//! together. For that, a generation is built under a hidden name, every file and
//! the directory are flushed, the directory gets its number by a rename, and
//! `live` is replaced by the rename of a symlink made beside it; each rename is
//! followed by a flush of its parent. A numbered directory is thus complete by
//! construction, and whatever carries a hidden name is a leftover.
//!
//! Everything happens relative to one descriptor of `DIR`, so that nobody who
//! swaps a parent can lead a key elsewhere. All functions of [`Outputs`] block:
//! call them from `tokio::task::spawn_blocking`.

mod directory;
mod error;
mod generation;
mod hook;
mod leftovers;
mod live;
mod options;
mod ownership;
mod trial;
mod write;

#[cfg(test)]
mod tests;

pub use error::{Error, Operation};
pub use generation::{Files, Generation};
pub use hook::{HookRun, run_hook};
pub use live::{KeyCheck, Live};
pub use options::{DEFAULT_KEY_MODE, DEFAULT_MODE, Options};
pub use write::{Outputs, Repaired};
