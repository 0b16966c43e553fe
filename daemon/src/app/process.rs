//! What the daemon asks of its own process.

use std::{
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getpid, set_dumpable_behavior, setrlimit};

use tokio::time::Instant;

use crate::{control::Peer, engine::Engine};

/// No core dump, no debugger of another process of the same user: keys are in memory.
///
/// # Errors
/// When the kernel refuses.
pub fn harden() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok(())
}

/// Makes the state directory. Others may pass through it to the certificates, whose
/// own modes decide, and see nothing else: every file of the daemon's is 0600.
pub(super) fn make_state_directory(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(directory)?;
    }
    let accounts = directory.join("accounts");
    if !accounts.is_dir() {
        std::fs::DirBuilder::new().mode(0o700).create(&accounts)?;
    }
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// True for a peer of the control socket that this daemon started: a plugin
/// or a hook has no say over the daemon that runs it.
pub(super) fn is_own_plugin(peer: &Peer) -> bool {
    let own = getpid().as_raw_nonzero().get();
    let mut pid = peer.pid;
    // up through the parents; a chain deeper than this is nobody's plugin
    for _ in 0..32 {
        match pid {
            Some(pid) if pid == own => return true,
            Some(current) if current > 1 => pid = parent(current),
            _ => return false,
        }
    }
    false
}

/// A healthy engine looks at its queue at least once a minute.
const STANDSTILL: Duration = Duration::from_secs(180);

/// True as long as the engine's queue is looked at.
pub(super) fn liveness(engine: Arc<Engine>) -> impl Fn() -> bool + Send {
    let last = Mutex::new((engine.turns(), Instant::now()));
    move || {
        let mut last = last.lock();
        let turns = engine.turns();
        if last.0 != turns {
            *last = (turns, Instant::now());
        }
        last.1.elapsed() < STANDSTILL
    }
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name in parentheses may hold anything, also parentheses
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_of_this_process_is_known_as_one() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let peer = |pid| Peer {
            pid: Some(pid),
            uid: 0,
            gid: 0,
        };
        assert!(is_own_plugin(&peer(child.id() as i32)));
        assert!(!is_own_plugin(&peer(1)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
