use serde::{Deserialize, Serialize};

/// Status codes of the plugin ABI. The hundreds are the retry class.
pub mod status {
    /// Done.
    pub const OK: i32 = 0;
    /// Accepted, not yet on all of the provider's servers.
    pub const PENDING: i32 = 1;
    /// Network, 5xx, SERVFAIL, lock contention.
    pub const TRANSIENT: i32 = 100;
    /// Too many requests.
    pub const RATE_LIMITED: i32 = 101;
    /// Gave up because of the deadline or a cancellation.
    pub const CANCELLED: i32 = 102;
    /// Refused for a reason without a code of its own.
    pub const PERMANENT: i32 = 200;
    /// Credentials missing, wrong or not allowed.
    pub const AUTH: i32 = 201;
    /// The account holds no zone for the name.
    pub const ZONE_NOT_FOUND: i32 = 202;
    /// An option is missing, malformed or contradictory.
    pub const CONFIG: i32 = 203;
    /// The provider cannot do that.
    pub const UNSUPPORTED: i32 = 204;
    /// A bug in the plugin.
    pub const INTERNAL: i32 = 300;
}

/// One TXT record to publish, remove or ask about: `dns01_record` with owned text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Wanted TTL, seconds.
    pub ttl: u32,
    /// Owner name to write: lower-case A-labels, absolute, no final dot, CNAMEs already followed.
    pub fqdn: String,
    /// TXT text, printable ASCII, no quotes added.
    pub value: String,
    /// Zone apex found by SOA walk; empty if unknown.
    pub zone: String,
    /// The name being validated, without `*.`.
    pub identifier: String,
    /// `_acme-challenge.<identifier>`, before CNAMEs.
    pub challenge_name: String,
    /// ACME challenge token; empty if not applicable.
    pub token: String,
    /// `token.thumbprint` (public data); empty if not applicable.
    pub key_authorization: String,
    /// What `present` returned for this record; empty if that was lost.
    pub handle: String,
    /// What the record is for.
    pub kind: RecordKind,
}

/// What a record is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// `_acme-challenge`, removed after validation.
    #[default]
    Dns01,
    /// dns-account-01, removed after validation.
    Account,
    /// dns-persist-01, stands for months.
    Persist,
    /// A test of the path.
    Canary,
}

/// A record operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Add the values.
    Present,
    /// Remove exactly these values.
    Remove,
    /// Are they on all of the provider's servers?
    Sync,
    /// Are the credentials good, and the zones writable?
    Check,
    /// Create what the provider needs for these names; run by the operator.
    Setup,
}

impl Operation {
    /// As logs and errors call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Present => "present",
            Operation::Remove => "remove",
            Operation::Sync => "sync",
            Operation::Check => "check",
            Operation::Setup => "setup",
        }
    }
}

/// What happened to one record, or to `open`: `dns01_result` with owned text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// See [`status`]; never `DNS01_UNSET`, which the host resolves.
    pub status: i32,
    /// Earliest retry in milliseconds; 0 unknown.
    pub retry_after_ms: u64,
    /// HTTP status, DNS RCODE or exit status; 0 none.
    pub native_code: i32,
    /// It already was so.
    pub no_change: bool,
    /// The provider says that all its servers have it.
    pub in_sync: bool,
    /// For the operator.
    pub message: String,
    /// Opaque text of `present` for a later `remove`.
    pub handle: String,
}
