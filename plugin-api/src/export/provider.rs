//! What a provider implements.

use std::time::Duration;

use super::{Batch, Call, Error, Host, OptionSpec, Options};
use crate::abi;

/// A DNS provider: one value is one open, configured instance.
///
/// Exported by [`export_provider!`](crate::export_provider). A panic in any method
/// reaches the host as an internal error and unwinds no further.
///
/// Methods may block. Every network operation must end within
/// [`Call::remaining`], and soon after [`Call::is_cancelled`].
pub trait Provider: Send + Sized + Sync + 'static {
    /// What is known before an instance is open. Cached by the host.
    const DESCRIPTION: Description;

    /// Makes an instance. Must not change DNS data and should not use the network.
    ///
    /// # Errors
    /// Usually [`Class::Config`](super::Class::Config).
    fn open(host: Host, call: &Call<'_>, options: &Options) -> Result<Self, Error>;

    /// Properties of this instance: cheap, constant, without network.
    fn info(&self) -> Info {
        Info::default()
    }

    /// Adds the TXT values and keeps every other value at their names. Idempotent.
    /// Does not wait for propagation.
    ///
    /// # Errors
    /// Settles with the error each record that [`Batch::settle`] has not settled.
    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error>;

    /// Removes exactly these pairs of name and value, and nothing else. Idempotent.
    /// Comes also for records whose `present` failed or never ran.
    ///
    /// # Errors
    /// As [`Provider::present`].
    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error>;

    /// Asks the provider, not DNS, whether accepted changes are live on all its
    /// servers. Does not wait.
    ///
    /// # Errors
    /// As [`Provider::present`]; by default unsupported.
    fn sync(&self, _call: &Call<'_>, _batch: &mut Batch<'_>) -> Result<(), Error> {
        Err(Error::unsupported(
            "this provider cannot tell when its servers are in sync",
        ))
    }

    /// Dry run: are the credentials good, is there a writable zone for each name?
    /// Changes nothing. The batch may be empty: then only the credentials.
    ///
    /// # Errors
    /// As [`Provider::present`]; by default unsupported.
    fn check(&self, _call: &Call<'_>, _batch: &mut Batch<'_>) -> Result<(), Error> {
        Err(Error::unsupported("this provider has no dry run"))
    }

    /// Run by the operator: creates what the provider needs for these names and
    /// says in each message what remains to be done by hand.
    ///
    /// # Errors
    /// As [`Provider::present`]; by default unsupported.
    fn setup(&self, _call: &Call<'_>, _batch: &mut Batch<'_>) -> Result<(), Error> {
        Err(Error::unsupported("this provider needs no set-up"))
    }
}

/// What the library says of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// `[a-z0-9_.:-]+`, the name in the configuration.
    pub id: &'static str,
    /// For humans.
    pub title: &'static str,
    /// Where its documentation is.
    pub url: Option<&'static str>,
    /// Every option that it takes.
    pub options: &'static [OptionSpec],
    /// Accepts also keys that `options` does not list.
    pub open_config: bool,
    /// Runs programs.
    pub execs: bool,
}

impl Description {
    /// A provider that takes these options and no others, and runs no programs.
    #[must_use]
    pub const fn new(id: &'static str, title: &'static str, options: &'static [OptionSpec]) -> Self {
        Self {
            id,
            title,
            url: None,
            options,
            open_config: false,
            execs: false,
        }
    }
}

/// Properties of an open instance. The default promises nothing and asks nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Info {
    /// Calls may overlap, from any thread.
    pub concurrent: bool,
    /// All records of one zone are changed, or none.
    pub atomic_batch: bool,
    /// `remove` works in a fresh process, even without a handle.
    pub stateless_remove: bool,
    /// Needs [`Record::key_authorization`](super::Record::key_authorization).
    pub needs_key_authorization: bool,
    /// Writes where the CNAME chain of the challenge name ends, whatever `fqdn` says.
    pub follows_cname: bool,
    /// Ends within its time and soon after a cancellation.
    pub cancels: bool,
    /// Kinds that it takes; empty: [`Kind::Dns01`] and [`Kind::Canary`].
    pub kinds: &'static [Kind],
    /// Most records per call; 0: any number.
    pub max_batch: u32,
    /// TXT values that fit at one name at once; 0: any number.
    pub max_values_per_name: u32,
    /// Least TTL in seconds; 0: any.
    pub min_ttl: u32,
    /// Least time between two calls.
    pub min_call_interval: Duration,
    /// Do not look for a record before.
    pub propagation_initial: Duration,
    /// Time between two looks; zero: the host's default.
    pub propagation_interval: Duration,
    /// Typical worst case; zero: the host's default.
    pub propagation_timeout: Duration,
}

impl Info {
    /// In the shape of the ABI.
    #[must_use]
    pub(crate) fn to_abi(self) -> abi::InstanceInfo {
        let caps = [
            (self.concurrent, abi::cap::CONCURRENT),
            (self.atomic_batch, abi::cap::ATOMIC_BATCH),
            (self.stateless_remove, abi::cap::STATELESS_REMOVE),
            (self.needs_key_authorization, abi::cap::NEEDS_KEY_AUTH),
            (self.follows_cname, abi::cap::FOLLOWS_CNAME),
            (self.cancels, abi::cap::CANCELS),
        ];
        abi::InstanceInfo {
            struct_size: 0,
            max_batch: self.max_batch,
            caps: caps
                .iter()
                .filter(|(has, _)| *has)
                .fold(0, |bits, (_, bit)| bits | bit),
            max_values_per_name: self.max_values_per_name,
            min_ttl: self.min_ttl,
            min_call_interval_ms: milliseconds(self.min_call_interval),
            propagation_initial_ms: milliseconds(self.propagation_initial),
            propagation_interval_ms: milliseconds(self.propagation_interval),
            propagation_timeout_ms: milliseconds(self.propagation_timeout),
            kinds: self
                .kinds
                .iter()
                .fold(0, |bits, kind| bits | 1u32.checked_shl(kind.code()).unwrap_or(0)),
            reserved0: 0,
        }
    }
}

/// What a record is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// `_acme-challenge`, removed after validation.
    Dns01,
    /// dns-account-01, removed after validation.
    Account,
    /// dns-persist-01, stands for months.
    Persist,
    /// A test of the path.
    Canary,
    /// One of a later minor.
    Other(u32),
}

impl Kind {
    /// From its number in the ABI.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            abi::kind::DNS01 => Self::Dns01,
            abi::kind::ACCOUNT => Self::Account,
            abi::kind::PERSIST => Self::Persist,
            abi::kind::CANARY => Self::Canary,
            other => Self::Other(other),
        }
    }

    /// Its number in the ABI.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Dns01 => abi::kind::DNS01,
            Self::Account => abi::kind::ACCOUNT,
            Self::Persist => abi::kind::PERSIST,
            Self::Canary => abi::kind::CANARY,
            Self::Other(code) => code,
        }
    }
}

/// Whole milliseconds, as the ABI counts.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
