//! Provider plugins, each in a process of its own.
//!
//! [`Plugins`] is what all of them share; an [`Instance`] is one provider as configured and implements
//! [`ProviderClient`], which the layers above use. Behind it: `session` and `worker` own one open process,
//! `host` starts it and has the library loaded, `process` is the process itself, `output` is what it prints.

mod client;
mod connection;
mod elf;
mod error;
mod host;
mod instance;
mod library;
mod mask;
mod options;
mod output;
mod plugins;
mod process;
mod session;
mod spawner;
mod state;
mod worker;

pub use client::ProviderClient;
pub use dns01_plugin_wire::{
    Description, InstanceInfo, LoadFault, Operation, OptionDescription, OptionKind, ProviderDescription,
    Record, RecordKind,
};
pub use error::{CallError, Death, Done, Ending, Failure, FailureClass, RecordOutcome, Retry};
pub use instance::Instance;
pub use library::{Library, LibraryError};
pub use options::{
    DEFAULT_GRACE, DEFAULT_IDLE, DEFAULT_MEMORY, HostOptions, OptionSource, OptionValue, Options, Sandbox,
};
pub use plugins::Plugins;
pub use state::{MAX_KEY, MAX_KEYS, MAX_VALUE, MemoryState, PluginState, StateError};
