//! Cgroups for plugins that run programs, below the one that systemd delegates to the daemon.
//!
//! A cgroup counts what no limit of a single process can: how many processes there are, and their memory
//! together. The kernel gives controllers only to a cgroup without processes of its own, so the daemon first
//! moves into a leaf.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::descendants::descendants;

/// Where the daemon itself goes.
const OWN: &str = "daemon";
/// How the plugins' begin; the daemon's process number and a number follow.
const PLUGIN: &str = "plugin-";
/// Processes and threads of a plugin with all its programs. A script takes a handful, a Go or Python program
/// a dozen.
const TASKS: u64 = 256;
/// What systemd sets on a cgroup that it hands over; only root may read the second.
const DELEGATED: [&str; 2] = ["user.delegate", "trusted.delegate"];
/// Processes may be started while the others are moved; so often it is tried.
const MOVES: usize = 10;

/// Numbers of all plugins' cgroups of this process, whichever delegation they are below: none comes twice.
static NEXT: AtomicU64 = AtomicU64::new(0);

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
    /// Others live in it, who are not the daemon's to move.
    #[error(
        "{} holds processes that the daemon did not start ({processes}): start dns01d in a cgroup of its own",
        directory.display()
    )]
    Shared {
        /// The cgroup.
        directory: PathBuf,
        /// Their numbers.
        processes: String,
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

/// The daemon's cgroup, prepared for others below it. A process takes it once.
#[derive(Debug)]
pub struct Delegation {
    root: PathBuf,
    retired: Retired,
}

/// Cgroups that are done with but had not emptied yet; the kernel keeps them until then.
type Retired = Arc<Mutex<Vec<PathBuf>>>;

/// The cgroup of one plugin process. Dropping it kills what is in it.
#[derive(Debug)]
pub struct Cgroup {
    directory: PathBuf,
    retired: Retired,
}

impl Delegation {
    /// Moves this process into a leaf of its cgroup, if that is delegated to it, hands the controllers on, and
    /// ends what a daemon before it left there.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn take() -> Result<Delegation, NoCgroup> {
        let memberships = read(Path::new("/proc/self/cgroup"))?;
        let mounts = read(Path::new("/proc/self/mountinfo"))?;
        let own = own_directory(&memberships, &mounts).ok_or(NoCgroup::NoHierarchy)?;
        // a daemon started by a hook of another, or DelegateSubgroup= of the unit
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
        match fs::create_dir(&leaf) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(refused(&leaf, error)),
            _ => {}
        }
        move_own(&root, &leaf)?;
        let delegation = Delegation {
            root,
            retired: Retired::default(),
        };
        delegation.end_leftovers();
        Ok(delegation)
    }

    /// A cgroup for a plugin whose own process may have `memory` bytes: as much again is for its programs
    /// together.
    ///
    /// # Errors
    /// Of the system.
    pub fn cgroup(&self, memory: u64) -> Result<Cgroup, NoCgroup> {
        self.retired.lock().retain(|directory| !is_removed(directory));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PLUGIN}{}-{number}", std::process::id());
        let directory = self.root.join(name);
        // one that exists is another's: its limits and its end would not be ours
        fs::create_dir(&directory).map_err(|source| refused(&directory, source))?;
        let cgroup = self.known(directory);
        cgroup.set("pids.max", TASKS)?;
        cgroup.set("memory.max", memory.saturating_mul(2))?;
        // swap would be as much again, or all there is; a kernel without it has no such file
        if cgroup.directory.join("memory.swap.max").exists() {
            cgroup.set("memory.swap.max", 0)?;
        }
        Ok(cgroup)
    }

    fn known(&self, directory: PathBuf) -> Cgroup {
        Cgroup {
            directory,
            retired: Arc::clone(&self.retired),
        }
    }

    /// Ends the plugins of daemons that were killed and could not. Those of a daemon that lives are left alone:
    /// this process may be one that its hook started.
    fn end_leftovers(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return;
        };
        let daemons = fs::read_to_string(self.root.join(OWN).join("cgroup.procs")).unwrap_or_default();
        // nothing is this process's yet: what has its number is of one before it that had the same
        let living =
            |daemon: &str| daemon != own_number() && daemons.lines().any(|process| process == daemon);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PLUGIN)) else {
                continue;
            };
            if !name.split('-').next().is_some_and(living) {
                drop(self.known(entry.path()));
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
        fs::write(self.directory.join("cgroup.procs"), process.to_string())
    }

    /// Kills everything in it.
    pub fn kill(&self) {
        // before Linux 5.14 there is no such file; the process group goes all the same
        let _ = fs::write(self.directory.join("cgroup.kill"), "1");
    }

    fn set(&self, limit: &str, value: u64) -> Result<(), NoCgroup> {
        write(&self.directory.join(limit), &value.to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.kill();
        if !is_removed(&self.directory) {
            // the last process has not ended yet: the next plugin's start looks again
            self.retired.lock().push(std::mem::take(&mut self.directory));
        }
    }
}

/// Empties a cgroup of this process and those it started, and hands its controllers on.
fn move_own(root: &Path, leaf: &Path) -> Result<(), NoCgroup> {
    let control = root.join("cgroup.subtree_control");
    let mut handed_on = Ok(());
    for _ in 0..MOVES {
        let own = descendants(std::process::id());
        let members = read(&root.join("cgroup.procs"))?;
        let (own, others): (Vec<&str>, Vec<&str>) = members
            .lines()
            .partition(|process| process.parse().is_ok_and(|process| own.contains(&process)));
        if !others.is_empty() {
            return Err(NoCgroup::Shared {
                directory: root.to_owned(),
                processes: others.join(", "),
            });
        }
        for process in own {
            // one that has ended meanwhile is no loss
            let _ = fs::write(leaf.join("cgroup.procs"), process);
        }
        handed_on = write(&control, "+pids +memory");
        if handed_on.is_ok() {
            break;
        }
    }
    handed_on
}

fn own_number() -> String {
    std::process::id().to_string()
}

fn is_removed(directory: &Path) -> bool {
    match fs::remove_dir(directory) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
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

fn refused(file: &Path, source: io::Error) -> NoCgroup {
    NoCgroup::Refused {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
