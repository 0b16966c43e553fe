//! Descriptors, session, privileges, limits.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    fs::{Mode, OFlags},
    io::fcntl_dupfd_cloexec,
    process::{DumpableBehavior, Resource, Rlimit, Signal},
    thread::{CapabilitySet, CapabilitySets},
};

/// A runtime with a TLS stack and a dozen connections stays far below.
const OPEN_FILES: u64 = 1024;
/// Stops a thread bomb of an unprivileged user. The kernel counts everything of this user, so it is
/// no limit on what the plugin alone may have.
const TASKS: u64 = 4096;

/// A step of [`isolate`] that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {error}")]
pub struct Refused {
    step: &'static str,
    error: io::Error,
}

/// Makes this process its own: takes the socket from standard input, closes what was inherited, leaves the
/// daemon's session, and drops every privilege.
///
/// # Errors
/// When standard input is not open, or something outside (a service's system call filter) forbids a step.
pub fn isolate() -> Result<UnixStream, Refused> {
    let socket = step("take over descriptors", take_socket())?;
    // its own process group, so that one kill reaches all that the plugin starts
    step("leave the session", own_session())?;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    step("reset signals", reset_signals())?;
    step("drop capabilities (capset)", drop_capabilities())?;
    step("renounce new privileges", rustix::thread::set_no_new_privs(true))?;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    step(
        "forbid core dumps",
        rustix::process::setrlimit(Resource::Core, none),
    )?;
    // after the capabilities: a change of credentials resets it
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    step("hide from other processes", hidden)?;
    // should the daemon have died before this, the socket's end says so
    let tied = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    step("die with the daemon", tied)?;
    Ok(UnixStream::from(socket))
}

fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, Refused> {
    result.map_err(|error| Refused {
        step,
        error: error.into(),
    })
}

fn take_socket() -> io::Result<OwnedFd> {
    close_from(3)?;
    let socket = fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(socket)
}

fn own_session() -> io::Result<()> {
    match rustix::process::setsid() {
        // already its leader
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sets the resource limits; returns what could not be limited.
pub fn limit(memory: u64) -> Vec<String> {
    let wanted = [
        (Resource::Data, memory, "memory"),
        (Resource::Nofile, OPEN_FILES, "open files"),
        (Resource::Nproc, TASKS, "threads"),
    ];
    let refused = wanted.into_iter().filter_map(|(resource, most, what)| {
        let now = rustix::process::getrlimit(resource);
        let most = now.maximum.map_or(most, |hard| hard.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        let error = rustix::process::setrlimit(resource, limit).err()?;
        Some(format!("{what} cannot be limited: {error}"))
    });
    refused.collect()
}

/// Ends the process at once: no handlers, no destructors of a library that was never trusted.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: nothing in this process owns a descriptor above the standard ones yet.
    match unsafe { libc::close_range(first, u32::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// ABI rule T5: SIGPIPE ignored, SIGCHLD default, none blocked. Rust's own handlers go too: theirs returns
/// from a SIGSEGV that was raised and not caused, and the process would go on.
fn reset_signals() -> io::Result<()> {
    // SAFETY: no handler is installed, only the two constant dispositions; the set is initialised by
    // sigemptyset before it is used.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        for signal in [libc::SIGCHLD, libc::SIGSEGV, libc::SIGBUS] {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        if libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A daemon started by root must not hand its capabilities on; with no-new-privileges set, no program that
/// is run can gain them again.
fn drop_capabilities() -> io::Result<()> {
    let nothing = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    // a hardened service has none, and may not even be allowed to change them
    if rustix::thread::capabilities(None)? == nothing {
        return Ok(());
    }
    match rustix::thread::clear_ambient_capability_set() {
        // kernels without ambient capabilities have nothing to clear
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(rustix::thread::set_capabilities(None, nothing)?)
}

/// True for a descriptor of a directory.
pub(super) fn is_directory(file: impl AsFd) -> bool {
    rustix::fs::fstat(file).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
    })
}
