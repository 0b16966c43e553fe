use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{secret::Secret, types::InstanceName};

/// What all plugin processes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOptions {
    /// The `dns01-plugin-host` executable.
    pub executable: PathBuf,
    /// Whether a missing kernel feature is an error.
    pub sandbox: Sandbox,
    /// A process without work for this long is ended.
    pub idle: Duration,
    /// How long a cancelled call may take before its process is killed (ABI rule C2 promises 2 s).
    pub grace: Duration,
}

/// How strictly plugins are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Refuse to run a plugin where the kernel cannot confine it.
    #[default]
    Required,
    /// Confine as far as the kernel can, and warn.
    BestEffort,
}

/// One provider instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its key in the configuration; for logs.
    pub instance: InstanceName,
    /// The library, an absolute path.
    pub library: PathBuf,
    /// Pin: SHA-256 of the library.
    pub sha256: Option<[u8; 32]>,
    /// Which provider of the library; `None` when it holds just one.
    pub provider: Option<String>,
    /// Environment variables that the plugin sees, and no others but those of [`OptionSource::environment`].
    pub environment: BTreeMap<String, String>,
    /// RLIMIT_DATA of the process, bytes.
    pub memory: u64,
    /// A call that takes longer is cancelled, whatever more time its caller would give.
    pub call_timeout: Duration,
    /// Least time between the starts of two calls: a limit of the service behind the provider that the
    /// provider does not know. What the provider asks for itself holds if it is longer.
    pub call_interval: Duration,
    /// Most calls at once, 1 or more. A provider whose calls cannot overlap gets one at a time whatever this is.
    pub concurrent_calls: usize,
    /// The operator lets this instance run programs.
    pub allow_exec: bool,
    /// The files that options name are replaced by renaming: their directories are readable, because a
    /// Landlock rule binds an inode and a new file under the old name would not be.
    pub rotates: bool,
}

/// One option as a plugin receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionValue {
    /// As the plugin spells it.
    pub key: String,
    /// The value, secret or not: it reaches the plugin and nothing else.
    pub value: Secret,
    /// Masked in the plugin's output.
    pub secret: bool,
}

/// Where an instance's options come from: read at each spawn, so that a rotated secret is used.
pub trait OptionSource: std::fmt::Debug + Send + Sync {
    /// Reads all options. May block on files.
    ///
    /// # Errors
    /// A sentence for the operator: which option, which source, what is wrong with it.
    fn read(&self) -> Result<Vec<OptionValue>, String>;

    /// Reads the environment variables whose values are secret. May block on files.
    ///
    /// # Errors
    /// As [`OptionSource::read`].
    fn environment(&self) -> Result<Vec<(String, Secret)>, String> {
        Ok(Vec::new())
    }
}

impl Options {
    /// The only provider of a library, without any wish.
    pub fn new(instance: InstanceName, library: PathBuf) -> Self {
        Options {
            instance,
            library,
            sha256: None,
            provider: None,
            environment: BTreeMap::new(),
            memory: DEFAULT_MEMORY,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            call_interval: Duration::ZERO,
            concurrent_calls: MAX_CONCURRENT_CALLS,
            allow_exec: false,
            rotates: false,
        }
    }

    /// A listed variable that would change how the plugin host itself is loaded, before it is confined.
    pub fn forbidden_variable(&self) -> Option<&str> {
        let names = self.environment.keys().map(String::as_str);
        names
            .into_iter()
            .find(|name| name.starts_with("LD_") || *name == "GLIBC_TUNABLES")
    }
}

/// Go's runtime and a TLS stack fit with room; a leak is found long before the machine suffers.
pub const DEFAULT_MEMORY: u64 = 256 << 20;
/// Slow APIs answer within a minute; a hanging one must not hold an order until it expires.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// As many as the plugin host has threads for.
pub const MAX_CONCURRENT_CALLS: usize = dns01_plugin_wire::CONCURRENT_CALLS;
/// A renewal's removal follows its present within this time, so one process serves both.
pub const DEFAULT_IDLE: Duration = Duration::from_secs(30);
/// The 2 s of ABI rule C2 and scheduling noise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(3);
