//! What people type and see.

mod arguments;
mod commands;
mod provider;
pub mod status;
pub mod steps;
mod troubles;
mod view;

#[cfg(test)]
mod tests;

pub use arguments::{Arguments, Command, DEFAULT_CONFIG};
pub use commands::run;
pub use provider::ProviderCommand;
pub use view::{Color, View};
