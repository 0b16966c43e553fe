use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A hook that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct HookFailure {
    /// How it ended.
    pub cause: HookCause,
    /// The last line that it printed, shortened: mostly the reason in its own words.
    pub last_line: Option<String>,
}

/// How a hook ended without success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookCause {
    /// The system would not run the program.
    CannotStart {
        /// The program as configured.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It ended with this status, not 0.
    Exit(i32),
    /// A signal from elsewhere ended it.
    Signal(i32),
    /// It was killed with its process group after this time.
    TimedOut(Duration),
    /// The daemon was told to stop; counts as no failure.
    Interrupted,
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            HookCause::CannotStart { program, reason } => {
                write!(f, "hook `{program}` cannot be started: {reason}")
            }
            HookCause::Exit(status) => write!(f, "hook exited with status {status}"),
            HookCause::Signal(signal) => write!(f, "hook was ended by signal {signal}"),
            HookCause::TimedOut(after) => {
                write!(
                    f,
                    "hook did not end within {} s and was killed",
                    after.as_secs_f64()
                )
            }
            HookCause::Interrupted => f.write_str("hook was stopped because the daemon stopped"),
        }?;
        match &self.last_line {
            Some(line) => write!(f, "; its last line was: {line}"),
            None => Ok(()),
        }
    }
}
