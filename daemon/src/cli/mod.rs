//! What people see of the daemon.

pub mod status;
pub mod steps;
mod troubles;
mod view;

#[cfg(test)]
mod tests;

pub use view::{Color, View};
