//! The numbers of the header. None is ever renumbered within major 1 (S1).

use std::ffi::CStr;

/// Major version; part of [`ENTRY_SYMBOL`].
pub const ABI_MAJOR: u32 = 1;
/// Minor version that these types describe.
pub const ABI_MINOR: u32 = 0;
/// The one symbol that a plugin exports, of type [`EntryFn`](super::EntryFn).
pub const ENTRY_SYMBOL: &CStr = c"dns01_plugin_v1";

/// Outcome of a call or of one record: see [`status`].
///
/// An integer and not an enum: a value that this version does not know is legal
/// input (S4), and its hundred still says whether to retry.
pub type Status = i32;

/// Status codes. The hundreds are the retry class.
pub mod status {
    use super::Status;

    /// Done.
    pub const OK: Status = 0;
    /// `sync`: accepted, not yet on all servers.
    pub const PENDING: Status = 1;
    /// Network, 5xx, SERVFAIL, lock contention.
    pub const TRANSIENT: Status = 100;
    /// Too many requests; `retry_after_ms` says when, if known.
    pub const RATE_LIMITED: Status = 101;
    /// Given up because of the deadline or a cancellation: the outcome is unknown.
    pub const CANCELLED: Status = 102;
    /// Refused for a reason not listed below.
    pub const PERMANENT: Status = 200;
    /// Credentials missing, wrong or not allowed.
    pub const AUTH: Status = 201;
    /// The account holds no zone for this name.
    pub const ZONE_NOT_FOUND: Status = 202;
    /// An option is missing, malformed or contradicts another.
    pub const CONFIG: Status = 203;
    /// This provider cannot do that.
    pub const UNSUPPORTED: Status = 204;
    /// A caught panic, a broken invariant.
    pub const INTERNAL: Status = 300;
    /// What the host puts into a result before the call.
    pub const UNSET: Status = -1;
}

/// Levels of [`Host::log`](super::Host::log).
pub mod log_level {
    /// A person must act.
    pub const ERROR: i32 = 1;
    /// It will be tried again.
    pub const WARN: i32 = 2;
    /// Of interest to an operator.
    pub const INFO: i32 = 3;
    /// Of interest to an author.
    pub const DEBUG: i32 = 4;
    /// Every step.
    pub const TRACE: i32 = 5;
}

/// What a record is for: [`Record::kind`](super::Record::kind).
pub mod kind {
    /// `_acme-challenge`, removed after validation.
    pub const DNS01: u32 = 0;
    /// dns-account-01, removed after validation.
    pub const ACCOUNT: u32 = 1;
    /// dns-persist-01, stands for months.
    pub const PERSIST: u32 = 2;
    /// A test of the path; looks like [`DNS01`].
    pub const CANARY: u32 = 3;
}

/// Bits of [`ResultSlot::flags`](super::ResultSlot::flags).
pub mod result_flag {
    /// It already was so.
    pub const NO_CHANGE: u32 = 0x1;
    /// The provider says that all its servers have it: a hint when to look.
    pub const IN_SYNC: u32 = 0x2;
}

/// Bits of [`OptionDesc::flags`](super::OptionDesc::flags).
pub mod option_flag {
    /// Absent or empty is the operator's fault.
    pub const REQUIRED: u32 = 0x01;
    /// Masked in logs; accepted only from secret sources.
    pub const SECRET: u32 = 0x02;
    /// Absolute path of a file that the plugin reads.
    pub const FILE: u32 = 0x04;
    /// Decimal, fits `i64`.
    pub const INTEGER: u32 = 0x10;
    /// `true` or `false`.
    pub const BOOLEAN: u32 = 0x20;
    /// Whole milliseconds, decimal, fits `i64`.
    pub const DURATION: u32 = 0x40;
    /// One option value per element, in order.
    pub const LIST: u32 = 0x80;
}

/// Bits of [`Provider::flags`](super::Provider::flags).
pub mod provider_flag {
    /// Accepts keys that its table does not list.
    pub const OPEN_CONFIG: u32 = 0x1;
    /// Runs programs.
    pub const EXECS: u32 = 0x2;
}

/// Bits of [`InstanceInfo::caps`](super::InstanceInfo::caps).
pub mod cap {
    /// Calls on one instance may overlap.
    pub const CONCURRENT: u64 = 0x01;
    /// All records of one zone or none.
    pub const ATOMIC_BATCH: u64 = 0x02;
    /// `remove` works in a fresh process, even with an empty handle.
    pub const STATELESS_REMOVE: u64 = 0x04;
    /// `Record::key_authorization` is required.
    pub const NEEDS_KEY_AUTH: u64 = 0x08;
    /// Writes where the CNAME chain of `challenge_name` ends; cannot be told `fqdn`.
    pub const FOLLOWS_CNAME: u64 = 0x10;
    /// Honours C1 and C2: ends within its time, and soon after a cancellation.
    pub const CANCELS: u64 = 0x20;
}
