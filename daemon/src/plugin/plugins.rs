//! What all plugin processes share, and the descriptions of their libraries.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use dns01_plugin_wire::{Description, Start, TrialRules};
use parking_lot::Mutex;
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout},
};

use super::{
    cgroup::{Cgroup, Delegation},
    ending::{Death, Ending},
    error::CallError,
    host::{Host, Plan},
    instance::Instance,
    library::{Identity, Library},
    mask::Mask,
    options::{DEFAULT_MEMORY, HostOptions, OptionSource, OptionValue, Options, Sandbox},
    output::Voice,
    process::Run,
    spawner::Spawner,
    state::PluginState,
    trial::Trial,
};

/// Reading tables takes milliseconds; mapping a bridge of 80 MB from a cold disk takes seconds.
const DESCRIBE: Duration = Duration::from_secs(10);

/// The daemon's cgroup is its process's, and outlives a change of the options; `None` where there is none.
static DELEGATION: OnceLock<Option<Delegation>> = OnceLock::new();

/// Starts plugin processes. Cheap to clone; one per daemon.
#[derive(Clone, Debug)]
pub struct Plugins(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: HostOptions,
    spawner: Spawner,
    // by the file's identity, which changes with its content, owner or mode
    descriptions: Mutex<HashMap<Identity, Arc<OnceCell<Arc<Description>>>>>,
}

impl Plugins {
    /// Starts the thread that starts processes.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new(options: HostOptions) -> io::Result<Plugins> {
        let spawner = Spawner::start()?;
        Ok(Plugins(Arc::new(Shared {
            options,
            spawner,
            descriptions: Mutex::default(),
        })))
    }

    /// A provider instance; no process is started yet.
    pub fn instance(
        &self,
        options: Options,
        source: Arc<dyn OptionSource>,
        state: Arc<dyn PluginState>,
    ) -> Instance {
        if options.allow_exec {
            delegation();
        }
        Instance::new(self.clone(), options, source, state)
    }

    /// A plugin process on trial: see [`Trial`]. Its `values` decide which files it may read, and which
    /// texts it must not say.
    ///
    /// # Errors
    /// As for [`Plugins::describe`]; [`CallError::UnknownProvider`], [`CallError::Ambiguous`],
    /// [`CallError::Exec`], [`CallError::Environment`], [`CallError::NoTime`].
    pub async fn trial(
        &self,
        options: Options,
        values: &[OptionValue],
        state: Arc<dyn PluginState>,
        rules: TrialRules,
    ) -> Result<Trial, CallError> {
        Trial::start(self.clone(), options, values, state, rules).await
    }

    /// What a library says of itself, asked in a process without options, network or programs. Asked once
    /// for each state of the file.
    ///
    /// # Errors
    /// [`CallError::Library`], [`CallError::Load`], [`CallError::Spawn`], [`CallError::Protocol`],
    /// [`CallError::Died`].
    pub async fn describe(
        &self,
        library: &Path,
        sha256: Option<&[u8; 32]>,
    ) -> Result<Arc<Description>, CallError> {
        let library = open_library(library, sha256).await?;
        self.describe_open(library).await
    }

    pub(super) async fn describe_open(&self, library: Library) -> Result<Arc<Description>, CallError> {
        let identity = library.identity();
        let known = Arc::clone(self.0.descriptions.lock().entry(identity).or_default());
        let description = known.get_or_try_init(|| self.ask(library)).await;
        if description.is_err() {
            // a fault of the moment must not stick, nor a changed library pile up
            self.0.descriptions.lock().retain(|_, known| known.initialized());
        }
        description.cloned()
    }

    async fn ask(&self, library: Library) -> Result<Arc<Description>, CallError> {
        let name = library
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let voice = Arc::new(Voice::new(name, Mask::default()));
        let start = Start {
            strict: self.0.options.sandbox == Sandbox::Required,
            memory: DEFAULT_MEMORY,
            exec: false,
            cgroup: false,
            read: Vec::new(),
            log_level: log_level(),
            trial: TrialRules::default(),
        };
        let plan = self.plan(Run::Describe, Vec::new(), library, start, None);
        let began = Instant::now();
        let loaded = timeout(DESCRIBE, Host::load(plan, Arc::clone(&voice))).await;
        let (host, description) = loaded.unwrap_or_else(|_| {
            Err(CallError::Died(Death {
                ending: Ending::Overrun(DESCRIBE),
                last_words: voice.last_words(),
            }))
        })?;
        host.dismiss(self.0.options.grace).await;
        tracing::debug!(library = voice.speaker(), took = ?began.elapsed(), "plugin library described");
        Ok(Arc::new(description))
    }

    /// What limits the programs of a plugin together; `None`, and a word to the operator once, where the
    /// daemon has no cgroup to give. Then the plugin host limits their number, or refuses.
    pub(super) fn cgroup(&self, memory: u64) -> Option<Cgroup> {
        let cgroup = delegation()?.cgroup(memory);
        cgroup
            .inspect_err(|error| tracing::warn!(%error, "no cgroup for the programs of a plugin"))
            .ok()
    }

    /// What it was made from.
    pub fn options(&self) -> &HostOptions {
        &self.0.options
    }

    pub(super) fn plan<'a>(
        &'a self,
        run: Run<'a>,
        environment: Vec<(&'a str, &'a str)>,
        library: Library,
        start: Start,
        cgroup: Option<Cgroup>,
    ) -> Plan<'a> {
        Plan {
            options: &self.0.options,
            run,
            environment,
            library,
            start,
            cgroup,
            spawner: &self.0.spawner,
        }
    }
}

/// Taken when the first plugin that may run programs is made: then hardly anything else runs, and what a
/// killed daemon left is ended before this one starts its own.
fn delegation() -> Option<&'static Delegation> {
    let take = || {
        Delegation::take()
            .inspect_err(|reason| {
                tracing::info!(
                    %reason,
                    "no cgroup limits the programs of plugins: their number is limited with all processes of \
                     the daemon's user, their memory one by one"
                );
            })
            .ok()
    };
    DELEGATION.get_or_init(take).as_ref()
}

/// Opens and checks a library without blocking the runtime.
pub(super) async fn open_library(path: &Path, sha256: Option<&[u8; 32]>) -> Result<Library, CallError> {
    let (path, pin) = (path.to_owned(), sha256.copied());
    let opened = tokio::task::spawn_blocking(move || Library::open(&path, pin.as_ref())).await;
    // the runtime is going down
    Ok(opened.map_err(|_| CallError::ShutDown)??)
}

/// The most detailed plugin log level that anybody will see.
pub(super) fn log_level() -> i32 {
    match tracing::level_filters::LevelFilter::current().into_level() {
        None => 0,
        Some(tracing::Level::ERROR) => 1,
        Some(tracing::Level::WARN) => 2,
        Some(tracing::Level::INFO) => 3,
        Some(tracing::Level::DEBUG) => 4,
        Some(tracing::Level::TRACE) => 5,
    }
}
