//! A trial: certificates are obtained as configured, but at a CA that nobody trusts, and deployed nowhere.
//!
//! It has a directory of its own inside the state directory. The journal there is as durable as the daemon's, so that
//! a trial that was killed is cleaned up after by the next one. Only what plugins keep (accounts at their services)
//! is shared with the daemon: they would work with nothing else.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream::select_all};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    AppError, DATABASE, PluginStarter, WiringError,
    preparation::{self, PreparationError},
    process,
    state_lock::{LockError, StateLock},
    watching::{Watched, Watching},
    wiring::Wiring,
};
use crate::{
    clock::{Clock, SystemClock},
    config::Config,
    control::protocol::{Outcome, Step},
    engine::{self, Certificate, Engine, World},
    outputs,
    pki::ChainPreference,
    random::SystemRandom,
    store::{Record, Sqlite, Store, StoreError},
    types::{CaName, CertificateName, ChallengeMethod},
};

/// Below the state directory.
const DIRECTORY: &str = "trial";
/// How long records may take to go when a trial has ended: the promise for those of the daemon.
const CLEANED: Duration = Duration::from_secs(60);
/// Between two looks at the journal.
const LOOK: Duration = Duration::from_millis(100);
/// Work under way is done when a trial ends, or was given up.
const DRAIN: Duration = Duration::from_secs(1);

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// No such certificate.
    #[error("there is no certificate `{name}` in the configuration; there are: {}", known.join(", "))]
    UnknownCertificate {
        /// The name.
        name: CertificateName,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Nothing to try.
    #[error("the configuration has no certificates")]
    Nothing,
    /// A CA of a certificate says nowhere to try it.
    #[error(
        "certificate `{certificate}` has nowhere to be tried: give the CA `{ca}` a `staging: NAME`, or add the preset \
         that belongs to it under `cas` (for letsencrypt: `letsencrypt-staging: {{ agree-terms: true }}`)"
    )]
    NoStaging {
        /// Which certificate.
        certificate: CertificateName,
        /// Its preferred CA.
        ca: CaName,
    },
    /// Its only proof is a record that stays.
    #[error(
        "certificate `{0}` is proved by dns-persist-01 alone, whose record names the account and stays: a trial would \
         leave one behind"
    )]
    Standing(CertificateName),
    /// The state cannot be used.
    #[error(transparent)]
    App(#[from] AppError),
    /// Nor by this user.
    #[error(transparent)]
    State(#[from] PreparationError),
    /// A file of an earlier trial cannot be removed.
    #[error("{}: {source}", path.display())]
    Leftover {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<StoreError> for TrialError {
    fn from(error: StoreError) -> Self {
        TrialError::App(error.into())
    }
}

impl From<WiringError> for TrialError {
    fn from(error: WiringError) -> Self {
        TrialError::App(error.into())
    }
}

/// How a trial ended.
#[derive(Debug, Default)]
pub struct Tried {
    /// Certificates that were issued, each with the CA that did.
    pub issued: BTreeMap<CertificateName, CaName>,
    /// Certificates that were not, or whose end was not awaited.
    pub failed: Vec<CertificateName>,
    /// Records that could not be removed.
    pub leftovers: Vec<Record>,
}

/// Tries certificates, all of them when none is named, until each was issued or failed once, or until `stop`. Each
/// step is told as it happens.
///
/// # Errors
/// When nothing was tried. What fails later is told as a step.
pub async fn trial(
    config: &Config,
    starter: PluginStarter,
    names: &[CertificateName],
    stop: CancellationToken,
    mut on_step: impl FnMut(&Step),
) -> Result<Tried, TrialError> {
    const HOLDER: &str = "`dns01d check --staging`";
    let main = &config.state_directory;
    let directory = main.join(DIRECTORY);
    let config = &rehearsed(config, names, &directory)?;
    preparation::check_owner(main)?;
    for directory in [main, &directory] {
        process::make_state_directory(directory).map_err(|source| AppError::StateDirectory {
            path: directory.clone(),
            source,
        })?;
    }
    let _alone = StateLock::take(&directory, HOLDER).map_err(AppError::from)?;
    // of the daemon's state only what plugins keep is used, beside the daemon where one runs
    let database = main.join(DATABASE);
    let (_no_daemon, kept) = match StateLock::take(main, HOLDER) {
        Ok(lock) => (Some(lock), Sqlite::open(&database)?),
        Err(LockError::Held { .. }) => (None, Sqlite::beside(&database)?),
        Err(error) => return Err(AppError::from(error).into()),
    };
    let kept: Arc<dyn Store> = Arc::new(kept);

    if directory.join(DATABASE).exists() {
        let killed = Stage::new(&directory, config, kept.clone(), starter.clone())?;
        killed.only(BTreeMap::new()).await?;
        killed.engine.boot().await?;
        let leftovers = killed.end(killed.work()).await?;
        if !leftovers.is_empty() {
            return Ok(Tried {
                failed: config.certificates.iter().map(|it| it.name.clone()).collect(),
                leftovers,
                ..Tried::default()
            });
        }
    }
    forget(&directory)?;

    let stage = Stage::new(&directory, config, kept, starter)?;
    let watched = config
        .certificates
        .iter()
        .map(|it| stage.watching(&it.name).steps());
    let mut steps = select_all(watched);
    stage.engine.boot().await?;
    let working = stage.work();
    let mut tried = Tried {
        failed: config.certificates.iter().map(|it| it.name.clone()).collect(),
        ..Tried::default()
    };
    while let Some(mut step) = tokio::select! {
        () = stop.cancelled() => None,
        step = steps.next() => step,
    } {
        if let Some(Outcome::Failed { next_attempt_at, .. }) = &mut step.done {
            *next_attempt_at = None;
        }
        on_step(&step);
        if let Some(Outcome::Succeeded { .. }) = &step.done {
            tried.failed.retain(|name| *name != step.certificate);
            let ca = config.certificates.iter().find(|it| it.name == step.certificate);
            tried
                .issued
                .extend(ca.map(|it| (it.name.clone(), it.cas[0].clone())));
        }
        if step.done.is_some() {
            // a try that failed is not tried again
            let mut others = stage.engine.world().certificates.clone();
            others.remove(&step.certificate);
            stage.only(others).await?;
        }
    }
    tried.leftovers = stage.end(working).await?;
    if tried.leftovers.is_empty() {
        forget(&directory)?;
    }
    Ok(tried)
}

/// The configuration as it is tried.
fn rehearsed(config: &Config, names: &[CertificateName], directory: &Path) -> Result<Config, TrialError> {
    let mut certificates = Vec::new();
    for name in names {
        let found = config.certificates.iter().find(|it| it.name == *name);
        let Some(found) = found else {
            return Err(TrialError::UnknownCertificate {
                name: name.clone(),
                known: config.certificates.iter().map(|it| it.name.to_string()).collect(),
            });
        };
        if !certificates.contains(&found) {
            certificates.push(found);
        }
    }
    if names.is_empty() {
        certificates.extend(&config.certificates);
    }
    if certificates.is_empty() {
        return Err(TrialError::Nothing);
    }
    let certificates = certificates
        .into_iter()
        .map(|it| certificate(config, it, directory));
    let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
    let tried_at = |ca: &CaName| certificates.iter().any(|it| it.cas.contains(ca));
    Ok(Config {
        state_directory: directory.to_owned(),
        cas: config
            .cas
            .iter()
            .filter(|ca| tried_at(&ca.acme.name))
            .cloned()
            .collect(),
        certificates,
        // its own records are enough
        engine: engine::Options {
            canary: None,
            ..config.engine.clone()
        },
        ..config.clone()
    })
}

fn certificate(config: &Config, wanted: &Certificate, directory: &Path) -> Result<Certificate, TrialError> {
    let known = wanted
        .cas
        .iter()
        .filter_map(|name| config.cas.iter().find(|ca| ca.acme.name == *name));
    let staging = known.clone().find_map(|ca| {
        let own = ca.staging.then_some(&ca.acme.name);
        own.or(ca.trial.as_ref()).map(|staging| (ca, staging.clone()))
    });
    let Some((of, staging)) = staging else {
        return Err(TrialError::NoStaging {
            certificate: wanted.name.clone(),
            ca: wanted.cas[0].clone(),
        });
    };
    let mut challenges = wanted.challenges.clone();
    challenges.retain(|method| *method != ChallengeMethod::DnsPersist01);
    if challenges.is_empty() {
        return Err(TrialError::Standing(wanted.name.clone()));
    }
    // one of its own, or the one that it would have there
    let profile = wanted
        .profiles
        .get(&staging)
        .or_else(|| wanted.profiles.get(&of.acme.name));
    Ok(Certificate {
        profiles: profile
            .map(|profile| (staging.clone(), profile.clone()))
            .into_iter()
            .collect(),
        cas: vec![staging],
        challenges,
        // its roots have other names
        chain: ChainPreference::Default,
        output: outputs::Options {
            directory: directory.join("certificates").join(wanted.name.as_str()),
            owner: None,
            group: None,
            ..wanted.output.clone()
        },
        hook: None,
        ..wanted.clone()
    })
}

/// Takes away what a trial has made, but for accounts: the next one uses them again.
fn forget(directory: &Path) -> Result<(), TrialError> {
    let mut paths = vec![directory.join("certificates")];
    paths.extend(["", "-wal", "-shm"].map(|suffix| directory.join(format!("{DATABASE}{suffix}"))));
    for path in paths {
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(TrialError::Leftover { path, source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// An engine on a state of its own.
struct Stage<'a> {
    config: &'a Config,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    engine: Arc<Engine>,
    stop: CancellationToken,
}

impl<'a> Stage<'a> {
    fn new(
        directory: &Path,
        config: &'a Config,
        kept: Arc<dyn Store>,
        starter: PluginStarter,
    ) -> Result<Self, TrialError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&directory.join(DATABASE))?);
        let wiring = Wiring::new(store.clone(), clock.clone(), starter).keeping(kept);
        let world = wiring.world(config)?;
        let engine = Engine::new(
            store.clone(),
            clock.clone(),
            Arc::new(SystemRandom),
            config.engine.clone(),
            world,
        );
        Ok(Stage {
            config,
            store,
            clock,
            engine: Arc::new(engine),
            stop: CancellationToken::new(),
        })
    }

    fn work(&self) -> JoinHandle<()> {
        tokio::spawn(self.engine.clone().run(self.stop.clone(), DRAIN))
    }

    fn watching(&self, name: &CertificateName) -> Watching {
        Watching {
            events: self.engine.watch(),
            certificate: name.clone(),
            watched: Watched::Renewal,
            store: self.store.clone(),
            clock: self.clock.clone(),
            since: self.clock.now(),
            stop: self.stop.clone(),
        }
    }

    /// Goes on with these certificates alone; the records of others are removed.
    async fn only(&self, certificates: BTreeMap<CertificateName, Certificate>) -> Result<(), TrialError> {
        let world = World {
            certificates,
            ..(*self.engine.world()).clone()
        };
        self.engine.reload(self.config.engine.clone(), world).await?;
        Ok(())
    }

    /// Gives up what is under way, waits until its records are gone, and returns those that are not.
    async fn end(&self, working: JoinHandle<()>) -> Result<Vec<Record>, TrialError> {
        self.only(BTreeMap::new()).await?;
        let patience = Instant::now() + CLEANED;
        let mut leftovers = self.store.leftovers().await?;
        while !leftovers.is_empty() && Instant::now() < patience {
            sleep(LOOK).await;
            leftovers = self.store.leftovers().await?;
        }
        self.stop.cancel();
        if let Err(error) = working.await {
            tracing::error!(%error, "the engine ended badly");
        }
        self.engine.world().publisher.shutdown().await;
        Ok(leftovers)
    }
}
