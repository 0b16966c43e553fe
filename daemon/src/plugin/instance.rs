//! One provider instance: a process when there is work, none when there is not, a pause after failures.

use std::{os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use dns01_plugin_wire::{
    Description, InstanceInfo, Open, Operation, OptionEntry, OptionKind, ProviderDescription, Record,
    Sensitive, Start,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    client::ProviderClient,
    error::{CallError, Death, Ending, Failure, RecordOutcome},
    host::Host,
    mask::Mask,
    options::{OptionSource, OptionValue, Options, Sandbox},
    output::Voice,
    plugins::{Plugins, log_level, open_library},
    process::Run,
    session::{Limits, Refused, Session},
    state::PluginState,
};

/// Loading and opening use no network, so this is for a slow disk; a provider that takes longer hangs.
const START: Duration = Duration::from_secs(30);
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
    plugins: Plugins,
    options: Options,
    source: Arc<dyn OptionSource>,
    state: Arc<dyn PluginState>,
    // held while a process starts: whoever comes meanwhile waits for the same process
    slot: Mutex<Slot>,
    info: parking_lot::Mutex<Option<InstanceInfo>>,
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
        Instance(Arc::new(Inner {
            plugins,
            options,
            source,
            state,
            slot: Mutex::default(),
            info: parking_lot::Mutex::default(),
            last_call: Mutex::default(),
        }))
    }

    /// What the library says of this instance's provider.
    ///
    /// # Errors
    /// As for [`Plugins::describe`]; [`CallError::UnknownProvider`], [`CallError::Ambiguous`].
    pub async fn describe(&self) -> Result<ProviderDescription, CallError> {
        let options = &self.0.options;
        let description = self
            .0
            .plugins
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
        self.0.call(operation, records, timeout).boxed()
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
            self.pace(session.info().min_call_interval(), timeout, deadline)
                .await?;
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
        match self.start(timeout, deadline).await {
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

    async fn start(&self, timeout: Duration, deadline: Instant) -> Result<Session, CallError> {
        let options = &self.options;
        let limit = START.min(timeout);
        let deadline = deadline.min(Instant::now() + START);
        if let Some(name) = options.forbidden_variable() {
            return Err(CallError::Environment {
                name: name.to_owned(),
            });
        }
        let description = self.plugins.describe(&options.library, options.sha256.as_ref());
        let description = timeout_at(deadline, description)
            .await
            .map_err(|_| CallError::NoTime(timeout))??;
        let provider = choose(&description, options)?;
        if provider.execs && !options.allow_exec {
            return Err(CallError::Exec {
                provider: provider.id.clone(),
            });
        }
        let values = timeout_at(deadline, read_options(Arc::clone(&self.source)));
        let values = values.await.map_err(|_| CallError::NoTime(timeout))??;
        let library = open_library(&options.library, options.sha256.as_ref()).await?;

        let is_secret = |value: &OptionValue| {
            value.secret
                || provider
                    .option(&value.key)
                    .is_some_and(|described| described.secret)
        };
        let secrets = values
            .iter()
            .filter(|value| is_secret(value))
            .map(|value| value.value.expose());
        let voice = Arc::new(Voice::new(
            options.instance.as_str().to_owned(),
            Mask::new(secrets),
        ));
        let start = Start {
            strict: self.plugins.options().sandbox == Sandbox::Required,
            memory: options.memory,
            exec: provider.execs && options.allow_exec,
            read: readable(provider, &values, options.rotates),
            log_level: log_level(),
        };
        let environment = options
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let run = Run::Serve(options.instance.as_str());
        let plan = self.plugins.plan(run, environment.collect(), library, start);
        let loaded = timeout_at(deadline, Host::load(plan, Arc::clone(&voice))).await;
        let (host, _) = loaded.unwrap_or_else(|_| {
            Err(CallError::Died(Death {
                ending: Ending::Overrun(limit),
                last_words: voice.last_words(),
            }))
        })?;

        let left = deadline.saturating_duration_since(Instant::now());
        let open = Open {
            provider: provider.id.clone(),
            timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1),
            options: values
                .iter()
                .map(|value| entry(value, is_secret(value)))
                .collect(),
        };
        let host_options = self.plugins.options();
        let limits = Limits {
            idle: host_options.idle,
            grace: host_options.grace,
        };
        Session::open(host, open, deadline, Arc::clone(&self.state), limits).await
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

fn choose<'a>(description: &'a Description, options: &Options) -> Result<&'a ProviderDescription, CallError> {
    let known = || {
        description
            .providers
            .iter()
            .map(|provider| provider.id.clone())
            .collect()
    };
    match (&options.provider, description.providers.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(CallError::Ambiguous {
            library: options.library.clone(),
            known: known(),
        }),
        (Some(wanted), _) => description
            .provider(wanted)
            .ok_or_else(|| CallError::UnknownProvider {
                library: options.library.clone(),
                wanted: wanted.clone(),
                known: known(),
            }),
    }
}

async fn read_options(source: Arc<dyn OptionSource>) -> Result<Vec<OptionValue>, CallError> {
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    // the runtime is going down
    let read = read.map_err(|_| CallError::ShutDown)?;
    read.map_err(|reason| CallError::Options { reason })
}

/// The files that the options name.
fn readable(provider: &ProviderDescription, values: &[OptionValue], rotates: bool) -> Vec<String> {
    let is_file = |key: &str| {
        provider
            .option(key)
            .is_some_and(|described| described.kind == OptionKind::File)
    };
    let configured = values
        .iter()
        .filter(|value| is_file(&value.key))
        .map(|value| value.value.expose());
    let unset = |key: &str| !values.iter().any(|value| value.key == key);
    let defaults = provider
        .options
        .iter()
        .filter(|known| is_file(&known.key) && unset(&known.key));
    let defaults = defaults.filter_map(|known| known.default.as_deref());
    let paths = configured.chain(defaults).filter(|path| path.starts_with('/'));
    paths
        .map(|path| match Path::new(path).parent().and_then(Path::to_str) {
            // never the whole file system for a file at its top
            Some(parent) if rotates && parent != "/" => parent.to_owned(),
            _ => path.to_owned(),
        })
        .collect()
}

fn entry(value: &OptionValue, secret: bool) -> OptionEntry {
    OptionEntry {
        key: value.key.clone(),
        value: Sensitive::new(value.value.expose().as_bytes().to_vec()),
        secret,
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    path.metadata()
        .ok()
        .map(|metadata| FileId(metadata.dev(), metadata.ino()))
}
