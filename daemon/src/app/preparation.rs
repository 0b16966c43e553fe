//! What an operator has a provider do outside of any order: in the running daemon, or without one.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::geteuid;

use super::{AppError, DATABASE, PluginStarter, process, state_lock::StateLock, wiring::Wiring};
use crate::{
    challenge::{self, ChallengeError, Publisher, Task},
    clock::{Clock, SystemClock},
    config::Config,
    control::{
        AskError,
        protocol::{NamePrepared, Prepared},
    },
    engine::World,
    store::{Sqlite, Store},
    types::{DnsName, InstanceName},
};

/// Why a provider was not asked.
#[derive(Debug, thiserror::Error)]
pub enum PreparationError {
    /// No such instance.
    #[error("there is no provider instance `{0}` in the configuration: `dns01d provider list` shows them")]
    UnknownInstance(InstanceName),
    /// What we write there, the daemon could not read.
    #[error(
        "state directory {} belongs to uid {owner}, and what uid {ours} writes there would be out of its daemon's \
         reach: start dns01d, or run this as that user", path.display()
    )]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// What root makes there, another user's daemon could not use.
    #[error(
        "there is no state directory {} yet, and root does not know whose it will be: start dns01d once, or make it \
         with `install -d -m 0700 -o USER {}`", .0.display(), .0.display()
    )]
    Nowhere(PathBuf),
    /// The state cannot be used: another process has it, for example.
    #[error(transparent)]
    App(#[from] AppError),
    /// The call as a whole failed.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// There is nothing of that name.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Does without a daemon what one would do: with its configuration, its state and the lock on that.
///
/// # Errors
/// When no name was looked at.
pub async fn prepare(
    config: &Config,
    starter: PluginStarter,
    task: Task,
    instance: &InstanceName,
    names: &[DnsName],
) -> Result<Prepared, PreparationError> {
    if !config
        .providers
        .iter()
        .any(|provider| provider.options.instance == *instance)
    {
        return Err(PreparationError::UnknownInstance(instance.clone()));
    }
    let alone = Alone::take(config, starter, "`dns01d provider`")?;
    let publisher = &alone.world.publisher;
    let prepared = by(publisher, task, instance, names).await;
    publisher.shutdown().await;
    Ok(prepared?)
}

/// What the daemon would work with, and the lock that keeps it from starting meanwhile.
pub(super) struct Alone {
    pub world: World,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub _lock: StateLock,
}

impl Alone {
    /// For `who`, whom a daemon that starts meanwhile names.
    pub fn take(config: &Config, starter: PluginStarter, who: &str) -> Result<Self, PreparationError> {
        let directory = &config.state_directory;
        check_owner(directory)?;
        process::make_state_directory(directory).map_err(|source| AppError::StateDirectory {
            path: directory.clone(),
            source,
        })?;
        let lock = StateLock::take(directory, who).map_err(AppError::from)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // one that is damaged stays where it is: putting it aside is the daemon's, whose log tells of it
        let store = Sqlite::open(&directory.join(DATABASE)).map_err(AppError::from)?;
        let store: Arc<dyn Store> = Arc::new(store);
        let wiring = Wiring::new(store.clone(), clock.clone(), starter);
        Ok(Alone {
            world: wiring.world(config).map_err(AppError::from)?,
            store,
            clock,
            _lock: lock,
        })
    }
}

/// The same by a publisher, as the control socket tells it.
pub(super) async fn by(
    publisher: &Publisher,
    task: Task,
    instance: &InstanceName,
    names: &[DnsName],
) -> Result<Prepared, ChallengeError> {
    let prepared = publisher.prepare(task, instance, names).await?;
    Ok(Prepared {
        instance: instance.clone(),
        outcomes: prepared.into_iter().map(told).collect(),
    })
}

fn told(prepared: challenge::Prepared) -> NamePrepared {
    let (failure, text) = match prepared.outcome {
        Ok(done) => (None, done.message),
        Err(fault) => (Some(fault.class), fault.text),
    };
    let (challenge_name, record, zone) = match prepared.record {
        Some(row) => (Some(row.challenge_name), Some(row.owner), Some(row.zone)),
        None => (None, None, None),
    };
    NamePrepared {
        name: prepared.identifier,
        challenge_name,
        record,
        zone,
        failure,
        text,
    }
}

/// Files that root makes in a directory of the daemon's user would stop the daemon at its next start.
pub(super) fn check_owner(directory: &Path) -> Result<(), PreparationError> {
    let ours = geteuid().as_raw();
    match directory.metadata() {
        Ok(metadata) if metadata.uid() != ours => Err(PreparationError::Owner {
            path: directory.to_owned(),
            owner: metadata.uid(),
            ours,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && geteuid().is_root() => {
            Err(PreparationError::Nowhere(directory.to_owned()))
        }
        // what is not there is made, and what cannot be looked at is said by who makes it
        Ok(_) | Err(_) => Ok(()),
    }
}
