//! A plugin host that has loaded its library: what describing and serving have in common.

use std::{io, sync::Arc, time::Duration};

use dns01_plugin_wire::{Confinement, Description, FrameError, FromHost, Greeting, PROTOCOL, Start, ToHost};
use tokio::{task::JoinSet, time::timeout};

use super::{
    cgroup::Cgroup,
    connection::{self, Reader, Writer},
    ending::{Death, Ending},
    error::CallError,
    library::Library,
    options::HostOptions,
    output::{self, Stream, Voice},
    process::{Process, Run},
    spawner::Spawner,
};

/// A process that closed its socket is about to end; this is how long its status is waited for.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// What a dead process left in its pipes is read within this.
const PIPES: Duration = Duration::from_millis(200);

/// What a host is started with.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The program and its rules.
    pub options: &'a HostOptions,
    /// What kind of run.
    pub run: Run<'a>,
    /// Its whole environment.
    pub environment: Vec<(&'a str, &'a str)>,
    /// What it loads.
    pub library: Library,
    /// How it confines itself.
    pub start: Start,
    /// What holds it and its programs.
    pub cgroup: Option<Cgroup>,
    /// Who starts it.
    pub spawner: &'a Spawner,
}

/// A host with its library loaded. Dropping it kills the process.
#[derive(Debug)]
pub struct Host {
    /// The process.
    pub process: Process,
    /// Frames from it.
    pub reader: Reader,
    /// Frames to it.
    pub writer: Writer,
    /// Where its output goes.
    pub voice: Arc<Voice>,
    /// What the kernel enforces on it.
    pub confinement: Confinement,
    listeners: JoinSet<()>,
}

impl Host {
    /// Starts a process and lets it load the library. The caller bounds the time; dropping the future
    /// kills the process.
    ///
    /// # Errors
    /// [`CallError::Spawn`], [`CallError::Protocol`], [`CallError::Load`], [`CallError::Died`].
    pub async fn load(plan: Plan<'_>, voice: Arc<Voice>) -> Result<(Host, Description), CallError> {
        let library = plan.library.path().to_owned();
        let started = Process::start(
            plan.options,
            plan.run,
            plan.environment,
            plan.library,
            plan.cgroup,
            plan.spawner,
        )
        .await;
        let started = started.map_err(|error| CallError::Spawn {
            executable: plan.options.executable.clone(),
            reason: match error.kind() {
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => error.to_string(),
            },
        })?;
        let (reader, writer) = connection::split(started.socket);
        let mut listeners = JoinSet::new();
        listeners.spawn(output::listen(started.stdout, Stream::Stdout, Arc::clone(&voice)));
        listeners.spawn(output::listen(started.stderr, Stream::Stderr, Arc::clone(&voice)));
        let mut host = Host {
            process: started.process,
            reader,
            writer,
            voice,
            confinement: Confinement::default(),
            listeners,
        };
        match host.shake_hands(plan.start).await {
            Ok(Ok(description)) => Ok((host, description)),
            Ok(Err(Refusal::Protocol(theirs))) => Err(CallError::Protocol {
                protocol: theirs.protocol,
                version: theirs.version,
            }),
            Ok(Err(Refusal::Fault(fault))) => Err(CallError::Load { library, fault }),
            Err(fault) => Err(CallError::Died(host.bury(fault).await)),
        }
    }

    async fn shake_hands(&mut self, start: Start) -> Result<Result<Description, Refusal>, Fault> {
        self.writer.send(&ToHost::Start(start)).await?;
        let theirs: Greeting = self.reader.next().await?;
        if theirs.protocol != PROTOCOL {
            return Ok(Err(Refusal::Protocol(theirs)));
        }
        loop {
            tokio::select! {
                biased;
                () = self.voice.flooded() => return Err(Fault::Ending(Ending::Flooded)),
                message = self.reader.next() => match message? {
                    FromHost::Confined(confinement) => {
                        note_gaps(self.voice.speaker(), &confinement);
                        self.confinement = confinement;
                    }
                    FromHost::Log(log) => self.voice.hear(&log),
                    FromHost::Loaded(description) => return Ok(Ok(description)),
                    FromHost::Refused(fault) => return Ok(Err(Refusal::Fault(fault))),
                    _ => return Err(Fault::out_of_turn()),
                },
            }
        }
    }

    /// Ends the process and says how it came.
    pub async fn bury(mut self, fault: Fault) -> Death {
        let ending = match fault {
            Fault::Ending(ending) => Some(ending),
            Fault::Gone if timeout(LAST_BREATH, self.process.ended()).await.is_ok() => None,
            Fault::Gone => Some(Ending::Closed),
        };
        self.process.kill();
        let status = self.process.reap().await;
        let _ = timeout(PIPES, async {
            while self.listeners.join_next().await.is_some() {}
        })
        .await;
        Death {
            ending: ending.or(status).unwrap_or(Ending::Closed),
            last_words: self.voice.last_words(),
        }
    }

    /// Lets the process end by itself; kills it when it does not within `grace`.
    pub async fn dismiss(mut self, grace: Duration) {
        // a process that is gone already cannot be told
        let _ = self.writer.send(&ToHost::Close).await;
        let goodbye = async {
            loop {
                match self.reader.next().await {
                    Ok(FromHost::Log(log)) => self.voice.hear(&log),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            self.process.ended().await;
        };
        if timeout(grace, goodbye).await.is_err() {
            tracing::warn!(
                provider = self.voice.speaker(),
                "plugin did not close in time and is killed"
            );
            self.process.kill();
        }
        self.bury(Fault::Gone).await;
    }
}

/// Why a conversation is over.
#[derive(Debug)]
pub enum Fault {
    /// The process must be ended, for this reason.
    Ending(Ending),
    /// The process ended, or is about to: its status says why.
    Gone,
}

impl Fault {
    /// A message that does not belong here.
    pub fn out_of_turn() -> Self {
        Fault::Ending(Ending::Malformed("a message out of turn".to_owned()))
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLong(_) | FrameError::Malformed { .. } => {
                Fault::Ending(Ending::Malformed(error.to_string()))
            }
            FrameError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Fault::Ending(Ending::Stuck),
            // also a write to, or a cut frame from, a process that has just died
            FrameError::Closed | FrameError::Truncated | FrameError::Io(_) => Fault::Gone,
        }
    }
}

enum Refusal {
    Protocol(Greeting),
    Fault(dns01_plugin_wire::LoadFault),
}

fn note_gaps(provider: &str, confinement: &Confinement) {
    if !confinement.missing.is_empty() {
        let missing = confinement.missing.join("; ");
        tracing::warn!(provider, missing, "plugin is not fully confined");
    }
    tracing::debug!(
        provider,
        landlock = confinement.landlock_abi,
        seccomp = confinement.seccomp,
        "plugin confined"
    );
}
