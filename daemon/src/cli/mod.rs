//! What people type and see.

pub mod account;
mod arguments;
pub mod authority;
mod commands;
mod moment;
pub mod online;
pub mod plan;
mod provider;
mod questions;
mod revoke;
pub mod status;
pub mod steps;
mod trial;
mod troubles;
mod view;
pub mod why;

#[cfg(test)]
mod tests;

pub use account::AccountCommand;
pub use arguments::{Arguments, Command, DEFAULT_CONFIG};
pub use commands::run;
pub use moment::{Moment, NoMoment};
pub use provider::ProviderCommand;
pub use view::{Color, View};
