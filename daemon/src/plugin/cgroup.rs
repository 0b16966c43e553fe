//! Cgroups for plugins that run programs, below the one that systemd delegates to the daemon.
//!
//! A cgroup counts what no limit of a single process can: how many processes there are, and their memory
//! together. The kernel gives controllers only to a cgroup without processes of its own, so the daemon first
//! moves into a leaf.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Where the daemon itself goes.
const OWN: &str = "daemon";
/// How the plugins' begin.
const PLUGIN: &str = "plugin-";
/// Processes and threads of a plugin with all its programs. A script takes a handful, a Go or Python program
/// a dozen.
const TASKS: u64 = 256;
/// What systemd sets on a cgroup that it hands over; only root may read the second.
const DELEGATED: [&str; 2] = ["user.delegate", "trusted.delegate"];
/// Processes may be started while the others are moved; so often it is tried.
const MOVES: usize = 10;

/// Why there are no cgroups for plugins.
#[derive(Debug, thiserror::Error)]
pub enum NoCgroup {
    /// The system has no unified hierarchy, or not in this mount namespace.
    #[error("there is no cgroup v2 here")]
    NoHierarchy,
    /// It is not ours to change.
    #[error("{} is not delegated to the daemon (in its systemd unit, Delegate=yes)", .0.display())]
    NotDelegated(PathBuf),
    /// It cannot limit.
    #[error("{} has no controller `{controller}`", directory.display())]
    NoController {
        /// The cgroup.
        directory: PathBuf,
        /// What it lacks.
        controller: &'static str,
    },
    /// It cannot be changed after all, as with ProtectControlGroups=yes.
    #[error("{}: {source}", file.display())]
    Refused {
        /// What was written or made.
        file: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// The daemon's cgroup, prepared for others below it.
#[derive(Debug)]
pub struct Delegation {
    root: PathBuf,
    next: AtomicU64,
}

/// The cgroup of one plugin process. Dropping it kills what is in it.
#[derive(Debug)]
pub struct Cgroup(PathBuf);

impl Delegation {
    /// Moves this process into a leaf of its cgroup, if that is delegated to it, and hands the controllers on.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn take() -> Result<Delegation, NoCgroup> {
        let memberships = read(Path::new("/proc/self/cgroup"))?;
        let mounts = read(Path::new("/proc/self/mountinfo"))?;
        let own = own_directory(&memberships, &mounts).ok_or(NoCgroup::NoHierarchy)?;
        // a second daemon of one process, or DelegateSubgroup= of the unit
        let root = match own.parent() {
            Some(parent) if own.ends_with(OWN) => parent.to_owned(),
            _ => own,
        };
        if !is_delegated(&root) {
            return Err(NoCgroup::NotDelegated(root));
        }
        Delegation::prepare(root)
    }

    fn prepare(root: PathBuf) -> Result<Delegation, NoCgroup> {
        let available = read(&root.join("cgroup.controllers"))?;
        for controller in ["pids", "memory"] {
            if !available.split_whitespace().any(|word| word == controller) {
                let directory = root;
                return Err(NoCgroup::NoController {
                    directory,
                    controller,
                });
            }
        }
        let leaf = root.join(OWN);
        make(&leaf)?;
        let control = root.join("cgroup.subtree_control");
        for _ in 0..MOVES {
            for process in read(&root.join("cgroup.procs"))?.lines() {
                // one that has ended meanwhile is no loss
                let _ = fs::write(leaf.join("cgroup.procs"), process);
            }
            if fs::write(&control, "+pids +memory").is_ok() {
                let next = AtomicU64::new(0);
                return Ok(Delegation { root, next });
            }
        }
        write(&control, "+pids +memory")?;
        let next = AtomicU64::new(0);
        Ok(Delegation { root, next })
    }

    /// A cgroup for a plugin whose own process may have `memory` bytes: as much again is for its programs
    /// together.
    ///
    /// # Errors
    /// Of the system.
    pub fn cgroup(&self, memory: u64) -> Result<Cgroup, NoCgroup> {
        self.sweep();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let directory = self.root.join(format!("{PLUGIN}{number}"));
        make(&directory)?;
        let cgroup = Cgroup(directory);
        write(&cgroup.0.join("pids.max"), &TASKS.to_string())?;
        write(
            &cgroup.0.join("memory.max"),
            &memory.saturating_mul(2).to_string(),
        )?;
        Ok(cgroup)
    }

    /// Removes those that had not emptied yet when they were done with; the kernel keeps the others.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PLUGIN) {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

impl Cgroup {
    /// Takes a process in, and with it all that it will start.
    ///
    /// # Errors
    /// Of the system.
    pub fn admit(&self, process: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), process.to_string())
    }

    /// Kills everything in it.
    pub fn kill(&self) {
        // before Linux 5.14 there is no such file; the process group goes all the same
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.kill();
        // not before the last process has ended: then the next one's `sweep` does it
        let _ = fs::remove_dir(&self.0);
    }
}

/// Where this process's cgroup is seen.
fn own_directory(memberships: &str, mounts: &str) -> Option<PathBuf> {
    let path = memberships.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|mount| {
        // proc(5): ID parent dev ROOT POINT options [optional]... - TYPE source options
        let (fields, kind) = mount.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        if !kind.starts_with("cgroup2 ") {
            return None;
        }
        let below = path.strip_prefix(root.trim_end_matches('/'))?;
        Some(Path::new(point).join(below.trim_start_matches('/')))
    })
}

/// Handed over by systemd. That it can be written does not make it ours: root may write everywhere, and a user
/// to the cgroup of a terminal, in which other programs run.
fn is_delegated(directory: &Path) -> bool {
    DELEGATED.iter().any(|name| {
        let mut value = [0; 8];
        rustix::fs::getxattr(directory, *name, &mut value[..]).is_ok_and(|length| value[..length] == *b"1")
    })
}

fn read(file: &Path) -> Result<String, NoCgroup> {
    fs::read_to_string(file).map_err(|source| refused(file, source))
}

fn write(file: &Path, text: &str) -> Result<(), NoCgroup> {
    fs::write(file, text).map_err(|source| refused(file, source))
}

fn make(directory: &Path) -> Result<(), NoCgroup> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(refused(directory, error)),
        _ => Ok(()),
    }
}

fn refused(file: &Path, source: io::Error) -> NoCgroup {
    NoCgroup::Refused {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::ExitStatusExt as _,
        process::{Command, Stdio},
    };

    use super::*;

    const MOUNTS: &str = "\
29 1 0:25 / /proc rw shared:1 - proc proc rw
30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
";

    #[test]
    fn the_own_cgroup_is_found_through_the_mount() {
        let find = |memberships, mounts: &str| own_directory(memberships, mounts);
        assert_eq!(
            find("1:name=systemd:/x\n0::/system.slice/dns01d.service\n", MOUNTS).unwrap(),
            Path::new("/sys/fs/cgroup/system.slice/dns01d.service")
        );
        let part = MOUNTS.replace(" / /sys", " /machine /sys");
        assert_eq!(
            find("0::/machine/dns01d\n", &part).unwrap(),
            Path::new("/sys/fs/cgroup/dns01d")
        );
        assert_eq!(find("0::/elsewhere\n", &part), None);
        assert_eq!(find("8:pids:/x\n", MOUNTS), None);
        assert_eq!(find("0::/x\n", MOUNTS.lines().next().unwrap()), None);
    }

    /// Plain files in the place of the kernel's: what is written where.
    #[test]
    fn the_daemon_moves_into_a_leaf_and_each_plugin_gets_its_limits() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::write(root.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(root.join("cgroup.procs"), "17\n").unwrap();
        let delegation = Delegation::prepare(root.to_owned()).unwrap();
        let content = |file: &str| fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(content("daemon/cgroup.procs"), "17");
        assert_eq!(content("cgroup.subtree_control"), "+pids +memory");
        let cgroup = delegation.cgroup(1 << 20).unwrap();
        cgroup.admit(4711).unwrap();
        assert_eq!(content("plugin-0/pids.max"), "256");
        assert_eq!(content("plugin-0/memory.max"), (2 << 20).to_string());
        assert_eq!(content("plugin-0/cgroup.procs"), "4711");
        drop(cgroup);
        assert_eq!(content("plugin-0/cgroup.kill"), "1");
        assert!(delegation.cgroup(1).unwrap().0.ends_with("plugin-1"));
    }

    #[test]
    fn a_cgroup_that_cannot_limit_is_none() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("cgroup.controllers"), "memory hugetlb\n").unwrap();
        let error = Delegation::prepare(directory.path().to_owned()).unwrap_err();
        assert!(error.to_string().ends_with("has no controller `pids`"), "{error}");
        assert!(!directory.path().join(OWN).exists(), "nothing was changed");
    }

    /// In the kernel's own hierarchy, where root may make a cgroup; who is not root sees that he is refused.
    #[test]
    fn everything_in_a_cgroup_is_killed_with_it_also_what_left_its_process_group() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = own_directory("0::/\n", &mounts).expect("a kernel with cgroup v2");
        let directory = root.join(format!("dns01d-test-{}", std::process::id()));
        if !rustix::process::geteuid().is_root() {
            assert!(matches!(make(&directory), Err(NoCgroup::Refused { .. })));
            return;
        }
        make(&directory).unwrap();
        assert!(!is_delegated(&directory), "made by root is not given to root");
        rustix::fs::setxattr(&directory, "user.delegate", b"1", rustix::fs::XattrFlags::CREATE).unwrap();
        assert!(is_delegated(&directory));
        let cgroup = Cgroup(directory.clone());
        let mut child = Command::new("sh")
            .args(["-c", "read -r go; setsid sleep 4901 & sleep 4901"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        cgroup.admit(child.id()).unwrap();
        // only now may it start others, as a plugin host waits for its first message
        drop(child.stdin.take());
        let members = || fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        while members().lines().count() < 3 {
            std::thread::yield_now();
        }
        drop(cgroup);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        while !members().is_empty() {
            std::thread::yield_now();
        }
        let delegation = Delegation {
            root: directory.clone(),
            next: AtomicU64::new(0),
        };
        delegation.sweep();
        if directory.exists() {
            fs::remove_dir(&directory).unwrap();
        }
    }
}
