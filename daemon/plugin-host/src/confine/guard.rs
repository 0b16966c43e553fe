//! Ends the programs of a plugin when this process is killed.
//!
//! A plugin host dies with its daemon, at once and without a word. Its programs would go on, unless a cgroup
//! or a service manager ends them: so before there are any, a second process begins to wait for that death. It
//! holds nothing, runs nothing of the plugin, and is out of reach for it: it stands outside of the plugin's
//! Landlock domain.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, getpid, getppid, pidfd_open},
};

/// The host's end is looked for so often where the kernel does not tell of it.
const LOOK: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Starts the guard of this process's group.
///
/// # Errors
/// In operator words, when there is no process to be had.
pub fn start() -> Result<(), String> {
    let host = getpid();
    // fork(2) but for the signal at the end, which is none: so a plugin that waits for any child of its own
    // does not wait for this one
    // SAFETY: this process has one thread. The child makes only system calls: no allocation, no lock.
    match unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) } {
        0 => watch(host),
        -1 => Err(format!(
            "programs would outlive the daemon if it were killed: {}",
            io::Error::last_os_error()
        )),
        _ => Ok(()),
    }
}

/// Waits until the host ends, and ends its group. A parent-death signal would not come: the host's Landlock
/// domain keeps also that one inside.
fn watch(host: Pid) -> ! {
    // SAFETY: nothing in this process uses a descriptor: the daemon's socket and pipes must end with the host.
    unsafe { libc::close_range(0, u32::MAX, 0) };
    let ending = pidfd_open(host, PidfdFlags::empty());
    while getppid() == Some(host) {
        let _ = match &ending {
            Ok(ending) => poll(&mut [PollFd::new(ending, PollFlags::IN)], None),
            Err(_) => poll(&mut [], Some(&LOOK)),
        };
    }
    // SAFETY: kill has no preconditions. 0 is the group of the host, this process included.
    unsafe { libc::kill(0, libc::SIGKILL) };
    super::exit_now(0)
}
