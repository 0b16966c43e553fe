//! Why a plugin could not do what it was asked.

use std::time::Duration;

use dns01_plugin_wire::LoadFault;

use super::{
    ending::{Death, seconds},
    library::LibraryError,
    outcome::Failure,
};
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

/// A failure as the schedule sees it.
pub(super) fn fault(retry: Retry, text: String) -> Fault {
    let (class, not_before) = match retry {
        Retry::Backoff => (FaultClass::Transient, None),
        Retry::After(after) => (FaultClass::Limited, Some(after)),
        Retry::Never => (FaultClass::Operator, None),
    };
    Fault {
        not_before,
        ..Fault::new(class, text)
    }
}
