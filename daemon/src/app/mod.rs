//! The daemon: wires every part, applies configurations, starts and stops.

mod authorities;
mod budgeted;
mod descriptions;
mod explanation;
mod forecast;
mod handle;
mod online;
mod plugin_starter;
mod plugin_state;
mod preparation;
mod process;
mod state_lock;
mod status;
mod trial;
mod watching;
mod wiring;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use self::{descriptions::Described, handle::Daemon, state_lock::StateLock, wiring::Wiring};
pub use self::{
    online::alone as look,
    plugin_starter::PluginStarter,
    preparation::{PreparationError, prepare},
    process::harden,
    state_lock::LockError,
    trial::{TrialError, Tried, trial},
    wiring::WiringError,
};
use crate::{
    clock::{Clock, SystemClock},
    config::{self, Config, Faults},
    control::{self, SocketError},
    engine::Engine,
    random::{Random, SystemRandom},
    store::{Sqlite, Store, StoreError},
    systemd,
};

/// For canaries that an operator sent and that are called back at the end.
const LAST_CANARIES: Duration = Duration::from_secs(5);

/// Why the daemon did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The state directory cannot be used.
    #[error("state directory {}: {source}", path.display())]
    StateDirectory {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else uses it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The parts cannot be put together.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The kernel gives no signals.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// Runs the daemon with a checked configuration until it is told to stop. `starter` is the one that it was
/// loaded with.
///
/// # Errors
/// When it cannot start. What fails later is retried, logged and shown by `status`.
pub async fn run(path: PathBuf, config: Config, starter: PluginStarter) -> Result<(), AppError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signals)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(AppError::Signals)?;

    let directory = config.state_directory.clone();
    process::make_state_directory(&directory).map_err(|source| AppError::StateDirectory {
        path: directory.clone(),
        source,
    })?;
    // held until the process ends
    let _lock = StateLock::take(&directory, "dns01d")?;
    let store: Arc<dyn Store> = Arc::new(open_store(&directory, clock.as_ref())?);

    let wiring = Wiring::new(store.clone(), clock.clone(), starter);
    let world = wiring.world(&config)?;
    let engine = Arc::new(Engine::new(
        store.clone(),
        clock.clone(),
        random,
        config.engine.clone(),
        world,
    ));
    engine.boot().await?;

    let stop = CancellationToken::new();
    let daemon = Arc::new(Daemon {
        path,
        engine: engine.clone(),
        store,
        clock: clock.clone(),
        wiring,
        started_at: clock.now(),
        config: Mutex::new(handle::InForce {
            config: config.clone(),
            loaded_at: clock.now(),
            error: None,
        }),
        reloading: tokio::sync::Mutex::new(()),
        stop: stop.clone(),
        looks: TaskTracker::new(),
    });
    let server = match control::activated().map_err(AppError::Socket)? {
        Some(listener) => control::Server::activated(listener, &config.control)?,
        None => control::Server::bind(&config.control)?,
    };
    let serving = tokio::spawn(server.serve(daemon.clone(), Arc::new(process::is_own_plugin), stop.clone()));
    let working = tokio::spawn(engine.clone().run(stop.clone(), config.drain));

    info!(
        certificates = config.certificates.len(),
        providers = config.providers.len(),
        state = %directory.display(),
        "dns01d {} is ready", env!("CARGO_PKG_VERSION")
    );
    let watchdog = tokio::spawn(systemd::watchdog(process::liveness(engine.clone()), stop.clone()));
    systemd::ready(&format!("{} certificates", config.certificates.len()));

    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                systemd::reloading();
                match control::Handle::reload(daemon.as_ref()).await {
                    Ok(changes) => info!(?changes, "configuration reloaded"),
                    Err(error) => error!(%error, "configuration was not reloaded; the one from before stays in use"),
                }
                systemd::ready(&format!("{} certificates", daemon.certificates()));
            }
        }
    }
    info!(drain_seconds = config.drain.as_secs(), "dns01d stops");
    systemd::stopping();
    stop.cancel();
    if let Err(error) = working.await {
        error!(%error, "the engine ended badly");
    }
    daemon.looks.close();
    if timeout(LAST_CANARIES, daemon.looks.wait()).await.is_err() {
        warn!("canaries are left; the next start removes them");
    }
    engine.world().publisher.shutdown().await;
    if let Err(error) = serving.await {
        warn!(%error, "the control socket ended badly");
    }
    watchdog.abort();
    info!("dns01d has stopped");
    Ok(())
}

/// Reads and checks a configuration, plugins described by `starter`.
///
/// # Errors
/// Every fault at once.
pub async fn load(path: PathBuf, starter: PluginStarter) -> Result<Config, Faults> {
    let described = Described {
        runtime: tokio::runtime::Handle::current(),
        starter,
    };
    match tokio::task::spawn_blocking(move || config::load_with(&path, &described, config::Presence::Checked))
        .await
    {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The state database, in the state directory.
const DATABASE: &str = "state.db";

/// Opens the state database; a damaged one is put aside, never deleted.
fn open_store(directory: &Path, clock: &dyn Clock) -> Result<Sqlite, AppError> {
    let path = directory.join(DATABASE);
    match Sqlite::open(&path) {
        Err(error) if error.is_damage() => {
            let aside = directory.join(format!("{DATABASE}.damaged-{}", clock.now().as_second()));
            error!(%error, kept_as = %aside.display(), "state database is damaged; a new one is begun, certificates on disk are adopted");
            error!("challenge records published before the damage may have to be removed by hand");
            // the log first: a new database must never meet it, and what it holds may be wanted
            for suffix in ["-wal", "-shm", ""] {
                let file = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
                match std::fs::rename(file(&path), file(&aside)) {
                    Err(error) if suffix.is_empty() || error.kind() != io::ErrorKind::NotFound => {
                        return Err(AppError::StateDirectory {
                            path: file(&path),
                            source: error,
                        });
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(Sqlite::open(&path)?)
        }
        other => Ok(other?),
    }
}
