//! CPU time, of processes that live and of those that ended.

use std::{fs, time::Duration};

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeVal,
    },
    time::clock_getcpuclockid,
    unistd::Pid,
};

use crate::Failure;

/// A process's own threads, also those that ended; to the nanosecond.
pub(crate) fn of_process(pid: u32) -> Result<Duration, Failure> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
    Ok(Duration::from(clock.now()?))
}

/// A process with the children that it has and those that it had.
pub(crate) fn of_family(pid: u32) -> Result<Duration, Failure> {
    let mut sum = of_process(pid)? + of_reaped(pid)?;
    for child in children(pid)? {
        // one that ended since is counted with the reaped ones by the next look
        sum += of_process(child).unwrap_or_default();
    }
    Ok(sum)
}

/// Every child of this program that ended and was waited for, with its own descendants.
pub(crate) fn of_ended_children() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

/// The live children of a process.
pub(crate) fn children(pid: u32) -> Result<Vec<u32>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // gone meanwhile: not a child any more
        if stat(child).is_ok_and(|stat| stat.parent == pid) {
            found.push(child);
        }
    }
    Ok(found)
}

/// What its dead children used, in the kernel's ticks of 10 ms.
fn of_reaped(pid: u32) -> Result<Duration, Failure> {
    let stat = stat(pid)?;
    let seconds = stat.reaped_ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Ok(Duration::from_secs_f64(seconds))
}

struct Stat {
    parent: u32,
    reaped_ticks: u64,
}

fn stat(pid: u32) -> Result<Stat, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // the name before it may hold spaces and parentheses; see proc_pid_stat(5)
    let (_, fields) = text.rsplit_once(") ").ok_or("no name in /proc/PID/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |index: usize| -> Result<u64, Failure> {
        Ok(fields
            .get(index)
            .ok_or("too few fields in /proc/PID/stat")?
            .parse()?)
    };
    Ok(Stat {
        parent: u32::try_from(number(1)?)?,
        reaped_ticks: number(13)? + number(14)?,
    })
}

fn duration(value: TimeVal) -> Duration {
    Duration::new(
        u64::try_from(value.tv_sec()).unwrap_or_default(),
        u32::try_from(value.tv_usec()).unwrap_or_default() * 1000,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

    use std::process::Command;

    use super::*;

    #[test]
    fn work_of_a_child_is_seen_while_it_lives_and_after() {
        let before = of_ended_children().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let start = std::time::Duration::from_millis(60);
        while of_process(child.id()).unwrap() < start {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(children(std::process::id()).unwrap().contains(&child.id()));
        assert!(of_family(std::process::id()).unwrap() >= start);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(of_ended_children().unwrap() >= before + start);
        assert!(!children(std::process::id()).unwrap().contains(&child.id()));
    }
}
