use std::{
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdout, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Command, MAX_SECRET, SecretError, Weakness};
use crate::program;

/// What systemd tells the daemon and no child of it: a child that believes it
/// is the service could report READY or take the daemon's sockets.
const NOT_FOR_CHILDREN: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// Runs the program and takes its standard output.
pub(super) fn output(command: &Command) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let deadline = Instant::now() + command.timeout;
    let program = command.argv.first().map_or("", String::as_str);
    let mut running = Running::start(command).map_err(|source| SecretError::Start {
        program: program.to_owned(),
        source,
    })?;
    let outcome = running.collect(deadline).map_err(|source| SecretError::Lost {
        program: program.to_owned(),
        source,
    })?;
    match outcome {
        Outcome::Ended(output) => {
            let status = running.child.wait().map_err(|source| SecretError::Lost {
                program: program.to_owned(),
                source,
            })?;
            if status.success() {
                Ok(output)
            } else {
                Err(SecretError::Failed {
                    program: program.to_owned(),
                    status,
                })
            }
        }
        Outcome::TimedOut => Err(SecretError::TimedOut {
            program: program.to_owned(),
            timeout: command.timeout,
        }),
        Outcome::TooMuch => Err(SecretError::Unfit {
            origin: format!("command {program}"),
            weakness: Weakness::TooLarge,
        }),
    }
}

/// Looks whether the program is there and may be run.
pub(super) fn inspect(command: &Command) -> Result<(), SecretError> {
    let name = command.argv.first().map_or("", String::as_str);
    program::find(name)
        .map(drop)
        .map_err(|source| SecretError::Start {
            program: name.to_owned(),
            source,
        })
}

/// A child with its process group; both are gone when this is dropped.
struct Running {
    child: Child,
    group: Option<Pid>,
}

enum Outcome {
    Ended(Zeroizing<Vec<u8>>),
    TimedOut,
    TooMuch,
}

impl Running {
    fn start(command: &Command) -> io::Result<Self> {
        let Some((program, arguments)) = command.argv.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut spawn = std::process::Command::new(program);
        spawn
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        // whatever a secret program complains about may hold the secret
        spawn.stderr(Stdio::null());
        spawn.env("PATH", program::SEARCH_PATH);
        for name in NOT_FOR_CHILDREN {
            spawn.env_remove(name);
        }
        let child = spawn.spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(Running { child, group })
    }

    /// Reads until the program has ended. What it started may go on holding the
    /// pipe; that is not waited for.
    fn collect(&mut self, deadline: Instant) -> io::Result<Outcome> {
        let (Some(mut stdout), Some(group)) = (self.child.stdout.take(), self.group) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let process = pidfd_open(group, PidfdFlags::empty())?;
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_SECRET as usize + 1));
        let mut open = true;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Outcome::TimedOut);
            }
            let mut fds = vec![PollFd::new(&process, PollFlags::IN)];
            if open {
                fds.push(PollFd::new(&stdout, PollFlags::IN));
            }
            let timeout = Timespec::try_from(left).unwrap_or(Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            });
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let ended = !fds[0].revents().is_empty();
            let readable = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
            if readable {
                open = read_some(&mut stdout, &mut output)?;
                if output.len() as u64 > MAX_SECRET {
                    return Ok(Outcome::TooMuch);
                }
            } else if ended {
                return Ok(Outcome::Ended(output));
            }
        }
    }
}

/// Reads once; false at the end of the stream.
fn read_some(stdout: &mut ChildStdout, output: &mut Zeroizing<Vec<u8>>) -> io::Result<bool> {
    let mut chunk = Zeroizing::new([0; 4096]);
    // the buffer never grows beyond the capacity it was made with
    let room = (MAX_SECRET as usize + 1 - output.len()).min(chunk.len());
    match stdout.read(&mut chunk[..room]) {
        Ok(count) => {
            output.extend_from_slice(&chunk[..count]);
            Ok(count > 0)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(error),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // the group outlives its leader as long as a member does; none left is no error
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
