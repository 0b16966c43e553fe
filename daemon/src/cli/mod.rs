//! What people type and see.

pub mod account;
mod arguments;
pub mod authority;
mod commands;
pub mod plan;
mod provider;
pub mod status;
pub mod steps;
mod troubles;
mod view;
pub mod why;

#[cfg(test)]
mod tests;

pub use arguments::{Arguments, Command, DEFAULT_CONFIG};
pub use commands::run;
pub use provider::ProviderCommand;
pub use view::{Color, View};
