use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::RecordKind;

/// What a library says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The library's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// Minor version of the ABI that it was built with.
    pub abi_minor: u32,
    /// Its providers; a bridge may hold hundreds.
    pub providers: Vec<ProviderDescription>,
}

impl Description {
    /// The provider with this id.
    pub fn provider(&self, id: &str) -> Option<&ProviderDescription> {
        self.providers.iter().find(|provider| provider.id == id)
    }
}

/// One provider of a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderDescription {
    /// `[a-z0-9_.:-]+`.
    pub id: String,
    /// For humans.
    pub title: String,
    /// Documentation.
    pub url: Option<String>,
    /// Accepts keys that `options` does not list.
    pub open_config: bool,
    /// Runs programs.
    pub execs: bool,
    /// The keys it accepts.
    pub options: Vec<OptionDescription>,
}

impl ProviderDescription {
    /// The option with this key.
    pub fn option(&self, key: &str) -> Option<&OptionDescription> {
        self.options.iter().find(|option| option.key == key)
    }
}

/// One accepted configuration key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionDescription {
    /// `[A-Za-z0-9_.-]+`.
    pub key: String,
    /// One line.
    pub help: String,
    /// Used when the configuration says nothing.
    pub default: Option<String>,
    /// The configuration must say something.
    pub required: bool,
    /// Masked, and accepted only from secret sources.
    pub secret: bool,
    /// May be given several times, in order.
    pub list: bool,
    /// How to read the value.
    pub kind: OptionKind,
}

/// How an option's value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionKind {
    /// Anything.
    #[default]
    Text,
    /// Absolute path of a file that the plugin reads.
    File,
    /// A decimal number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Whole milliseconds, decimal.
    Duration,
}

/// Properties of an open instance; zero always means "no special need".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// Most records per call.
    pub max_batch: u32,
    /// TXT values that fit at one name at once.
    pub max_values_per_name: u32,
    /// Seconds.
    pub min_ttl: u32,
    /// Pace calls, milliseconds.
    pub min_call_interval_ms: u64,
    /// Do not look for a record before, milliseconds.
    pub propagation_initial_ms: u64,
    /// Look again after, milliseconds.
    pub propagation_interval_ms: u64,
    /// Typical worst case, milliseconds.
    pub propagation_timeout_ms: u64,
    /// Calls on one instance may overlap.
    pub concurrent: bool,
    /// All records of one zone or none.
    pub atomic_batch: bool,
    /// `remove` works in a fresh process and without a handle.
    pub stateless_remove: bool,
    /// Needs `Record::key_authorization`.
    pub needs_key_auth: bool,
    /// Writes where the challenge name's CNAME chain ends, whatever `Record::fqdn` says.
    pub follows_cname: bool,
    /// Honours cancellation.
    pub cancels: bool,
    /// The library has `sync`.
    pub syncs: bool,
    /// The library has `check`.
    pub checks: bool,
    /// The library has `setup`.
    pub sets_up: bool,
    /// Record kinds that it takes.
    pub kinds: Vec<RecordKind>,
}

impl InstanceInfo {
    /// The least time between the starts of two calls.
    pub fn min_call_interval(&self) -> Duration {
        Duration::from_millis(self.min_call_interval_ms)
    }

    /// The most values that one name can hold; `None` without a limit.
    pub fn value_limit(&self) -> Option<u32> {
        (self.max_values_per_name > 0).then_some(self.max_values_per_name)
    }
}

/// Why a library cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum LoadFault {
    /// The kernel lacks what the configuration requires.
    #[error(
        "the sandbox is required but incomplete: {}; run a newer kernel, or set `sandbox: best-effort`",
        missing.join("; ")
    )]
    Unconfined {
        /// In operator words.
        missing: Vec<String>,
    },
    /// No library came with the greeting, or it could not be opened again.
    #[error("the library's descriptor is unusable: {what}")]
    Descriptor {
        /// The system's words.
        what: String,
    },
    /// `dlopen` failed: an undefined symbol, a missing library, not a library.
    #[error("the dynamic loader refused it: {what}")]
    Loader {
        /// The loader's words.
        what: String,
    },
    /// The library exports no entry of this ABI major.
    #[error("it exports no `dns01_plugin_v1`: not a plugin for dns01d")]
    NoEntry,
    /// The library is for another major of the ABI.
    #[error(
        "it is made for plugin ABI {found}; this dns01d speaks ABI 1: install a build of the plugin for ABI 1"
    )]
    OtherAbi {
        /// The major that it exports.
        found: u32,
    },
    /// The entry returned NULL.
    #[error("its entry returned no table{}", said.as_ref().map(|s| format!(": {s}")).unwrap_or_default())]
    NoTable {
        /// What it logged last.
        said: Option<String>,
    },
    /// The tables break the ABI.
    #[error("its tables break the plugin ABI: {0}")]
    Table(#[from] TableFault),
}

/// How a library's tables break the ABI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum TableFault {
    /// `struct_size` below the floor of ABI 1.0.
    #[error("{what} has struct_size {size}, and ABI 1.0 needs {floor}")]
    Small {
        /// Which struct.
        what: String,
        /// What it says.
        size: u32,
        /// What it must be at least.
        floor: u32,
    },
    /// A required pointer is NULL.
    #[error("{what} is NULL")]
    Null {
        /// Which pointer.
        what: String,
    },
    /// A pointer that cannot be one to its struct.
    #[error("{what} is not aligned")]
    Misaligned {
        /// Which pointer.
        what: String,
    },
    /// An option of several types.
    #[error("option `{key}` has more than one type")]
    Types {
        /// Which.
        key: String,
    },
    /// Text that is absent, unterminated or too long.
    #[error("{what} is no text of at most {limit} bytes")]
    Text {
        /// Which text.
        what: String,
        /// The most that is accepted.
        limit: usize,
    },
    /// An identifier with characters that the ABI does not allow.
    #[error("{what} `{id}` has characters outside {allowed}")]
    Id {
        /// Whose identifier.
        what: String,
        /// As far as it can be shown.
        id: String,
        /// The ABI's rule.
        allowed: String,
    },
    /// The same identifier twice.
    #[error("{what} `{id}` appears twice")]
    Twice {
        /// Whose identifier.
        what: String,
        /// Which.
        id: String,
    },
    /// More entries than any library can mean.
    #[error("{what} is {count}, and at most {limit} are accepted")]
    Many {
        /// Which count.
        what: String,
        /// What it says.
        count: u64,
        /// The most that is accepted.
        limit: u64,
    },
}
