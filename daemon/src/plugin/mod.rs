//! Provider plugins, each in a process of its own.

mod options;

pub use options::{
    DEFAULT_GRACE, DEFAULT_IDLE, DEFAULT_MEMORY, HostOptions, OptionSource, OptionValue, Options, Sandbox,
};
