//! Why a plugin could not do what it was asked.

use std::{fmt, time::Duration};

use dns01_plugin_wire::{LoadFault, Outcome, status};

use super::library::LibraryError;
use crate::types::{Fault, FaultClass};

/// Why a call gave no outcomes. What it did to the records is unknown unless [`CallError::untouched`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The library is not fit to be loaded.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The library was loaded and is no plugin for us.
    #[error("{}: {fault}", library.display())]
    Load {
        /// The library.
        library: std::path::PathBuf,
        /// Why.
        fault: LoadFault,
    },
    /// The library holds several providers and the configuration names none.
    #[error("{} holds several providers: set `provider` to one of {}", library.display(), known.join(", "))]
    Ambiguous {
        /// The library.
        library: std::path::PathBuf,
        /// What it holds.
        known: Vec<String>,
    },
    /// The configuration names a provider that the library does not hold.
    #[error("{} holds no provider `{wanted}`, only {}", library.display(), known.join(", "))]
    UnknownProvider {
        /// The library.
        library: std::path::PathBuf,
        /// As configured.
        wanted: String,
        /// What it holds.
        known: Vec<String>,
    },
    /// The provider runs programs and the operator has not agreed.
    #[error("provider `{provider}` runs programs: allow it with `allow-exec: true` if you want that")]
    Exec {
        /// Which.
        provider: String,
    },
    /// A listed variable would act on the plugin host before it is confined.
    #[error("environment variable `{name}` cannot be passed to a plugin: it changes how its host is loaded")]
    Environment {
        /// Which.
        name: String,
    },
    /// An option could not be read.
    #[error("{reason}")]
    Options {
        /// The sentence of the [`super::OptionSource`].
        reason: String,
    },
    /// The plugin host could not be started.
    #[error("the plugin host {} cannot be started: {reason}", executable.display())]
    Spawn {
        /// Which program.
        executable: std::path::PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The plugin host is of another release.
    #[error(
        "the plugin host speaks protocol {protocol} (version {version}), this daemon {} (version {}): \
         install both from one package and restart dns01d",
        dns01_plugin_wire::PROTOCOL,
        dns01_plugin_wire::VERSION
    )]
    Protocol {
        /// What it speaks.
        protocol: u32,
        /// Which release it is.
        version: String,
    },
    /// The plugin refused to open the instance.
    #[error("the plugin refused its options: {0}")]
    Open(Failure),
    /// The process ended, or had to be ended.
    #[error("the plugin process {0}")]
    Died(Death),
    /// The time was over before the plugin was asked.
    #[error("the plugin was busy or not ready within {}", seconds(.0))]
    NoTime(Duration),
    /// The last processes failed; no new one is started yet.
    #[error("the plugin failed before ({cause}); next try in {}", seconds(retry_in))]
    BackOff {
        /// The last failure.
        cause: String,
        /// When a process is started again.
        retry_in: Duration,
    },
    /// The instance was shut down.
    #[error("the provider is being shut down")]
    ShutDown,
}

/// How a process came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// What happened.
    pub ending: Ending,
    /// Its last lines on standard error, secrets masked.
    pub last_words: Vec<String>,
}

/// What ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited.
    Exited(i32),
    /// A signal killed it that was not ours.
    Killed(i32),
    /// It closed its connection and lived on.
    Closed,
    /// It overran its deadline and the grace.
    Overrun(Duration),
    /// It was told to stop a call that nobody waits for any more, and did not.
    Deaf,
    /// It sent what is no message, or a message out of turn.
    Malformed(String),
    /// It printed without end.
    Flooded,
    /// It stopped reading.
    Stuck,
}

/// What a record operation did to one record.
pub type RecordOutcome = Result<Done, Failure>;

/// A record operation that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Opaque text of `present` for a later `remove`; empty when there is none.
    pub handle: String,
    /// It already was so.
    pub no_change: bool,
    /// The provider says that all its servers have it: a hint when to look.
    pub in_sync: bool,
    /// `sync` says "not yet" and asks to be called again after this.
    pub ask_again: Option<Duration>,
    /// What the plugin tells the operator; `setup` says here what remains to be done by hand.
    pub message: String,
}

/// A record operation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of failure.
    pub class: FailureClass,
    /// The code of the plugin ABI; codes that this version does not know keep their hundred's class.
    pub code: i32,
    /// What failed and what to do; secrets masked.
    pub message: String,
    /// Earliest retry, where known.
    pub retry_after: Option<Duration>,
    /// HTTP status, DNS RCODE or exit status, where there was one.
    pub native_code: Option<i32>,
}

/// Kinds of failure, as the plugin ABI has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Network, 5xx, SERVFAIL, lock contention.
    Transient,
    /// Too many requests.
    RateLimited,
    /// Gave up because of the deadline or a cancellation; the outcome is unknown.
    Cancelled,
    /// Refused for a reason without a class of its own.
    Permanent,
    /// Credentials missing, wrong or not allowed.
    Auth,
    /// The account holds no zone for the name.
    ZoneNotFound,
    /// An option is missing, malformed or contradictory.
    Config,
    /// The provider cannot do that.
    Unsupported,
    /// A bug in the plugin.
    Internal,
}

/// Which kind of patience helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same again after a back-off.
    Backoff,
    /// The same again, not before this long from now.
    After(Duration),
    /// Nothing, until a person changes something.
    Never,
}

impl CallError {
    /// Which kind of patience helps.
    pub fn retry(&self) -> Retry {
        match self {
            CallError::Library(_)
            | CallError::Load { .. }
            | CallError::Ambiguous { .. }
            | CallError::UnknownProvider { .. }
            | CallError::Exec { .. }
            | CallError::Environment { .. }
            | CallError::Protocol { .. } => Retry::Never,
            CallError::Open(failure) => failure.retry(),
            CallError::BackOff { retry_in, .. } => Retry::After(*retry_in),
            // a secret may be on its way back, the system may be short of something for a moment
            CallError::Options { .. }
            | CallError::Spawn { .. }
            | CallError::Died(_)
            | CallError::NoTime(_)
            | CallError::ShutDown => Retry::Backoff,
        }
    }

    /// True when no plugin code ran for this call, so that it changed nothing.
    pub fn untouched(&self) -> bool {
        !matches!(self, CallError::Died(_))
    }

    /// The failure as the schedule sees it.
    pub fn fault(&self) -> Fault {
        fault(self.retry(), self.to_string())
    }
}

impl Failure {
    /// Which kind of patience helps.
    pub fn retry(&self) -> Retry {
        match (self.class, self.retry_after) {
            (FailureClass::Transient | FailureClass::RateLimited, Some(after)) => Retry::After(after),
            (FailureClass::Transient | FailureClass::RateLimited | FailureClass::Cancelled, _) => {
                Retry::Backoff
            }
            (
                FailureClass::Permanent
                | FailureClass::Auth
                | FailureClass::ZoneNotFound
                | FailureClass::Config
                | FailureClass::Unsupported
                | FailureClass::Internal,
                _,
            ) => Retry::Never,
        }
    }

    /// The failure as the schedule sees it.
    pub fn fault(&self) -> Fault {
        fault(self.retry(), self.to_string())
    }

    /// Of a record that a failed call did not get to answer for.
    pub(super) fn unanswered(error: &CallError) -> Failure {
        Failure {
            class: FailureClass::Cancelled,
            code: status::CANCELLED,
            message: error.to_string(),
            retry_after: None,
            native_code: None,
        }
    }

    pub(super) fn from_outcome(outcome: Outcome) -> Failure {
        Failure {
            class: class(outcome.status),
            code: outcome.status,
            message: outcome.message,
            retry_after: duration(outcome.retry_after_ms),
            native_code: (outcome.native_code != 0).then_some(outcome.native_code),
        }
    }
}

fn fault(retry: Retry, text: String) -> Fault {
    let (class, not_before) = match retry {
        Retry::Backoff => (FaultClass::Transient, None),
        Retry::After(after) => (FaultClass::Limited, Some(after)),
        Retry::Never => (FaultClass::Operator, None),
    };
    Fault {
        class,
        not_before,
        text,
    }
}

/// Reads an outcome of the wire.
pub(super) fn record_outcome(outcome: Outcome) -> RecordOutcome {
    if !(0..100).contains(&outcome.status) {
        return Err(Failure::from_outcome(outcome));
    }
    Ok(Done {
        handle: outcome.handle,
        no_change: outcome.no_change,
        in_sync: outcome.in_sync,
        ask_again: (outcome.status == status::PENDING)
            .then(|| duration(outcome.retry_after_ms).unwrap_or(Duration::from_secs(1))),
        message: outcome.message,
    })
}

fn class(code: i32) -> FailureClass {
    match code {
        status::RATE_LIMITED => FailureClass::RateLimited,
        status::CANCELLED => FailureClass::Cancelled,
        100..200 => FailureClass::Transient,
        status::AUTH => FailureClass::Auth,
        status::ZONE_NOT_FOUND => FailureClass::ZoneNotFound,
        status::CONFIG => FailureClass::Config,
        status::UNSUPPORTED => FailureClass::Unsupported,
        200..300 => FailureClass::Permanent,
        _ => FailureClass::Internal,
    }
}

fn duration(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

impl FailureClass {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Transient => "temporary failure",
            FailureClass::RateLimited => "rate limited",
            FailureClass::Cancelled => "cancelled",
            FailureClass::Permanent => "refused",
            FailureClass::Auth => "credentials refused",
            FailureClass::ZoneNotFound => "no such zone",
            FailureClass::Config => "wrong configuration",
            FailureClass::Unsupported => "not supported",
            FailureClass::Internal => "bug in the plugin",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.as_str())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ending.fmt(f)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(code) => write!(f, "exited with code {code}"),
            Ending::Killed(signal) => write!(f, "was killed by {}", signal_name(*signal)),
            Ending::Closed => f.write_str("closed its connection and was killed"),
            Ending::Overrun(limit) => write!(f, "did not answer within {} and was killed", seconds(limit)),
            Ending::Deaf => f.write_str("did not stop when it was told to and was killed"),
            Ending::Malformed(what) => write!(f, "sent a malformed message and was killed: {what}"),
            Ending::Flooded => f.write_str("flooded its output and was killed"),
            Ending::Stuck => f.write_str("stopped reading its messages and was killed"),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

fn seconds(duration: &Duration) -> String {
    match duration.as_millis() {
        0..1000 => format!("{} ms", duration.as_millis()),
        1000..10_000 if duration.subsec_millis() != 0 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} s", duration.as_secs()),
    }
}
