//! Ends the programs that the plugin started, and those that they started.

use rustix::process::Signal;

/// Every process but this one that its signals reach, which Landlock limits to what it has started.
///
/// One system call signals them all, and the kernel lets no fork slip through between: what multiplies is
/// ended as surely as what sleeps. It exists only where signals stay inside.
#[derive(Clone, Copy, Debug)]
pub struct Programs(());

impl Programs {
    /// `None` if a signal to the daemon would not be refused: then there are others in reach, too.
    pub(super) fn in_reach() -> Option<Programs> {
        let daemon = rustix::process::getppid()?;
        let refused = rustix::process::test_kill_process(daemon) == Err(rustix::io::Errno::PERM);
        refused.then_some(Programs(()))
    }

    /// Signals all of them. That there are none is no error.
    pub fn signal(self, signal: Signal) {
        // SAFETY: kill has no preconditions. -1 is every process that this one may signal, itself excepted.
        unsafe { libc::kill(-1, signal.as_raw()) };
    }
}
