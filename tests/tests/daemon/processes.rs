//! What /proc says of the processes that a daemon started.

use std::{fs, time::Duration};

/// A process, told apart from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub state: char,
    parent: u32,
    started: u64,
}

impl Process {
    fn read(pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // the name in parentheses may hold anything
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Process {
            pid,
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// It has ended and was waited for.
    pub fn is_gone(&self) -> bool {
        Process::read(self.pid).is_none_or(|now| now.started != self.started)
    }

    /// A file of its directory in /proc, as text with NULs as spaces.
    pub fn file(&self, name: &str) -> Option<String> {
        let bytes = fs::read(format!("/proc/{}/{name}", self.pid)).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    }

    /// Its arguments, NULs as spaces; empty for a zombie.
    pub fn command_line(&self) -> String {
        self.file("cmdline").unwrap_or_default()
    }
}

/// Everything below a process.
pub fn descendants(of: u32) -> Vec<Process> {
    let all: Vec<Process> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// The plugin host that serves an instance.
pub fn plugin_host(daemon: u32, instance: &str) -> Option<Process> {
    let serves = format!(" serve {instance} ");
    descendants(daemon)
        .into_iter()
        .find(|process| process.command_line().contains(&serves))
}

/// Waits until all of them have ended, whoever must wait for them.
pub async fn until_gone(processes: &[Process]) {
    for _ in 0..250 {
        if processes.iter().all(Process::is_gone) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left: Vec<_> = processes.iter().filter(|process| !process.is_gone()).collect();
    panic!("processes are left: {left:?}");
}
