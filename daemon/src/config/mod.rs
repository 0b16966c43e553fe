//! The configuration: YAML files in, options of every part out, or all faults at once.
//!
//! [`load`] reads the main file and those it includes, refuses what does not
//! fit ([`raw`]), and turns the rest into the options that each part owns
//! ([`build`]). A configuration with one error is not used at all.
//! [`report`] shows what is wrong, [`summary`] what was understood.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{challenge, control, dns, engine, plugin, telemetry};

mod build;
mod descriptions;
mod document;
mod fault;
mod findings;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod load;
mod near;
mod option_source;
mod raw;
pub mod report;
pub mod summary;
mod yaml;

#[cfg(test)]
mod tests;

pub use descriptions::{Descriptions, NoDescriptions, Undescribed};
pub use fault::{Excerpt, Fault, Faults, Place, Severity};
pub use load::{Presence, load, load_with, plugins, provider_options, socket};

/// Where systemd's `StateDirectory=dns01d` is.
pub const DEFAULT_STATE_DIRECTORY: &str = "/var/lib/dns01d";
/// Where systemd's `RuntimeDirectory=dns01d` is.
pub const DEFAULT_SOCKET: &str = "/run/dns01d/control.sock";
/// The distribution's libraries; what an administrator builds comes first.
pub const DEFAULT_PLUGIN_DIRECTORIES: [&str; 2] =
    ["/usr/local/lib/dns01d/plugins", "/usr/lib/dns01d/plugins"];
/// Where the package puts it.
pub const DEFAULT_PLUGIN_HOST: &str = "/usr/lib/dns01d/dns01-plugin-host";
/// Steps in flight end within a request or two; systemd kills after 90 s.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(20);

/// Everything the daemon is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Holds the store, the account keys and, unless told otherwise, the certificates. Absolute.
    pub state_directory: PathBuf,
    /// The control socket.
    pub control: control::Options,
    /// What is logged and how.
    pub log: telemetry::Options,
    /// What all plugin processes share.
    pub plugin_host: plugin::HostOptions,
    /// Provider instances, in the order of their names.
    pub providers: Vec<ProviderConfig>,
    /// Which instance serves which names.
    pub routes: Vec<challenge::Route>,
    /// How DNS is asked.
    pub dns: dns::Options,
    /// The CAs, in the order of their names.
    pub cas: Vec<engine::AuthorityOptions>,
    /// Limits of the engine.
    pub engine: engine::Options,
    /// The certificates, in the order of their names.
    pub certificates: Vec<engine::Certificate>,
    /// How long work in flight may take after SIGTERM.
    pub drain: Duration,
    /// Files that were read, the main one first.
    pub files: Vec<PathBuf>,
    /// What works and should be known.
    pub warnings: Faults,
}

/// What concerns plugins alone.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// What all plugin processes share.
    pub host: plugin::HostOptions,
    /// Where libraries are looked for, the first one wins.
    pub directories: Vec<PathBuf>,
    /// The instances, in the order of their names. A library that was not found has an empty path.
    pub instances: Vec<plugin::Options>,
    /// Something that concerns plugins could not be read, or is not on this machine.
    pub faulty: bool,
}

impl Default for Plugins {
    /// Of a machine without a configuration.
    fn default() -> Self {
        Plugins {
            host: plugin::HostOptions {
                executable: DEFAULT_PLUGIN_HOST.into(),
                sandbox: plugin::Sandbox::default(),
                idle: plugin::DEFAULT_IDLE,
                grace: plugin::DEFAULT_GRACE,
            },
            directories: DEFAULT_PLUGIN_DIRECTORIES.map(PathBuf::from).into(),
            instances: Vec::new(),
            faulty: false,
        }
    }
}

/// A provider instance and where its options come from.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// How to run it.
    pub options: plugin::Options,
    /// How long its records wait at most for those of other orders.
    pub batch_window: Duration,
    /// Its own options, read at each start.
    pub source: Arc<dyn plugin::OptionSource>,
}
