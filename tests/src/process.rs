//! Programs that a test starts: killed when their guard is dropped, with their output kept for the report.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks whether a program is ready.
const POLL: Duration = Duration::from_millis(20);

/// Lines of a program's output that an error shows.
const LOG_TAIL: usize = 15;

/// What `./dev test` made in `target/tools`: `pebble`, `peers/acme2`, `python/bin/python3`. `None` where it could not be made.
pub fn tool(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let made = own
        .ancestors()
        .map(|directory| directory.join("tools").join(name));
    made.into_iter().find(|path| path.is_file())
}

/// Why a program is not running.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Not installed, most likely.
    #[error("cannot start {program}: {source}; `./dev setup` installs it")]
    Start {
        /// The program.
        program: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("{program} ended with {status} before it was ready; its last lines:\n{log}")]
    Ended {
        /// The program.
        program: String,
        /// How.
        status: ExitStatus,
        /// The end of its output.
        log: String,
    },
    /// It is there but does not do its work.
    #[error("{program} was not ready in {waited:?}; its last lines:\n{log}")]
    NotReady {
        /// The program.
        program: String,
        /// How long it was given.
        waited: Duration,
        /// The end of its output.
        log: String,
    },
    /// Its files could not be written, or a port not be found.
    #[error("cannot prepare {what}: {source}")]
    Prepare {
        /// What was being done.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

/// A running program; dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` with both outputs in the file `log` and nothing to read.
    ///
    /// # Errors
    /// [`ProcessError::Start`], [`ProcessError::Prepare`].
    pub fn start(mut command: Command, log: &Path) -> Result<Self, ProcessError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let prepare = |source| ProcessError::Prepare {
            what: log.display().to_string(),
            source,
        };
        let out = File::create(log).map_err(prepare)?;
        let err = out.try_clone().map_err(prepare)?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|source| ProcessError::Start {
            program: name.clone(),
            source,
        })?;
        Ok(Program {
            name,
            child,
            log: log.to_owned(),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything that it has written so far.
    pub fn log(&self) -> String {
        // a report must not fail because its evidence is gone
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// [`ProcessError::Ended`], [`ProcessError::NotReady`].
    pub async fn ready<F>(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> F,
    ) -> Result<(), ProcessError>
    where
        F: Future<Output = bool>,
    {
        let waiting = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(status);
                }
                if ready().await {
                    return Ok(());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let program = self.name.clone();
        match tokio::time::timeout(within, waiting).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => Err(ProcessError::Ended {
                program,
                status,
                log: self.log_tail(),
            }),
            Err(_) => Err(ProcessError::NotReady {
                program,
                waited: within,
                log: self.log_tail(),
            }),
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it ended and was waited for.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?)
    }

    /// Waits until it ends by itself; `None` if it does not within that time.
    pub async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let waiting = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return status;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(within, waiting).await.ok()
    }

    /// SIGKILL, and the end.
    pub fn kill(&mut self) {
        // both fail only if it is gone already, which is what was wanted
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of 127.0.0.1 that nobody holds at this moment, neither for TCP nor for UDP.
///
/// # Errors
/// [`ProcessError::Prepare`] if none is left.
pub fn free_port() -> Result<u16, ProcessError> {
    let find = || {
        loop {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = tcp.local_addr()?.port();
            match UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(_) => return Ok(port),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
    };
    find().map_err(|source| ProcessError::Prepare {
        what: "a free port".to_owned(),
        source,
    })
}

pub(crate) fn write(path: &Path, content: &str) -> Result<(), ProcessError> {
    std::fs::write(path, content).map_err(|source| ProcessError::Prepare {
        what: path.display().to_string(),
        source,
    })
}

/// A file that only its owner reads, as the daemon demands of secrets.
pub fn write_secret(path: &Path, content: &str) -> Result<(), ProcessError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let prepare = |source| ProcessError::Prepare {
        what: path.display().to_string(),
        source,
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(prepare)?;
    file.write_all(content.as_bytes()).map_err(prepare)
}
