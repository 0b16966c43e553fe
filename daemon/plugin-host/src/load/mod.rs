//! The library: opening it, reading its tables, calling it.
//!
//! This is the only code that touches what a plugin made. It copies before it looks, checks before it
//! believes, and hands on owned Rust values.
#![expect(
    unsafe_code,
    reason = "the plugin's side of the boundary is C; every block says why it holds"
)]

mod batch;
mod lent;
mod library;
mod plugin;
mod services;
mod slots;
mod tables;
mod text;

pub use plugin::{OpenPlugin, Plugin};
pub use services::{ActiveCall, OPENING, Services};
