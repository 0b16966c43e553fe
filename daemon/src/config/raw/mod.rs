//! The shapes of the files, as written. Nothing is required and nothing is
//! looked up here: [`super::build`] says what is missing, so that all faults
//! come at once.

use std::collections::BTreeMap;

use serde::Deserialize;

mod choices;
mod scalars;

pub(super) use choices::{Canary, Chain, Limits, OneOrMore, Profile, Visibility};
pub(super) use scalars::{ByteSize, Duration, FileMode, Flag, Port, Rate, Text, Word, duration};

use super::yaml::Tree;

/// The main file.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "the keys of a configuration"
)]
pub(super) struct Root {
    pub state_directory: Option<Text>,
    pub include: Vec<Text>,
    pub allow_inline_secrets: Option<Flag>,
    pub log: Log,
    pub control: Control,
    pub plugins: Plugins,
    pub dns: Dns,
    pub cas: BTreeMap<String, Ca>,
    pub providers: BTreeMap<String, Provider>,
    pub defaults: Defaults,
    pub certificates: BTreeMap<String, Certificate>,
    pub engine: Engine,
    pub canary: Option<Canary>,
    pub shutdown: Shutdown,
}

impl Root {
    /// Keys below which no secret stands.
    pub const PLAIN: [&str; 13] = [
        "defaults",
        "state-directory",
        "include",
        "allow-inline-secrets",
        "log",
        "control",
        "plugins",
        "dns",
        "cas",
        "certificates",
        "engine",
        "canary",
        "shutdown",
    ];
}

/// A file named by `include`.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "the keys of an included file"
)]
pub(super) struct Included {
    pub dns: IncludedDns,
    pub cas: BTreeMap<String, Ca>,
    pub providers: BTreeMap<String, Provider>,
    pub certificates: BTreeMap<String, Certificate>,
}

impl Included {
    /// Keys that only the main file may hold.
    pub const MAIN_ONLY: [&str; 10] = [
        "state-directory",
        "include",
        "allow-inline-secrets",
        "log",
        "control",
        "plugins",
        "defaults",
        "engine",
        "canary",
        "shutdown",
    ];
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `zones`"
)]
pub(super) struct IncludedDns {
    pub zones: BTreeMap<String, Zone>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `level` and `format`"
)]
pub(super) struct Log {
    pub level: Option<LogLevel>,
    pub format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "one of error, warn, info, debug, trace"
)]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "one of auto, human, json")]
pub(super) enum LogFormat {
    Auto,
    Human,
    Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `socket` and `group`"
)]
pub(super) struct Control {
    pub socket: Option<Text>,
    pub group: Option<Word>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping"
)]
pub(super) struct Plugins {
    pub directories: Option<Vec<Text>>,
    pub host: Option<Text>,
    pub sandbox: Option<Sandbox>,
    pub idle: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "one of required, best-effort")]
pub(super) enum Sandbox {
    Required,
    BestEffort,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping"
)]
pub(super) struct Dns {
    pub resolvers: Vec<Text>,
    pub vantage: Vec<Text>,
    pub ca_file: Option<Text>,
    pub query_timeout: Option<Duration>,
    pub propagation_timeout: Option<Duration>,
    pub name_server_port: Option<Port>,
    pub zones: BTreeMap<String, Zone>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `authorities` and more"
)]
pub(super) struct Zone {
    pub authorities: Vec<Text>,
    pub resolvers: Vec<Text>,
    pub vantage: Option<Vec<Text>>,
    pub visibility: Option<Visibility>,
    pub aliases: Option<Aliases>,
    pub agreement: Option<Agreement>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "one of follow, refuse, plain")]
pub(super) enum Aliases {
    Follow,
    Refuse,
    Plain,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "one of all, quorum")]
pub(super) enum Agreement {
    All,
    Quorum,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `directory` and more"
)]
pub(super) struct Ca {
    pub preset: Option<Text>,
    pub directory: Option<Text>,
    pub agree_terms: Option<Flag>,
    pub contacts: Vec<Text>,
    pub ca_file: Option<Text>,
    pub request_timeout: Option<Duration>,
    /// Requests per second.
    pub request_rate: Option<u64>,
    pub account_key: Option<Text>,
    pub account_key_rollover: Option<Duration>,
    /// Any keys: one of them may be the secret itself.
    pub external_account: Option<BTreeMap<String, Tree>>,
    pub profile: Option<Text>,
    pub limits: Option<Limits>,
    pub preflight: Option<Preflight>,
    pub staging: Option<Text>,
}

/// What a finding that a CA would refuse comes to.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "one of stop, warn")]
pub(super) enum Preflight {
    Stop,
    Warn,
}

impl Ca {
    /// True for a key below which a secret stands, or may stand by mistake.
    pub fn guards(key: &str) -> bool {
        let key = key.to_lowercase();
        ["external", "eab", "mac", "kid", "secret", "token", "password"]
            .iter()
            .any(|word| key.contains(word))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `library` and more"
)]
pub(super) struct Provider {
    pub library: Option<Text>,
    pub provider: Option<Text>,
    pub zones: Option<Vec<Text>>,
    /// The plugin's own, in the plugin's spelling.
    pub options: BTreeMap<String, Tree>,
    pub environment: BTreeMap<String, Tree>,
    pub sha256: Option<Text>,
    pub memory: Option<ByteSize>,
    pub call_timeout: Option<Duration>,
    pub call_interval: Option<Duration>,
    pub concurrent_calls: Option<u64>,
    pub batch_window: Option<Duration>,
    pub allow_exec: Option<Flag>,
    pub rotates: Option<Flag>,
}

impl Provider {
    /// Keys whose values are no secrets.
    pub const PLAIN: [&str; 11] = [
        "library",
        "provider",
        "zones",
        "sha256",
        "memory",
        "call-timeout",
        "call-interval",
        "concurrent-calls",
        "batch-window",
        "allow-exec",
        "rotates",
    ];
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping"
)]
pub(super) struct Defaults {
    pub ca: Option<OneOrMore>,
    pub challenges: Option<Vec<Text>>,
    pub standing_lifetime: Option<Duration>,
    pub chain: Option<Chain>,
    pub key: Option<Text>,
    pub output: SharedOutput,
    pub hook: Option<Hook>,
}

/// `output` under `defaults`: a directory cannot be shared.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping"
)]
pub(super) struct SharedOutput {
    pub owner: Option<Word>,
    pub group: Option<Word>,
    pub key_mode: Option<FileMode>,
    pub mode: Option<FileMode>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `names` and more"
)]
pub(super) struct Certificate {
    pub names: Option<Vec<Text>>,
    pub ca: Option<OneOrMore>,
    pub profile: Option<Profile>,
    pub challenges: Option<Vec<Text>>,
    pub standing_lifetime: Option<Duration>,
    pub chain: Option<Chain>,
    pub lifetime: Option<Duration>,
    pub csr: Option<Text>,
    pub key: Option<Text>,
    pub output: Output,
    pub hook: Option<Hook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping"
)]
pub(super) struct Output {
    pub directory: Option<Text>,
    pub owner: Option<Word>,
    pub group: Option<Word>,
    pub key_mode: Option<FileMode>,
    pub mode: Option<FileMode>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `command`"
)]
pub(super) struct Hook {
    pub command: Option<Vec<Text>>,
    pub timeout: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `concurrency`"
)]
pub(super) struct Engine {
    pub concurrency: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `drain`"
)]
pub(super) struct Shutdown {
    pub drain: Option<Duration>,
}

/// A secret option's value.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "one of `file`, `credential` and `command`"
)]
pub(super) struct SecretValue {
    pub file: Option<Text>,
    pub credential: Option<Text>,
    pub command: Option<Vec<Text>>,
    pub timeout: Option<Duration>,
}

impl SecretValue {
    /// Its keys.
    pub const KEYS: [&str; 4] = ["file", "credential", "command", "timeout"];
}
