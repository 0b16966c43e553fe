//! Runs one program to its end.
//!
//! Nothing is killed here but the program itself, and that only as a last resort: what a call has started is
//! ended by the plugin host, which reaches also what the program has started, with SIGTERM when the call is
//! cancelled or out of time and SIGKILL after that. Where the host cannot (before Linux 6.12), the program is
//! waited for all the same, so that nothing is reported as ended that still runs: then the daemon kills this
//! process with all its programs.

use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dns01_plugin_api::{Call, Level};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags};

use crate::convention::Command;
use crate::error::Error;
use crate::output::{Output, Stream};

/// Where programs find others, whatever started the daemon.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What the program printed is in the pipe when it ends. A child that it left behind may hold the pipe for
/// ever, and is not waited for.
const DRAIN: Duration = Duration::from_millis(200);
/// After this the program is killed from here too. The host has done it before, if it can.
const LAST_RESORT: Duration = Duration::from_millis(1_500);
/// Bytes read at a time.
const CHUNK: usize = 16 << 10;

/// Runs it; returns what it printed on standard output, `None` if that was more than `capture` bytes.
///
/// # Errors
/// When it cannot be started, fails, or is stopped with the call.
pub(crate) fn run(call: &Call<'_>, command: &Command, capture: usize) -> Result<Option<String>, Error> {
    call.proceed().map_err(|_| Error::NotStarted)?;
    call.log(Level::Debug, &format!("{} starts", command.name));
    let began = now();
    let (mut child, process) = start(command).map_err(|source| Error::Start {
        name: command.name.clone(),
        source,
    })?;
    let mut running = Running {
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        child,
        process,
        call,
        output: Output::new(capture),
    };
    let watched = running.watch();
    let last_words = running.output.last_words();
    let name = command.name.clone();
    match watched {
        Err(source) => {
            let _ = running.child.kill();
            Err(Error::Watch { name, source })
        }
        Ok(End::Stopped) => Err(Error::Stopped {
            name,
            after: began.elapsed(),
            last_words,
        }),
        Ok(End::Exited(status)) => match (status.code(), status.signal()) {
            (Some(0), _) => Ok(running.output.captured()),
            (Some(status), _) => Err(Error::Exit {
                name,
                status,
                last_words,
            }),
            (None, signal) => Err(Error::Signal {
                name,
                signal: signal.unwrap_or_default(),
                last_words,
            }),
        },
    }
}

fn start(command: &Command) -> io::Result<(Child, OwnedFd)> {
    let mut spawn = std::process::Command::new(&command.program);
    spawn
        .args(&command.arguments)
        .current_dir("/")
        .stdin(input(command)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // besides these it has what this process has: the variables that the operator lists for the instance
    if std::env::var_os("PATH").is_none() {
        spawn.env("PATH", SEARCH_PATH);
    }
    spawn.envs(command.environment.iter().map(|(name, value)| (*name, value)));
    let mut child = spawn.spawn()?;
    match watch_handle(&child) {
        Ok(process) => Ok((child, process)),
        Err(error) => {
            // nobody could wait for it; an error would mean that it has ended
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// A descriptor that is readable when the program has ended.
fn watch_handle(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let handle = rustix::process::pidfd_open(pid.ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty());
    Ok(handle?)
}

/// Its standard input, written whole into a pipe before it starts: `options` has seen to it that it fits.
fn input(command: &Command) -> io::Result<Stdio> {
    let Some(input) = &command.input else {
        return Ok(Stdio::null());
    };
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(input.reveal().as_bytes())?;
    Ok(reader.into())
}

/// A program that was started, and what is left to read of it.
struct Running<'a> {
    child: Child,
    process: OwnedFd,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    call: &'a Call<'a>,
    output: Output,
}

/// How it came to its end.
enum End {
    Exited(ExitStatus),
    Stopped,
}

impl Running<'_> {
    /// Waits for the end. The call's end is not that of the program: it is on its way from then on.
    fn watch(&mut self) -> io::Result<End> {
        let mut stopped: Option<Instant> = None;
        let mut killed = false;
        loop {
            let patience = match stopped {
                None => Some(self.call.remaining()),
                Some(_) if killed => None,
                Some(at) => Some(LAST_RESORT.saturating_sub(at.elapsed())),
            };
            if self.wait(stopped.is_none(), patience)? {
                break;
            }
            match stopped {
                None if self.call.is_cancelled() => stopped = Some(now()),
                Some(at) if !killed && at.elapsed() >= LAST_RESORT => {
                    killed = true;
                    // refused where signals are; then there is only waiting
                    let _ = self.child.kill();
                }
                None | Some(_) => {}
            }
        }
        let status = self.child.wait()?;
        self.drain()?;
        Ok(match stopped {
            Some(_) => End::Stopped,
            None => End::Exited(status),
        })
    }

    /// Waits until something can be done and reads what there is; true once the program has ended.
    fn wait(&mut self, heed_cancel: bool, patience: Option<Duration>) -> io::Result<bool> {
        let cancel = self.call.cancel_fd().filter(|_| heed_cancel);
        let mut watched = vec![PollFd::new(&self.process, PollFlags::IN)];
        watched.extend(self.stdout.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        watched.extend(self.stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        watched.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel, PollFlags::IN)));
        poll_for(&mut watched, patience)?;
        let mut ready = watched.iter().map(|fd| !fd.revents().is_empty());
        let ended = ready.next() == Some(true);
        let stdout = self.stdout.is_some() && ready.next() == Some(true);
        let stderr = self.stderr.is_some() && ready.next() == Some(true);
        if stdout {
            self.read(Stream::Stdout)?;
        }
        if stderr {
            self.read(Stream::Stderr)?;
        }
        Ok(ended)
    }

    /// What an ended program left in its pipes.
    fn drain(&mut self) -> io::Result<()> {
        let began = now();
        while self.stdout.is_some() || self.stderr.is_some() {
            let left = DRAIN.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            for stream in [Stream::Stdout, Stream::Stderr] {
                let pipe = match stream {
                    Stream::Stdout => self.stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)),
                    Stream::Stderr => self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)),
                };
                let Some(pipe) = pipe else { continue };
                let mut pipe = [pipe];
                poll_for(&mut pipe, Some(left / 2))?;
                if !pipe[0].revents().is_empty() {
                    self.read(stream)?;
                }
            }
        }
        let call = self.call;
        self.output.end(|line| call.log(Level::Info, line));
        Ok(())
    }

    /// Reads what is there; at the end of the stream its pipe goes.
    fn read(&mut self, stream: Stream) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        let read = match stream {
            Stream::Stdout => self.stdout.as_mut().map(|pipe| pipe.read(&mut chunk)),
            Stream::Stderr => self.stderr.as_mut().map(|pipe| pipe.read(&mut chunk)),
        };
        match read {
            None => {}
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Some(Err(error)) => return Err(error),
            Some(Ok(0)) => match stream {
                Stream::Stdout => self.stdout = None,
                Stream::Stderr => self.stderr = None,
            },
            Some(Ok(count)) => {
                let call = self.call;
                self.output
                    .take(stream, &chunk[..count], |line| call.log(Level::Info, line));
            }
        }
        Ok(())
    }
}

/// Waits until one is ready, for ever without `patience`.
fn poll_for(watched: &mut [PollFd<'_>], patience: Option<Duration>) -> io::Result<()> {
    let limit = patience.map(|patience| Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    });
    match poll(watched, limit.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What runs on after its call has no other clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has no tokio clock; the call's own ends with the call"
)]
fn now() -> Instant {
    Instant::now()
}
