//! Provider plugins, each in a process of its own.
//!
//! [`Plugins`] is what all of them share; an [`Instance`] is one provider as configured and implements
//! [`ProviderClient`], which the layers above use. Behind it: `launch` gathers what a process
//! is started from, `host` has it load the library, `session` and `worker` own the open instance, `process` is
//! the process itself, `cgroup` what holds it and its programs, `output` is what it prints.

mod advice;
mod catalogue;
mod cgroup;
mod client;
mod connection;
mod descendants;
mod elf;
mod ending;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod host;
mod instance;
mod launch;
mod library;
mod mask;
mod options;
mod outcome;
mod output;
mod plugins;
mod process;
mod session;
mod spawner;
mod state;
mod trial;
mod worker;

pub use catalogue::{Found, catalogue, file_name, short_name};
pub use client::{Health, ProviderClient};
pub use dns01_plugin_wire::{
    Confinement, Description, InstanceInfo, LoadFault, Operation, OptionDescription, OptionKind,
    ProviderDescription, Record, RecordKind, Structs, TrialRules,
};
pub use ending::{Death, Ending};
pub use error::{CallError, Retry};
pub use instance::Instance;
pub use library::{Library, LibraryError};
pub use options::{
    DEFAULT_CALL_TIMEOUT, DEFAULT_GRACE, DEFAULT_IDLE, DEFAULT_MEMORY, HostOptions, MAX_CONCURRENT_CALLS,
    OptionSource, OptionValue, Options, Sandbox,
};
pub use outcome::{Done, Failure, FailureClass, RecordOutcome};
pub use output::{Leak, Spoken};
pub use plugins::Plugins;
pub use state::{MAX_KEY, MAX_KEYS, MAX_VALUE, MemoryState, PluginState, StateError};
pub use trial::{Patience, Reply, Trial};
