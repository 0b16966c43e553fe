//! One plugin host process: started with one socket, ended with all that it started.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
};

use dns01_plugin_wire::{Greeting, encode};
use rustix::{
    net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType},
    process::{Pid, PidfdFlags, Signal},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::unix::pipe,
};

use super::{cgroup::Cgroup, ending::Ending, library::Library, options::HostOptions, spawner::Spawner};

/// What kind of run the host makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run<'a> {
    /// Read the tables.
    Describe,
    /// Serve the instance of this name; `ps` shows it.
    Serve(&'a str),
}

/// A running host. Dropping it kills it and everything that it started.
#[derive(Debug)]
pub struct Process {
    // `None` once it was waited for
    child: Option<Child>,
    pid: Pid,
    handle: AsyncFd<OwnedFd>,
    spawner: Spawner,
    cgroup: Option<Cgroup>,
}

/// A host just started: the greeting and the library are on their way.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub process: Process,
    /// Frames.
    pub socket: tokio::net::UnixStream,
    /// Its standard output.
    pub stdout: pipe::Receiver,
    /// Its standard error.
    pub stderr: pipe::Receiver,
}

impl Process {
    /// Starts a host and hands it the library.
    ///
    /// # Errors
    /// Of the system; `NotFound` when there is no such executable.
    pub async fn start(
        options: &HostOptions,
        run: Run<'_>,
        environment: impl IntoIterator<Item = (&str, &str)>,
        library: Library,
        cgroup: Option<Cgroup>,
        spawner: &Spawner,
    ) -> io::Result<Started> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let mut command = Command::new(&options.executable);
        match run {
            Run::Describe => command.arg("describe"),
            Run::Serve(instance) => command.arg("serve").arg(instance),
        };
        command
            .env_clear()
            .envs(environment)
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawner.spawn(command).await?;

        let pipes = (child.stdout.take(), child.stderr.take());
        let mut process = Process::watch(child, spawner.clone())?;
        if let Some(cgroup) = cgroup {
            // it starts nothing before it has the library
            cgroup.admit(process.pid.as_raw_nonzero().get().cast_unsigned())?;
            process.cgroup = Some(cgroup);
        }
        let (Some(stdout), Some(stderr)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (stdout, stderr) = (receiver(stdout.into())?, receiver(stderr.into())?);
        let ours = UnixStream::from(ours);
        greet(&ours, library)?;
        ours.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(ours)?;
        Ok(Started {
            process,
            socket,
            stdout,
            stderr,
        })
    }

    fn watch(mut child: Child, spawner: Spawner) -> io::Result<Process> {
        // a pid above the kernel's range is impossible
        let pid = Pid::from_raw(child.id() as i32).ok_or(io::ErrorKind::InvalidData)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that change their descriptor; OwnedFd does not"
        )]
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            .map_err(io::Error::from)
            .and_then(|handle| AsyncFd::with_interest(handle, Interest::READABLE));
        match handle {
            Ok(handle) => Ok(Process {
                child: Some(child),
                pid,
                handle,
                spawner,
                cgroup: None,
            }),
            Err(error) => {
                let _ = child.kill();
                spawner.bury(child);
                Err(error)
            }
        }
    }

    /// Its number.
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until the process has ended. It stays a zombie, so that its number stays ours.
    pub async fn ended(&self) {
        // an error would be one of epoll itself; then the deadlines end the process
        if self.handle.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Kills the process and everything in its group and cgroup.
    pub fn kill(&self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        // the group does not exist before the host made its session; then there is nothing in it
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let _ = rustix::process::pidfd_send_signal(self.handle.get_ref(), Signal::KILL);
    }

    /// Waits for the end and says how it came, after the rest of its group was killed.
    pub async fn reap(mut self) -> Option<Ending> {
        self.ended().await;
        // while the zombie holds the number, the group cannot be anybody else's
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        let status = self.child.as_mut().and_then(|child| child.wait().ok());
        self.child = None;
        status.map(ending)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.kill();
            self.spawner.bury(child);
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Killed(signal),
        (None, None) => Ending::Closed,
    }
}

fn receiver(pipe: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe)
}

/// Sends the greeting with the library's descriptor. It fits into an empty socket, so this does not block.
fn greet(socket: &UnixStream, library: Library) -> io::Result<()> {
    let frame = encode(&Greeting::ours()).map_err(io::Error::other)?;
    let file = library.into_file();
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == frame.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}
