//! One provider instance: a process when there is work, none when there is not, a pause after failures.

use std::{os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use dns01_plugin_wire::{InstanceInfo, Operation, ProviderDescription, Record};
use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    client::{Health, ProviderClient},
    error::CallError,
    launch::{Launch, choose},
    options::{OptionSource, Options},
    outcome::{Failure, FailureClass, RecordOutcome},
    plugins::Plugins,
    session::{Refused, Session},
    state::PluginState,
};
use crate::{
    clock::{Clock as _, SystemClock},
    types::Fault,
};

/// Pause after a failure; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a call moves on to another process because its own ended for lack of work.
const MOVES: usize = 3;
/// A process that was confined while this was another file cannot read the new one.
const RESOLVER: &str = "/etc/resolv.conf";

/// A provider instance. Cheap to clone; when the last clone goes, so does the process.
#[derive(Clone, Debug)]
pub struct Instance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    launch: Launch,
    // held while a process starts: whoever comes meanwhile waits for the same process
    slot: Mutex<Slot>,
    info: parking_lot::Mutex<Option<InstanceInfo>>,
    /// Operations whose last call failed.
    failing: parking_lot::Mutex<Vec<(Operation, Timestamp, Fault)>>,
    // start of the last call, for instances that want to be paced
    last_call: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Slot {
    session: Option<(Session, Option<FileId>)>,
    failures: u32,
    pause: Option<(Instant, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl Instance {
    pub(super) fn new(
        plugins: Plugins,
        options: Options,
        source: Arc<dyn OptionSource>,
        state: Arc<dyn PluginState>,
    ) -> Self {
        let launch = Launch {
            plugins,
            options,
            source,
            state,
        };
        Instance(Arc::new(Inner {
            launch,
            slot: Mutex::default(),
            info: parking_lot::Mutex::default(),
            failing: parking_lot::Mutex::default(),
            last_call: Mutex::default(),
        }))
    }

    /// What the library says of this instance's provider.
    ///
    /// # Errors
    /// As for [`Plugins::describe`]; [`CallError::UnknownProvider`], [`CallError::Ambiguous`].
    pub async fn describe(&self) -> Result<ProviderDescription, CallError> {
        let Launch { plugins, options, .. } = &self.0.launch;
        let description = plugins
            .describe(&options.library, options.sha256.as_ref())
            .await?;
        choose(&description, options).cloned()
    }
}

impl ProviderClient for Instance {
    fn info(&self, timeout: Duration) -> BoxFuture<'_, Result<InstanceInfo, CallError>> {
        async move {
            if let Some(info) = self.0.info.lock().clone() {
                return Ok(info);
            }
            let session = self.0.session(timeout, Instant::now() + timeout).await?;
            Ok(session.info().clone())
        }
        .boxed()
    }

    fn call<'a>(
        &'a self,
        operation: Operation,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        async move {
            let result = self.0.call(operation, records, timeout).await;
            self.0.note(operation, &result);
            result
        }
        .boxed()
    }

    fn health(&self) -> Health {
        // who holds it is starting a process
        let running = self.0.slot.try_lock().ok();
        let session = running.as_ref().and_then(|slot| slot.session.as_ref());
        Health {
            process: session
                .filter(|(session, _)| session.end().is_none())
                .map(|(session, _)| session.process()),
            failing: self
                .0
                .failing
                .lock()
                .last()
                .map(|(_, at, fault)| (*at, fault.clone())),
        }
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        async move {
            let session = self.0.slot.lock().await.session.take();
            if let Some((session, _)) = session {
                session.shutdown().await;
            }
        }
        .boxed()
    }
}

impl Inner {
    async fn call(
        &self,
        operation: Operation,
        records: &[Record],
        timeout: Duration,
    ) -> Result<Vec<RecordOutcome>, CallError> {
        if records.is_empty() && operation != Operation::Check {
            return Ok(Vec::new());
        }
        let timeout = timeout.min(self.launch.options.call_timeout);
        let deadline = Instant::now() + timeout;
        // the ABI wants values of one name side by side; the caller wants its own order back
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by(|a, b| records[*a].fqdn.cmp(&records[*b].fqdn));
        let sorted: Vec<Record> = order.iter().map(|at| records[*at].clone()).collect();

        let session = self.session(timeout, deadline).await?;
        let batch = match session.info().max_batch {
            0 => sorted.len(),
            most => sorted.len().min(most as usize),
        };
        drop(session);
        if sorted.is_empty() {
            return self.part(operation, Vec::new(), timeout, deadline).await;
        }
        let mut outcomes = Vec::with_capacity(sorted.len());
        for part in sorted.chunks(batch.max(1)) {
            match self.part(operation, part.to_vec(), timeout, deadline).await {
                Ok(part) => outcomes.extend(part),
                Err(error) if outcomes.is_empty() => return Err(error),
                // what the earlier parts did is known and must not be lost
                Err(error) => {
                    let failure = Failure::unanswered(&error);
                    outcomes.resize(sorted.len(), Err(failure));
                    break;
                }
            }
        }
        let mut answers: Vec<_> = order.into_iter().zip(outcomes).collect();
        answers.sort_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// Keeps in mind whether the last call of its kind failed, for whoever asks how the instance fares.
    fn note(&self, operation: Operation, result: &Result<Vec<RecordOutcome>, CallError>) {
        let fault = match result {
            Ok(outcomes) => {
                // what a provider does not offer is no failure
                let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
                let mut failed = failed.filter(|failure| failure.class != FailureClass::Unsupported);
                failed.next().map(Failure::fault)
            }
            Err(CallError::ShutDown) => return,
            Err(error) => Some(error.fault()),
        };
        // what an operator tries out is told to him
        if matches!(operation, Operation::Check | Operation::Setup) {
            return;
        }
        let mut failing = self.failing.lock();
        failing.retain(|(failed, ..)| *failed != operation);
        failing.extend(fault.map(|fault| (operation, SystemClock.now(), fault)));
    }

    /// One call of the plugin.
    async fn part(
        &self,
        operation: Operation,
        records: Vec<Record>,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Vec<RecordOutcome>, CallError> {
        for _ in 0..MOVES {
            let session = self.session(timeout, deadline).await?;
            let interval = session
                .info()
                .min_call_interval()
                .max(self.launch.options.call_interval);
            self.pace(interval, timeout, deadline).await?;
            match session.call(operation, records.clone(), timeout, deadline).await {
                Ok(outcomes) => return Ok(outcomes),
                Err(Refused::Failed(error)) => return Err(error),
                Err(Refused::Gone) => timeout_at(deadline, session.ended())
                    .await
                    .map_err(|_| CallError::NoTime(timeout))?,
            }
        }
        Err(CallError::NoTime(timeout))
    }

    async fn pace(&self, interval: Duration, timeout: Duration, deadline: Instant) -> Result<(), CallError> {
        if interval.is_zero() {
            return Ok(());
        }
        let mut last = self.last_call.lock().await;
        if let Some(last) = *last {
            let start = last + interval;
            if start >= deadline {
                return Err(CallError::NoTime(timeout));
            }
            sleep_until(start).await;
        }
        *last = Some(Instant::now());
        Ok(())
    }

    /// The open instance: the running one, or a new one.
    async fn session(&self, timeout: Duration, deadline: Instant) -> Result<Session, CallError> {
        let slot = timeout_at(deadline, self.slot.lock()).await;
        let mut slot = slot.map_err(|_| CallError::NoTime(timeout))?;
        if let Some((session, resolver)) = &slot.session {
            match session.end() {
                None if *resolver == file_id(Path::new(RESOLVER)) || session.is_pinned() => {
                    return Ok(session.clone());
                }
                // its calls go on; it ends after the last one
                None => {}
                Some(end) => slot.learn(end.cause, end.answered, end.at),
            }
            slot.session = None;
        }
        slot.check_pause()?;
        let resolver = file_id(Path::new(RESOLVER));
        match self.launch.open(timeout, deadline).await {
            Ok(session) => {
                *self.info.lock() = Some(session.info().clone());
                slot.session = Some((session.clone(), resolver));
                Ok(session)
            }
            Err(error) => {
                if counts(&error) {
                    slot.learn(Some(error.to_string()), false, Instant::now());
                }
                Err(error)
            }
        }
    }
}

impl Slot {
    fn learn(&mut self, cause: Option<String>, answered: bool, at: Instant) {
        if answered || cause.is_none() {
            self.failures = 0;
        }
        self.pause = cause.map(|cause| {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << self.failures.min(16))
                .min(LONGEST_PAUSE);
            self.failures += 1;
            (at + pause, cause)
        });
    }

    fn check_pause(&self) -> Result<(), CallError> {
        let Some((until, cause)) = &self.pause else {
            return Ok(());
        };
        let retry_in = until.saturating_duration_since(Instant::now());
        if retry_in.is_zero() {
            return Ok(());
        }
        Err(CallError::BackOff {
            cause: cause.clone(),
            retry_in,
        })
    }
}

/// Only what a process did is a reason to pause; what an operator put right must work at once.
fn counts(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Died(_)
            | CallError::Open(_)
            | CallError::Spawn { .. }
            | CallError::Load { .. }
            | CallError::Protocol { .. }
    )
}

fn file_id(path: &Path) -> Option<FileId> {
    path.metadata()
        .ok()
        .map(|metadata| FileId(metadata.dev(), metadata.ino()))
}
