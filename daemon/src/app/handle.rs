use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{broadcast::Receiver, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use super::{
    authorities,
    budgeted::Budgets,
    explanation,
    forecast::{self, Decided},
    online, preparation, status,
    watching::{Watched, Watching},
    wiring::Wiring,
};
use crate::{
    challenge::{ChallengeError, Task},
    clock::Clock,
    config::Config,
    control::{
        AskError, Handle, PrepareError, ReloadError, RenewError,
        protocol::{
            AccountInfo, CaInfo, Explanation, OnlineLine, OnlineWish, Plan, Prepared, Reloaded, RevokeWish,
            Status, Step,
        },
    },
    engine::{AccountTask, Engine, Progress, RevokeError},
    store::{Store, StoreError},
    types::{CaName, CertificateName, DnsName, InstanceName},
};

/// Of a certificate's past, enough to see how it came to be.
const NOTES_SHOWN: usize = 5;

/// Lines on their way to whoever has the daemon look; more of them wait with the parts that they belong to.
const LINES: usize = 16;

/// Of the queue, for those of its jobs that are no certificate's.
const JOBS_LOOKED_AT: usize = 10_000;

/// The running daemon, as the control socket and signals see it.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) path: PathBuf,
    pub(super) engine: Arc<Engine>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) wiring: Wiring,
    pub(super) started_at: Timestamp,
    pub(super) config: Mutex<InForce>,
    /// One reload at a time.
    pub(super) reloading: tokio::sync::Mutex<()>,
    pub(super) stop: CancellationToken,
    /// Looks at what issuances would meet, until their canaries are removed.
    pub(super) looks: TaskTracker,
}

/// The configuration in use.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) config: Config,
    pub(super) loaded_at: Timestamp,
    /// Why a later one was not taken.
    pub(super) error: Option<String>,
}

impl Daemon {
    /// How many certificates are configured.
    pub(super) fn certificates(&self) -> usize {
        self.config.lock().config.certificates.len()
    }

    async fn apply(&self) -> Result<Reloaded, ReloadError> {
        if self.stop.is_cancelled() {
            return Err(ReloadError::Stopping);
        }
        let _one = self.reloading.lock().await;
        let fault = |text: String| {
            self.config.lock().error = Some(text.clone());
            ReloadError::Configuration(text)
        };
        let new = super::load(self.path.clone(), self.wiring.starter())
            .await
            .map_err(|faults| fault(faults.to_string()))?;
        let old = self.config.lock().config.clone();
        for (what, differs) in [
            ("state-directory", old.state_directory != new.state_directory),
            ("control", old.control != new.control),
            ("log", old.log != new.log),
        ] {
            if differs {
                warn!(
                    section = what,
                    "this part of the configuration changes with the next start only"
                );
            }
        }
        // accounts and outputs stay where they are until then
        let new = Config {
            state_directory: old.state_directory.clone(),
            ..new
        };
        let world = self
            .wiring
            .world(&new)
            .map_err(|error| fault(error.to_string()))?;
        let replaced = self.engine.world();
        self.engine
            .reload(new.engine.clone(), world)
            .await
            .map_err(|error| fault(error.to_string()))?;
        let changes = compare(&old, &new);
        *self.config.lock() = InForce {
            config: new,
            loaded_at: self.clock.now(),
            error: None,
        };
        // its workers end with it; its plugins end when they are idle
        drop(replaced);
        Ok(changes)
    }
}

impl Daemon {
    fn watch(
        &self,
        events: Receiver<Progress>,
        certificate: CertificateName,
        watched: Watched,
    ) -> BoxStream<'static, Step> {
        let watching = Watching {
            events,
            certificate,
            watched,
            store: self.store.clone(),
            clock: self.clock.clone(),
            since: self.clock.now(),
            stop: self.stop.clone(),
        };
        watching.steps()
    }
}

impl Handle for Daemon {
    fn status(&self) -> BoxFuture<'_, Status> {
        async move {
            let now = self.clock.now();
            let world = self.engine.world();
            let rows = self.store.certificates().await.unwrap_or_else(|error| {
                warn!(%error, "status is shown without what the store knows");
                Vec::new()
            });
            let revocations = self.store.revocations().await.unwrap_or_default();
            let leftovers = self.store.leftovers().await.unwrap_or_default();
            let canaries = self.store.canaries().await.unwrap_or_default();
            let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
            let in_force = self.config.lock();
            Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                state_directory: in_force.config.state_directory.clone(),
                started_at: self.started_at,
                config_loaded_at: in_force.loaded_at,
                config_error: in_force.error.clone(),
                certificates: world
                    .certificates
                    .values()
                    .map(|certificate| {
                        let ca = world.authorities.get(&certificate.cas[0]);
                        let staging = ca.is_some_and(|ca| ca.options().staging);
                        let row = rows.get(&certificate.name);
                        let mut status = status::certificate(certificate, staging, row, now);
                        status.revoked = status::revoked(status.serial.as_deref(), &revocations);
                        status
                    })
                    .collect(),
                providers: status::providers(&in_force.config, &world.publisher),
                leftovers: leftovers
                    .into_iter()
                    .filter(|record| record.attempts > 0)
                    .map(status::leftover)
                    .collect(),
                canaries: canaries.into_iter().map(status::canary).collect(),
            }
        }
        .boxed()
    }

    fn renew(
        &self,
        certificate: CertificateName,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Step>, RenewError>> {
        async move {
            if self.stop.is_cancelled() {
                return Err(RenewError::Stopping);
            }
            // before it begins, so that no step is missed
            let events = self.engine.watch();
            match self.engine.renew(certificate.as_str()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Err(RenewError::UnknownCertificate(certificate)),
                Err(error) => return Err(RenewError::Refused(error.to_string())),
            }
            Ok(self.watch(events, certificate, Watched::Renewal))
        }
        .boxed()
    }

    fn why(&self, certificate: CertificateName) -> BoxFuture<'_, Result<Explanation, AskError>> {
        async move {
            let failed = |error: StoreError| AskError::Failed(error.to_string());
            let world = self.engine.world();
            let row = self
                .store
                .certificate(certificate.clone())
                .await
                .map_err(failed)?;
            let wanted = world.certificates.get(&certificate);
            let (Some(wanted), Some(row)) = (wanted, row) else {
                return Err(AskError::UnknownCertificate(certificate));
            };
            let notes = self.store.notes(certificate, NOTES_SHOWN).await.map_err(failed)?;
            let ways: BTreeSet<_> = self
                .store
                .places()
                .await
                .map_err(failed)?
                .iter()
                .filter(|place| {
                    wanted
                        .identifiers
                        .iter()
                        .any(|one| *one.name() == place.identifier)
                })
                .filter_map(|place| world.way(place))
                .collect();
            let mut canaries = self.store.canaries().await.map_err(failed)?;
            canaries.retain(|canary| ways.contains(&(canary.instance.clone(), canary.zone.clone())));
            let mut explained = explanation::explain(wanted, &row, &notes, self.clock.now());
            explained
                .sentences
                .extend(canaries.iter().filter_map(explanation::of_canary));
            Ok(explained)
        }
        .boxed()
    }

    fn plan(&self, until: Option<Timestamp>) -> BoxFuture<'_, Result<Plan, AskError>> {
        async move {
            let failed = |error: StoreError| AskError::Failed(error.to_string());
            let world = self.engine.world();
            let rows = self.store.certificates().await.map_err(failed)?;
            let jobs = self.store.jobs(until.unwrap_or(Timestamp::MAX), JOBS_LOOKED_AT);
            let jobs = jobs.await.map_err(failed)?;
            let canaries = self.store.canaries().await.map_err(failed)?;
            let mut rollovers = Vec::new();
            for (ca, authority) in &world.authorities {
                let due = authority.rollover_due().await.map_err(failed)?;
                rollovers.extend(due.map(|due| (ca.clone(), due)));
            }
            let now = self.clock.now();
            let budgets = Budgets {
                costs: self.engine.costs(&world, &rows),
                full_at: self.engine.spent(&world).await.map_err(failed)?,
            };
            Ok(forecast::plan(
                &world.certificates,
                Decided {
                    rows,
                    jobs,
                    canaries,
                    rollovers,
                    budgets,
                },
                now,
                until,
            ))
        }
        .boxed()
    }

    fn cas(&self, ca: Option<CaName>) -> BoxFuture<'_, Result<Vec<CaInfo>, AskError>> {
        async move { authorities::cas(&self.engine, ca.as_ref()).await }.boxed()
    }

    fn revoke(&self, wish: RevokeWish) -> BoxFuture<'_, Result<BoxStream<'static, Step>, AskError>> {
        async move {
            if self.stop.is_cancelled() {
                return Err(AskError::Stopping);
            }
            // before it begins, so that no step is missed
            let events = self.engine.watch();
            match self.engine.revoke(wish.into()).await {
                Ok((id, name)) => Ok(self.watch(events, name, Watched::Revocation(id))),
                Err(RevokeError::Store(error)) => Err(AskError::Failed(error.to_string())),
                Err(error) => Err(AskError::Refused(error.to_string())),
            }
        }
        .boxed()
    }

    fn account(&self, ca: Option<CaName>, task: AccountTask) -> BoxFuture<'_, Result<AccountInfo, AskError>> {
        async move {
            if self.stop.is_cancelled() {
                return Err(AskError::Stopping);
            }
            authorities::account(&self.engine, ca.as_ref(), task).await
        }
        .boxed()
    }

    fn prepare(
        &self,
        task: Task,
        instance: InstanceName,
        names: Vec<DnsName>,
    ) -> BoxFuture<'_, Result<Prepared, PrepareError>> {
        async move {
            info!(
                provider = %instance,
                task = task.as_str(),
                names = names.len(),
                "an operator has a provider look at names"
            );
            let world = self.engine.world();
            let prepared = preparation::by(&world.publisher, task, &instance, &names);
            let prepared = tokio::select! {
                () = self.stop.cancelled() => return Err(PrepareError::Stopping),
                prepared = prepared => prepared,
            };
            prepared.map_err(|error| match error {
                ChallengeError::NoInstance(instance) => PrepareError::UnknownInstance(instance),
                error => PrepareError::Failed(error.to_string()),
            })
        }
        .boxed()
    }

    fn look(&self, wish: OnlineWish) -> BoxFuture<'_, Result<BoxStream<'static, OnlineLine>, AskError>> {
        async move {
            if self.stop.is_cancelled() {
                return Err(AskError::Stopping);
            }
            let world = self.engine.world();
            let scope = online::Scope::of(&world, &wish.names).await?;
            info!(
                names = scope.names.len(),
                "an operator looks at what issuances would meet"
            );
            let look = {
                let in_force = self.config.lock();
                online::Look {
                    world,
                    engine: Some(self.engine.clone()),
                    clock: self.clock.clone(),
                    configuration: online::in_force(&in_force),
                    libraries: online::libraries(&in_force.config),
                    stop: self.stop.child_token(),
                }
            };
            let (sink, lines) = mpsc::channel(LINES);
            // ends when nobody listens, and with the daemon, which waits for it
            self.looks.spawn(look.run(scope, sink));
            Ok(stream::unfold(lines, |mut lines| async move {
                let line = lines.recv().await?;
                Some((line, lines))
            })
            .boxed())
        }
        .boxed()
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, ReloadError>> {
        self.apply().boxed()
    }
}

fn compare(old: &Config, new: &Config) -> Reloaded {
    let mut reloaded = Reloaded::default();
    for certificate in &new.certificates {
        match old
            .certificates
            .iter()
            .find(|before| before.name == certificate.name)
        {
            None => reloaded.added.push(certificate.name.clone()),
            Some(before) if before == certificate => reloaded.unchanged += 1,
            Some(_) => reloaded.changed.push(certificate.name.clone()),
        }
    }
    let gone = old
        .certificates
        .iter()
        .filter(|before| !new.certificates.iter().any(|now| now.name == before.name));
    reloaded
        .removed
        .extend(gone.map(|certificate| certificate.name.clone()));
    reloaded
}
