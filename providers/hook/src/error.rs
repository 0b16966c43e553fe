//! Why a program did not do what it was run for.

use std::io;
use std::time::Duration;

use dns01_plugin_api::Class;
use rustix::io::Errno;

/// sysexits.h: what scripts exit with when they say why.
mod sysexits {
    pub(super) const USAGE: i32 = 64;
    pub(super) const UNAVAILABLE: i32 = 69;
    pub(super) const TEMPFAIL: i32 = 75;
    pub(super) const NOPERM: i32 = 77;
    pub(super) const CONFIG: i32 = 78;
}
/// A shell could not execute the command (POSIX, 2.8.2).
const NOT_EXECUTABLE: i32 = 126;
/// A shell did not find the command.
const NOT_FOUND: i32 = 127;

/// A program that did not do it, or a record that its convention has no words for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("{name} cannot be started: {}", start_advice(.source))]
    Start {
        /// The run.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It could not be watched; the system is short of something.
    #[error("{name} cannot be watched: {source}")]
    Watch {
        /// The run.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It exited with a status of failure.
    #[error("{name} exited with status {status}{}{}", exit_advice(*.status), said(.last_words))]
    Exit {
        /// The run.
        name: String,
        /// Its exit status.
        status: i32,
        /// The end of its output.
        last_words: String,
    },
    /// A signal ended it.
    #[error("{name} was ended by signal {signal}{}", said(.last_words))]
    Signal {
        /// The run.
        name: String,
        /// Which.
        signal: i32,
        /// The end of its output.
        last_words: String,
    },
    /// It did not end in the time of the call, or the call was cancelled.
    #[error(
        "{name} had not ended after {} s and was stopped: raise the provider's `call-timeout` if it needs \
         longer{}",
        .after.as_secs(), said(.last_words)
    )]
    Stopped {
        /// The run.
        name: String,
        /// How long it ran.
        after: Duration,
        /// The end of its output.
        last_words: String,
    },
    /// There was no time left to start it.
    #[error("given up before a program was started: cancelled or out of time")]
    NotStarted,
    /// The convention cannot say the name to write.
    #[error(
        "{challenge_name} leads to {fqdn} by CNAME, of which convention lego-exec-raw cannot tell a program: \
         use lego-exec"
    )]
    Elsewhere {
        /// The name to write.
        fqdn: String,
        /// Where the CA looks first.
        challenge_name: String,
    },
    /// The convention needs what this kind of record does not have.
    #[error("the record at {fqdn} has no token, which convention lego-exec-raw needs: use lego-exec")]
    NoToken {
        /// The name to write.
        fqdn: String,
    },
    /// The convention can only say names of the usual form.
    #[error(
        "convention certbot-hook can only tell of names that begin with _acme-challenge, and this one is \
         {fqdn}: use lego-exec"
    )]
    NoChallengeLabel {
        /// The name to write.
        fqdn: String,
    },
    /// A program of the configuration is not there.
    #[error("{program} cannot be run: {}", start_advice(.source))]
    Missing {
        /// Its path.
        program: String,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Start { source, .. } | Self::Missing { source, .. } => match Errno::from_io_error(source) {
                Some(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::NOEXEC | Errno::NOTDIR) => {
                    Class::Config
                }
                // too many processes, too little memory
                _ => Class::Transient,
            },
            Self::Watch { .. } => Class::Transient,
            Self::Exit { status, .. } => match *status {
                sysexits::NOPERM => Class::Auth,
                sysexits::CONFIG | sysexits::USAGE | NOT_EXECUTABLE | NOT_FOUND => Class::Config,
                // 69 and 75 say so; all others are scripts that just fail, mostly because a request did, and
                // trying again with growing pauses is right more often than waiting for a person
                _ => Class::Transient,
            },
            // out of memory, or a person with `kill`
            Self::Signal { .. } => Class::Transient,
            Self::Stopped { .. } | Self::NotStarted => Class::Cancelled,
            Self::Elsewhere { .. } | Self::NoChallengeLabel { .. } => Class::Config,
            Self::NoToken { .. } => Class::Unsupported,
        }
    }

    /// No other program of this call could do better.
    pub(crate) fn ends_call(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::NotStarted)
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let native = match &error {
            Error::Exit { status, .. } => *status,
            // as a shell would say it
            Error::Signal { signal, .. } => 128 + signal,
            _ => 0,
        };
        Self::new(error.class(), error.to_string()).with_native_code(native)
    }
}

fn start_advice(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "there is no such file, or its interpreter is missing".to_owned(),
        Some(Errno::ACCESS | Errno::PERM) => {
            "its mode, or the sandbox, does not let the daemon's user execute it; an interpreter outside /usr \
             must be listed in `files`"
                .to_owned()
        }
        Some(Errno::NOEXEC) => {
            "it is neither a binary for this machine nor a script that begins with #!".to_owned()
        }
        Some(Errno::AGAIN) => "no more processes may be started (EAGAIN)".to_owned(),
        _ => error.to_string(),
    }
}

fn exit_advice(status: i32) -> &'static str {
    match status {
        NOT_EXECUTABLE => " (what its shell should run may not be executed)",
        NOT_FOUND => " (its shell did not find a command)",
        sysexits::TEMPFAIL => " (EX_TEMPFAIL)",
        sysexits::NOPERM => " (EX_NOPERM)",
        sysexits::CONFIG => " (EX_CONFIG)",
        sysexits::USAGE => " (EX_USAGE)",
        sysexits::UNAVAILABLE => " (EX_UNAVAILABLE)",
        _ => "",
    }
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() {
        ", and printed nothing".to_owned()
    } else {
        format!(": {last_words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_says_who_must_act() {
        for (status, class) in [
            (1, Class::Transient),
            (2, Class::Transient),
            (64, Class::Config),
            (69, Class::Transient),
            (75, Class::Transient),
            (77, Class::Auth),
            (78, Class::Config),
            (126, Class::Config),
            (127, Class::Config),
            (255, Class::Transient),
        ] {
            let error = Error::Exit {
                name: "/x present".to_owned(),
                status,
                last_words: "no".to_owned(),
            };
            let error = dns01_plugin_api::Error::from(error);
            assert_eq!((error.class(), error.native_code()), (class, status));
        }
    }
}
