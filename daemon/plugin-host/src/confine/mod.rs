//! Gives away what a plugin must not have, while this process is still single-threaded.
//!
//! The order matters: descriptors first, so that nothing of the daemon is left to reach; what needs the
//! daemon's words (limits, readable files) after its `Start`; the system call filter last, because it
//! forbids what the steps before it do.
#![expect(unsafe_code, reason = "a few system calls that have no safe wrapper")]

mod files;
mod filter;
mod guard;
mod process;
mod programs;
mod rules;
mod tasks;

use dns01_plugin_wire::{Confinement, Start};

pub use process::{Refused, exit_now, isolate};
pub use programs::Programs;

/// What kind of run this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Read the tables and end: no network, no programs.
    Describe,
    /// Serve one instance.
    Serve,
}

/// Confines the process for good, as far as the kernel can.
///
/// What it cannot do is listed in the result; whether that is acceptable is the caller's to decide. With it
/// comes what ends the programs of the plugin, if it may run any and they can be told from others.
pub fn confine(
    run: Run,
    start: &Start,
    library: std::os::fd::BorrowedFd<'_>,
) -> (Confinement, Option<Programs>) {
    let mut missing = process::limit(start.memory);
    let exec = start.exec && run == Run::Serve;
    if exec {
        missing.extend(guard::start().err());
    }
    if exec && !start.cgroup {
        missing.extend(tasks::limit().err());
    }
    let files = files::restrict(&start.read, exec, library).unwrap_or_else(|what| {
        missing.push(what);
        files::Restricted::default()
    });
    let policy = filter::Policy {
        network: run == Run::Serve,
        exec,
        // programs that the plugin runs must be able to signal each other; Landlock then keeps
        // their signals inside
        signals: exec && files.signals_scoped,
    };
    let seccomp = match filter::install(&policy) {
        Ok(()) => true,
        Err(error) => {
            missing.push(format!("system calls are not filtered: {error}"));
            false
        }
    };
    let programs = policy.signals.then(Programs::in_reach).flatten();
    let confinement = Confinement {
        landlock_abi: files.abi,
        seccomp,
        missing,
    };
    (confinement, programs)
}
