//! How many processes the programs of a plugin may be, where no cgroup counts them: RLIMIT_NPROC.
//!
//! The kernel counts everything of the user for it, so the limit is what there is now and some more. That is
//! found by trying: /proc may be hidden, and does not say what the kernel counts.

use std::io;

use rustix::process::{Pid, Resource, Rlimit, WaitOptions};

/// Processes and threads that programs may have at once, with whatever the daemon and its other plugins start
/// meanwhile: the daemon's own threads come and go by a hundred, each plugin has a few, a script takes a
/// handful, a Go or Python program a dozen.
const PROGRAMS: u64 = 1024;
/// More than a user that runs a daemon has.
const MOST: u64 = 1 << 16;

/// Sets the limit.
///
/// # Errors
/// In operator words, if the kernel does not keep it (to root it does not) or cannot set it. Then the limit is
/// what it was.
pub fn limit() -> Result<(), String> {
    let before = rustix::process::getrlimit(Resource::Nproc);
    limit_from(&before).inspect_err(|_| {
        // only ever below its hard limit, which was not changed: this can always be set
        let _ = rustix::process::setrlimit(Resource::Nproc, before);
    })
}

fn limit_from(before: &Rlimit) -> Result<(), String> {
    let refused = |error: io::Error| format!("programs cannot be limited in number: {error}");
    let hard = before.maximum.unwrap_or(u64::MAX);
    if forks_within(1, before.maximum).map_err(refused)? {
        return Err(
            "programs cannot be limited in number, because root has no such limit: run dns01d as a user of its \
             own, or give it a delegated cgroup (in its systemd unit, Delegate=yes)"
                .to_owned(),
        );
    }
    // least limit that lets one more process start
    let (mut too_few, mut enough) = (1, MOST.min(hard));
    if !forks_within(enough, before.maximum).map_err(refused)? {
        return Err(format!(
            "programs cannot be limited in number, because no process starts even within {enough}: the user of \
             dns01d or its service has reached another limit (LimitNPROC= or TasksMax= of its systemd unit)"
        ));
    }
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if forks_within(middle, before.maximum).map_err(refused)? {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    let most = Some((enough + PROGRAMS).min(hard));
    set(most, most).map_err(refused)
}

/// Does a process start under this limit? It ends at once.
fn forks_within(limit: u64, hard: Option<u64>) -> io::Result<bool> {
    set(Some(limit), hard)?;
    // SAFETY: this process has one thread, and the child does nothing but end.
    match unsafe { libc::fork() } {
        0 => super::exit_now(0),
        -1 => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EAGAIN) => Ok(false),
            error => Err(error),
        },
        child => {
            rustix::process::waitpid(Pid::from_raw(child), WaitOptions::empty())?;
            Ok(true)
        }
    }
}

fn set(current: Option<u64>, maximum: Option<u64>) -> io::Result<()> {
    Ok(rustix::process::setrlimit(
        Resource::Nproc,
        Rlimit { current, maximum },
    )?)
}
