use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{Notify, broadcast},
    task::{Id, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug_span, error, warn};

use super::{
    Options, Progress, World, account, adopt, canary, clean_up, deploy, issue, persist, renewal_info,
    reserved::Reserved, revoke,
};
use crate::{
    clock::Clock,
    random::Random,
    schedule::Cause,
    store::{Job, JobKind, Store, StoreError},
    types::{CaName, CertificateName, FaultClass, Identifier, InstanceName},
};

/// Waits are compared with the wall clock at least this often: timers stand
/// still while the machine sleeps, and clocks are stepped.
pub(super) const WATCH: Duration = Duration::from_secs(60);
/// A job whose worker could not even write down its failure (full disk, panic)
/// is left alone for this long.
const COOLING: Duration = Duration::from_secs(10);
/// Deployments and clean-ups at once, beside the orders.
const SIDE_WORK: usize = 16;
/// Progress events kept for a slow watcher; an older one is lost to it, not to the log.
const PROGRESS: usize = 1024;

/// A name that no certificate has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate `{name}`; there are: {}", known.join(", "))]
pub struct UnknownCertificate {
    /// The name.
    pub name: String,
    /// Those that there are.
    pub known: Vec<String>,
}

/// The due queue and its workers.
#[derive(Debug)]
pub struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) options: RwLock<Options>,
    world: RwLock<Arc<World>>,
    wake: Notify,
    progress: broadcast::Sender<Progress>,
    turns: AtomicU64,
    pub(super) reserved: Reserved,
    /// One order at a time asks whether it may be placed.
    pub(super) admitting: tokio::sync::Mutex<()>,
    /// What the clock said at the last look.
    pub(super) looked_at: Mutex<Timestamp>,
}

type JobKey = (JobKind, String);
/// What no two orders of one account may share (Boulder hands one order to both).
type NameSet = (CaName, Vec<Identifier>);

/// What a task works on.
struct Ticket {
    /// One, or a batch.
    keys: Vec<JobKey>,
    ordering: Vec<NameSet>,
}

struct Work {
    /// The daemon is told to end.
    stop: CancellationToken,
    tasks: JoinSet<Result<(), String>>,
    tickets: HashMap<Id, Ticket>,
    running: HashSet<JobKey>,
    ordering: HashSet<NameSet>,
    cooling: HashMap<JobKey, Instant>,
    /// Since then an issuance may have ended, and its key may be in freed places of the store.
    deleted_since: Option<Instant>,
}

impl Engine {
    /// Wires the parts. Nothing runs before [`Engine::run`].
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: Options,
        world: World,
    ) -> Self {
        Engine {
            store,
            clock,
            random,
            options: RwLock::new(options),
            world: RwLock::new(Arc::new(world)),
            wake: Notify::new(),
            progress: broadcast::channel(PROGRESS).0,
            turns: AtomicU64::new(0),
            reserved: Reserved::default(),
            admitting: tokio::sync::Mutex::default(),
            looked_at: Mutex::new(Timestamp::MIN),
        }
    }

    /// Brings the store in line with the configuration and the files on disk. Call it before [`Engine::run`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn boot(&self) -> Result<(), StoreError> {
        let world = self.world();
        self.store.adopt(world.wanted(), self.clock.now()).await?;
        let rows = self.store.certificates().await?;
        adopt::run(self, &world, &rows).await?;
        self.plan_anew(rows).await?;
        self.plan_rollovers().await?;
        // of a daemon that was killed; nobody sends one yet
        self.store.end_canaries(None, self.clock.now()).await?;
        self.plan_canaries(false).await?;
        // a row without an issuance that needs it was left by a kill; its job is due anyway
        for record in self.store.leftovers().await? {
            if record.attempts == 0 {
                let subject = record.record.instance.to_string();
                let now = self.clock.now();
                self.store
                    .schedule(Job {
                        kind: JobKind::CleanUp,
                        subject,
                        due: now,
                    })
                    .await?;
            }
        }
        Ok(())
    }

    /// Takes over a new configuration; work under way ends with the old one.
    ///
    /// # Errors
    /// When the store does not answer; the old configuration stays then.
    pub async fn reload(&self, options: Options, world: World) -> Result<(), StoreError> {
        self.store.adopt(world.wanted(), self.clock.now()).await?;
        *self.options.write() = options;
        *self.world.write() = Arc::new(world);
        self.retry_what_waits_for_a_person().await?;
        self.plan_rollovers().await?;
        self.plan_canaries(true).await?;
        self.wake();
        Ok(())
    }

    async fn plan_rollovers(&self) -> Result<(), StoreError> {
        for authority in self.world().authorities.values() {
            authority.plan_rollover().await?;
        }
        Ok(())
    }

    /// A person who reloads has probably changed what was asked of them, be it in a file
    /// that the configuration only names.
    async fn retry_what_waits_for_a_person(&self) -> Result<(), StoreError> {
        let world = self.world();
        for row in self.store.certificates().await? {
            let waits = row
                .last_error
                .is_some_and(|error| error.class == FaultClass::Operator);
            if waits && world.certificates.contains_key(&row.name) {
                self.store
                    .schedule(Job {
                        kind: JobKind::Issue,
                        subject: row.name.to_string(),
                        due: self.clock.now(),
                    })
                    .await?;
            }
        }
        Ok(())
    }

    /// The configuration in force.
    pub fn world(&self) -> Arc<World> {
        self.world.read().clone()
    }

    /// Makes a certificate due now, whatever its plan and its back-off say.
    ///
    /// # Errors
    /// [`UnknownCertificate`] for a name that is not configured (inner); the store's error (outer).
    pub async fn renew(&self, name: &str) -> Result<Result<CertificateName, UnknownCertificate>, StoreError> {
        let world = self.world();
        let Some(certificate) = world
            .certificates
            .values()
            .find(|certificate| certificate.name.as_str() == name)
        else {
            let known = world.certificates.keys().map(ToString::to_string).collect();
            return Ok(Err(UnknownCertificate {
                name: name.to_owned(),
                known,
            }));
        };
        self.store
            .ask(certificate.name.clone(), Cause::Operator, self.clock.now())
            .await?;
        self.wake();
        Ok(Ok(certificate.name.clone()))
    }

    /// Everything that happens from now on.
    pub fn watch(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Grows whenever the queue was looked at: a liveness probe. It stands still
    /// for at most a minute in a healthy daemon.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn tell(&self, progress: Progress) {
        // nobody watching is the usual case
        let _ = self.progress.send(progress);
    }

    /// Works until `stop`; then lets the workers go on for at most `drain` and returns.
    /// Whatever is not done by then goes on at the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken, drain: Duration) {
        let mut work = Work::new(stop.clone());
        // workers see the end of the drain, not its beginning
        let halt = CancellationToken::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.look_at_the_clock().await {
                error!(%error, "what was planned by a wrong clock cannot be planned anew");
            }
            let next = match self.fill(&mut work, &halt).await {
                Ok(next) => next,
                Err(error) => {
                    error!(%error, "due jobs cannot be read");
                    COOLING
                }
            };
            self.forget_deleted(&mut work).await;
            self.turns.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = sleep(next) => {}
                Some(ended) = work.tasks.join_next_with_id(), if !work.tasks.is_empty() => work.ended(ended),
            }
            // whatever ended meanwhile too: one look at the queue serves all
            while let Some(ended) = work.tasks.try_join_next_with_id() {
                work.ended(ended);
            }
        }
        let drained = timeout(drain, async {
            while let Some(ended) = work.tasks.join_next_with_id().await {
                work.ended(ended);
            }
        });
        if drained.await.is_err() {
            warn!(
                jobs = work.running.len(),
                "work under way is left for the next start"
            );
            halt.cancel();
            // workers stop at their next wait; the store has their last state
            let _ = timeout(Duration::from_secs(2), async {
                while work.tasks.join_next().await.is_some() {}
            })
            .await;
        }
        work.tasks.shutdown().await;
    }

    /// In a quiet moment, so that no certificate waits for it; within a minute if there is none.
    async fn forget_deleted(&self, work: &mut Work) {
        let is_due = |since: Instant| work.running.is_empty() || since.elapsed() > WATCH;
        if !work.deleted_since.is_some_and(is_due) {
            return;
        }
        match self.store.forget_deleted().await {
            Ok(true) => work.deleted_since = None,
            // a reader was in the way
            Ok(false) => {}
            Err(error) => warn!(%error, "state database still holds deleted keys; they are taken out later"),
        }
    }

    /// Starts what is due and may start; returns how long nothing else will be.
    async fn fill(
        self: &Arc<Self>,
        work: &mut Work,
        halt: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let instant = Instant::now();
        work.cooling.retain(|_, until| *until > instant);
        let world = self.world();
        let concurrency = self.options.read().concurrency;
        let mut free = BTreeMap::new();
        for (kind, limit) in [
            (JobKind::Rollover, SIDE_WORK),
            (JobKind::CleanUp, SIDE_WORK),
            (JobKind::Revoke, SIDE_WORK),
            (JobKind::Standing, SIDE_WORK),
            (JobKind::Deploy, SIDE_WORK),
            (JobKind::Issue, concurrency),
            (JobKind::RenewalInfo, renewal_info::BATCH),
            (JobKind::Canary, 1),
        ] {
            let busy = work
                .running
                .iter()
                .filter(|(running, _)| *running == kind)
                .count();
            if busy < limit {
                free.insert(kind, (limit - busy, busy));
            }
        }
        // those that run or cool down are still due: look past them
        let past = work.cooling.len() + work.ordering.len();
        let most = free
            .iter()
            .map(|(kind, (free, busy))| (*kind, free + busy + past))
            .collect();
        let due = self.store.due(now, most).await?;
        let (batch, jobs) = due
            .jobs
            .into_iter()
            .partition::<Vec<_>, _>(|job| job.kind == JobKind::RenewalInfo);
        self.start_batch(work, &world, batch);
        for job in jobs {
            let kind = job.kind;
            if free.get(&kind).is_some_and(|(free, _)| *free > 0)
                && self.start(work, &world, job, halt)
                && let Some((free, _)) = free.get_mut(&kind)
            {
                *free -= 1;
            }
        }
        let next = due.next.map_or(WATCH, |due| until(now, due));
        let cooled = work
            .cooling
            .values()
            .map(|until| until.saturating_duration_since(instant))
            .min();
        Ok(next.min(cooled.unwrap_or(WATCH)).min(WATCH))
    }

    fn start(
        self: &Arc<Self>,
        work: &mut Work,
        world: &Arc<World>,
        job: Job,
        halt: &CancellationToken,
    ) -> bool {
        let key = (job.kind, job.subject);
        if work.running.contains(&key) || work.cooling.contains_key(&key) {
            return false;
        }
        let (engine, world, stop) = (self.clone(), world.clone(), halt.clone());
        let span = debug_span!("job", kind = key.0.as_str(), subject = key.1);
        let certificate = || {
            let name = key.1.parse::<CertificateName>().ok()?;
            world.certificates.get(&name).cloned()
        };
        let mut ordering = Vec::new();
        let job = match key.0 {
            JobKind::CleanUp => {
                let Ok(instance) = key.1.parse::<InstanceName>() else {
                    return false;
                };
                told(async move { clean_up::run(&engine, &world, &instance).await })
            }
            // started in batches
            JobKind::RenewalInfo => return false,
            JobKind::Revoke => {
                let Ok(id) = key.1.parse() else {
                    return false;
                };
                told(async move { revoke::run(&engine, &world, id).await })
            }
            JobKind::Rollover => {
                let ca = key.1.parse::<CaName>().ok();
                let Some(authority) = ca.and_then(|ca| world.authorities.get(&ca).cloned()) else {
                    return false;
                };
                told(async move { account::roll_over(&engine, &authority).await })
            }
            JobKind::Canary => {
                // nothing is lost when one is not sent: it ends as soon as the daemon does
                let stop = work.stop.clone();
                told(async move { canary::run(&engine, &world, &stop).await })
            }
            JobKind::Standing => {
                let Some(certificate) = certificate() else {
                    return false;
                };
                told(async move { persist::watch(&engine, &world, &certificate).await })
            }
            JobKind::Deploy => {
                let Some(certificate) = certificate() else {
                    return false;
                };
                told(async move { deploy::run(&engine, &certificate, &stop).await })
            }
            JobKind::Issue => {
                let Some(certificate) = certificate() else {
                    return false;
                };
                // whichever of its CAs it will ask
                let sets: Vec<NameSet> = certificate
                    .cas
                    .iter()
                    .map(|ca| (ca.clone(), certificate.identifiers.clone()))
                    .collect();
                if sets.iter().any(|set| work.ordering.contains(set)) {
                    return false;
                }
                work.ordering.extend(sets.iter().cloned());
                ordering = sets;
                told(async move { issue::run(&engine, &world, &certificate, &stop).await })
            }
        };
        let task = work.tasks.spawn(job.instrument(span));
        work.running.insert(key.clone());
        let keys = vec![key];
        work.tickets.insert(task.id(), Ticket { keys, ordering });
        true
    }

    /// One batch at a time: what is due meanwhile goes into the next.
    fn start_batch(self: &Arc<Self>, work: &mut Work, world: &Arc<World>, jobs: Vec<Job>) {
        let is_running = |(kind, _): &JobKey| *kind == JobKind::RenewalInfo;
        if jobs.is_empty() || work.running.iter().any(is_running) {
            return;
        }
        let due: Vec<(JobKey, CertificateName)> = jobs
            .into_iter()
            .filter_map(|job| {
                let name = job.subject.parse().ok()?;
                Some(((job.kind, job.subject), name))
            })
            .filter(|(key, _)| !work.cooling.contains_key(key))
            .take(renewal_info::BATCH)
            .collect();
        let (keys, names): (Vec<_>, Vec<_>) = due.into_iter().unzip();
        if names.is_empty() {
            return;
        }
        let batch = renewal_info::batch(self.clone(), world.clone(), names);
        let task = work.tasks.spawn(batch);
        work.running.extend(keys.iter().cloned());
        let ordering = Vec::new();
        work.tickets.insert(task.id(), Ticket { keys, ordering });
    }
}

impl Work {
    fn new(stop: CancellationToken) -> Self {
        Work {
            stop,
            tasks: JoinSet::new(),
            tickets: HashMap::new(),
            running: HashSet::new(),
            ordering: HashSet::new(),
            cooling: HashMap::new(),
            // the daemon before this one may have been killed first
            deleted_since: Some(Instant::now()),
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), String>), tokio::task::JoinError>) {
        let (id, trouble) = match ended {
            Ok((id, Ok(()))) => (id, None),
            Ok((id, Err(error))) => (id, Some(error)),
            Err(panic) => (panic.id(), Some(panic.to_string())),
        };
        let Some(Ticket { keys, ordering }) = self.tickets.remove(&id) else {
            return;
        };
        for names in ordering {
            self.ordering.remove(&names);
        }
        for key in keys {
            self.running.remove(&key);
            if key.0 == JobKind::Issue {
                self.deleted_since.get_or_insert_with(Instant::now);
            }
            if let Some(error) = &trouble {
                error!(
                    kind = key.0.as_str(),
                    subject = key.1,
                    error,
                    "job could not be finished; it is tried again"
                );
                self.cooling.insert(key, Instant::now() + COOLING);
            }
        }
    }
}

/// Work of any kind, its failure in words.
fn told<E: ToString>(
    job: impl Future<Output = Result<(), E>> + Send + 'static,
) -> BoxFuture<'static, Result<(), String>> {
    async move { job.await.map_err(|error| error.to_string()) }.boxed()
}

/// Time from `now` to `due`; none when it is past.
pub(super) fn until(now: Timestamp, due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or_default()
}
