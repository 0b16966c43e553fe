use serde::{Deserialize, Serialize};

use crate::{Description, InstanceInfo, LoadFault, Operation, Outcome, Record, Sensitive};

/// The version of what is said after the greeting.
pub const PROTOCOL: u32 = 1;
/// Most calls at a time on an instance that takes overlapping ones: the host has a thread for each.
pub const CONCURRENT_CALLS: usize = 8;

/// The first frame in each direction; it never changes shape, so that two builds can tell that they differ.
///
/// Builds of one [`PROTOCOL`] understand each other: a package upgraded under a running daemon must not
/// stop renewals. Any other protocol is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// See [`PROTOCOL`].
    pub protocol: u32,
    /// The build, for people.
    pub version: String,
}

impl Greeting {
    /// What this build says.
    pub fn ours() -> Self {
        Greeting {
            protocol: PROTOCOL,
            version: crate::VERSION.to_owned(),
        }
    }
}

/// From the daemon, after the greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToHost {
    /// Confine yourself and load the library.
    Start(Start),
    /// Open the instance.
    Open(Open),
    /// Do this to these records.
    Call(Call),
    /// Stop the call with this id soon.
    Cancel(u64),
    /// The answer to [`FromHost::State`].
    State(StateAnswer),
    /// Close the instance and end.
    Close,
}

/// How to confine the process; nothing in here is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// A missing kernel feature is an error.
    pub strict: bool,
    /// RLIMIT_DATA, bytes.
    pub memory: u64,
    /// The plugin and the operator agree that programs are run.
    pub exec: bool,
    /// A cgroup limits how many processes they are and how much memory they have together.
    #[serde(default)]
    pub cgroup: bool,
    /// Files and directories that the plugin reads besides the system's.
    pub read: Vec<String>,
    /// Most detailed `DNS01_LOG_*` level that anybody will see; 0 for none.
    pub log_level: i32,
    /// How the plugin is put to the test; the default in service.
    #[serde(default)]
    pub trial: TrialRules,
}

/// What a host does so that a plugin can be tested, and never in service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRules {
    /// Sizes of the structs that the plugin is lent.
    pub structs: Structs,
    /// After [`ToHost::Close`] the process stays and can be opened again, so that what a plugin leaves behind
    /// can be counted.
    pub reopens: bool,
}

/// Sizes of the structs that the host allocates (ABI rule S2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structs {
    /// Those of this build.
    #[default]
    Ours,
    /// Those that a later minor might have: more bytes at the end.
    Larger,
    /// Those of ABI 1.0 and the smallest buffers that it allows, with nothing readable behind them.
    Smallest,
}

/// What the kernel enforces, told before the library is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Landlock's version; 0 when files are not confined.
    pub landlock_abi: u32,
    /// The system call filter is in force.
    pub seccomp: bool,
    /// What could not be done, in operator words.
    pub missing: Vec<String>,
}

/// Open an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Which provider of the library.
    pub provider: String,
    /// Time left, milliseconds.
    pub timeout_ms: u64,
    /// Its options; the host adds the plugin's defaults.
    pub options: Vec<OptionEntry>,
}

/// One option of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionEntry {
    /// As the plugin spells it.
    pub key: String,
    /// The value.
    pub value: Sensitive,
    /// Sets `DNS01_OPT_SECRET`.
    pub secret: bool,
}

/// A record operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Unique in this connection.
    pub id: u64,
    /// What to do.
    pub operation: Operation,
    /// 1 for the first try.
    pub attempt: u32,
    /// Time left, milliseconds.
    pub timeout_ms: u64,
    /// To which records.
    pub records: Vec<Record>,
}

/// From the host, after the greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromHost {
    /// What is enforced from now on.
    Confined(Confinement),
    /// The library is loaded, and this is what it says of itself.
    Loaded(Description),
    /// The library cannot be used.
    Refused(LoadFault),
    /// The instance is open.
    Opened(InstanceInfo),
    /// The instance could not be opened.
    OpenFailed(Outcome),
    /// The instance is closed, and the process stays: only where [`TrialRules::reopens`].
    Closed,
    /// The end of a call.
    Answer(Answer),
    /// The plugin logs.
    Log(Log),
    /// The plugin wants its durable state.
    State(StateRequest),
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The call's id.
    pub id: u64,
    /// One for each record in order; just one for a call without records.
    pub outcomes: Vec<Outcome>,
}

/// A line that the plugin logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// `DNS01_LOG_*`.
    pub level: i32,
    /// The call it belongs to.
    pub call: Option<u64>,
    /// At most 8 KiB.
    pub text: String,
}

/// The plugin asks for, or changes, its durable state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRequest {
    /// Unique among open questions.
    pub id: u64,
    /// What it wants.
    pub question: StateQuestion,
}

/// What a plugin wants of its durable state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateQuestion {
    /// The value of a key.
    Get {
        /// Which.
        key: String,
    },
    /// A new value; empty removes the key.
    Put {
        /// Which.
        key: String,
        /// At most 64 KiB.
        value: Sensitive,
    },
}

/// The answer to a [`StateRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateAnswer {
    /// The question's id.
    pub id: u64,
    /// See [`crate::status`].
    pub status: i32,
    /// The value that was asked for; empty when absent.
    pub value: Sensitive,
}
