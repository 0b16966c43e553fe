//! How plugin processes end.

use std::{fmt, time::Duration};

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

/// A duration for people.
pub(super) fn seconds(duration: &Duration) -> String {
    match duration.as_millis() {
        0..1000 => format!("{} ms", duration.as_millis()),
        1000..10_000 if duration.subsec_millis() != 0 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} s", duration.as_secs()),
    }
}
