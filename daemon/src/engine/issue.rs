//! The worker of one issuance: makes each state durable, then acts on it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Certificate, Engine, Outcome, Progress, Stage, World, fault,
    perform::{Performed, Performer},
    queue::until,
};
use crate::{
    challenge::ROOM_PATIENCE,
    deployment,
    issuance::{self, Next, Records, State, Transition},
    pki::Chain,
    schedule::{next_attempt, renewal_moment},
    secret::Secret,
    store::{Change, Issued, Job, JobKind, LastError, NewRecord, Record, StoreError},
    types::{CertificateName, Fault, FaultClass},
};

/// Longest time after which an order that waits for its turn looks by itself whether it has come.
const LONGEST_LINE: Duration = Duration::from_secs(300);
/// A turn of another order takes minutes: what lasts longer than this is shown as a trouble.
const LONG_LINE: Duration = Duration::from_secs(600);

/// Tells whoever watches, and the log.
pub(super) struct Say<'a> {
    pub(super) engine: &'a Engine,
    pub(super) certificate: &'a CertificateName,
}

impl Say<'_> {
    pub(super) fn step(&self, stage: Stage, text: String) {
        info!(cert = %self.certificate, stage = stage.as_str(), detail = text, "issuance goes on");
        self.send(stage, text, None);
    }

    pub(super) fn send(&self, stage: Stage, text: String, outcome: Option<Outcome>) {
        let at = self.engine.clock.now();
        self.engine.tell(Progress {
            at,
            certificate: self.certificate.clone(),
            stage,
            text,
            outcome,
        });
    }
}

/// An issuance in memory, as durable as its last [`Worker::keep`].
struct Worker<'a> {
    engine: &'a Engine,
    /// The configuration that it began with.
    world: &'a World,
    certificate: &'a Certificate,
    say: Say<'a>,
    /// What the store knows.
    durable: Option<State>,
    records: Vec<Record>,
    key: Option<Secret>,
    chain: Option<Chain>,
    failures: u32,
}

/// Takes an issuance as far as it goes now.
///
/// # Errors
/// When the store does not answer; the job is then due again.
pub(super) async fn run(
    engine: &Engine,
    world: &World,
    certificate: &Certificate,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let name = &certificate.name;
    let mut worker = Worker {
        engine,
        world,
        certificate,
        say: Say {
            engine,
            certificate: name,
        },
        durable: None,
        records: engine.store.records(name.clone()).await?,
        key: None,
        chain: None,
        failures: engine
            .store
            .certificate(name.clone())
            .await?
            .map_or(0, |row| row.failures),
    };
    let ca = &certificate.cas[0];
    let Some(authority) = world.authorities.get(ca) else {
        let failure = fault::operator(format!("CA `{ca}` is not configured"));
        return worker.fail(State::Due, Records::Keep, failure.fault).await;
    };
    let performer = Performer {
        world,
        certificate,
        authority,
        clock: engine.clock.as_ref(),
        say: &Say {
            engine,
            certificate: name,
        },
    };
    let mut transition = worker.begin().await?;
    let mut plan = Vec::new();
    let mut made_key = None;
    loop {
        let Transition { state, records, next } = transition;
        let action = match next {
            Next::Do(action) => action,
            Next::Wait(fault) => return worker.fail(state, records, fault).await,
            Next::GiveWay(fault) => return worker.give_way(&state, fault).await,
            Next::Done => return worker.done(&state).await,
        };
        worker
            .keep(&state, records, std::mem::take(&mut plan), made_key.take())
            .await?;
        if !engine.world().certificates.contains_key(name) {
            let text = "the certificate left the configuration: its order is given up".to_owned();
            info!(cert = %name, state = state.as_str(), "{text}");
            worker.say.send(Stage::End, text, Some(Outcome::Failed));
            return Ok(());
        }
        let performed = tokio::select! {
            biased;
            () = stop.cancelled() => {
                info!(cert = %name, state = state.as_str(), "issuance stops here and goes on at the next start");
                return Ok(());
            }
            performed = performer.perform(action, &state, &worker.records, worker.key.as_ref()) => performed,
        };
        let Performed {
            event,
            plan: planned,
            key,
            chain,
        } = performed;
        plan = planned;
        made_key = key;
        worker.chain = chain.or(worker.chain);
        transition = match issuance::step(state.clone(), event) {
            Ok(transition) => transition,
            Err(bug) => {
                return worker
                    .fail(state, Records::Keep, fault::operator(bug.to_string()).fault)
                    .await;
            }
        };
    }
}

impl Worker<'_> {
    /// Where the last run, or the daemon before this one, left it.
    async fn begin(&mut self) -> Result<Transition, StoreError> {
        let name = &self.certificate.name;
        let wanted = self.certificate.wanted();
        let state = match self.engine.store.issuance(name.clone()).await {
            Ok(Some(issuance)) if issuance.wanted == wanted => {
                info!(cert = %name, state = issuance.state.as_str(), "issuance is taken up again");
                let text = format!("taken up again where it stood: {}", issuance.state.as_str());
                self.say.send(Stage::Begin, text, None);
                self.durable = Some(issuance.state.clone());
                self.key = issuance.key;
                issuance.state
            }
            Ok(Some(_)) => {
                info!(cert = %name, "the configuration changed: the order under way is given up");
                return Ok(anew());
            }
            Ok(None) => {
                self.say.send(Stage::Begin, "issuance begins".into(), None);
                State::Due
            }
            Err(damaged @ StoreError::Damaged { .. }) => {
                error!(cert = %name, error = %damaged, "issuance cannot be read and begins anew");
                return Ok(anew());
            }
            Err(error) => return Err(error),
        };
        Ok(issuance::resume(state, self.engine.clock.now()))
    }

    /// Makes a state durable, unless it is.
    async fn keep(
        &mut self,
        state: &State,
        records: Records,
        plan: Vec<NewRecord>,
        key: Option<Secret>,
    ) -> Result<(), StoreError> {
        if self.durable.as_ref() == Some(state) && records == Records::Keep {
            return Ok(());
        }
        let mut change = self.change(state, records);
        if records == Records::Plan {
            change.plan = Some(plan);
        }
        if key.is_some() {
            self.key.clone_from(&key);
        }
        change.key = key;
        self.apply(change, state, records).await
    }

    async fn apply(&mut self, change: Change, state: &State, records: Records) -> Result<(), StoreError> {
        self.records = self.engine.store.apply(change).await?;
        self.durable = Some(state.clone());
        // a plan too may send records away
        if records != Records::Keep {
            self.engine.wake();
        }
        Ok(())
    }

    async fn fail(&mut self, state: State, records: Records, fault: Fault) -> Result<(), StoreError> {
        let engine = self.engine;
        let name = &self.certificate.name;
        let now = engine.clock.now();
        let failures = self.failures.saturating_add(1);
        let reloaded = !std::ptr::eq(self.world, Arc::as_ptr(&engine.world()));
        let next = if reloaded && fault.class == FaultClass::Operator {
            // the person may have come while this went on with what was there before
            now
        } else {
            whole_second(next_attempt(now, &fault, failures, crate::schedule::Horizon::None, engine.random.u64()))
        };
        let failed_in = self.durable.as_ref().map_or("due", State::as_str).to_owned();
        match fault.class {
            FaultClass::Operator => {
                error!(cert = %name, state = failed_in, attempt = failures, retry_at = %next, error = fault.text, "issuance failed and needs a person");
            }
            _ => {
                warn!(cert = %name, state = failed_in, attempt = failures, retry_at = %next, error = fault.text, "issuance failed; it is tried again");
            }
        }
        let text = fault.text.clone();
        let mut change = self.change(&state, records);
        let last = LastError {
            at: now,
            class: fault.class,
            state: failed_in,
            text: fault.text,
        };
        change.failure = Some((failures, Some(last)));
        change.next_attempt = Some(Some(next));
        self.apply(change, &state, records).await?;
        self.say.send(Stage::End, text, Some(Outcome::Failed));
        Ok(())
    }

    /// Leaves the engine to others while the order waits for them. It is called when a record of theirs is gone,
    /// and otherwise looks again by itself: after as long as it has waited, within bounds.
    async fn give_way(&mut self, state: &State, fault: Fault) -> Result<(), StoreError> {
        let name = &self.certificate.name;
        let now = self.engine.clock.now();
        let entered = self.records.iter().map(|record| record.created_at).max();
        let waited = entered.map_or(Duration::ZERO, |entered| until(entered, now));
        let wait = waited.clamp(ROOM_PATIENCE, LONGEST_LINE);
        let next = whole_second(now.checked_add(wait).unwrap_or(Timestamp::MAX));
        let mut change = Change::of(name.clone(), now);
        change.next_attempt = Some(Some(next));
        if waited < LONG_LINE {
            info!(cert = %name, look_at = %next, reason = fault.text, "order waits for its turn");
        } else {
            warn!(cert = %name, look_at = %next, reason = fault.text, "order waits long for its turn");
            // for `status` to show; it is no failure, and is not counted as one
            let last = LastError {
                at: now,
                class: fault.class,
                state: state.as_str().to_owned(),
                text: fault.text.clone(),
            };
            change.failure = Some((self.failures, Some(last)));
        }
        self.engine.store.apply(change).await?;
        self.say.send(Stage::Publish, fault.text, None);
        // a record that went before the line above was durable called nobody
        if self
            .world
            .publisher
            .is_turn_of(&self.records)
            .await
            .unwrap_or(false)
        {
            let job = Job {
                kind: JobKind::Issue,
                subject: name.to_string(),
                due: now,
            };
            self.engine.store.schedule(job).await?;
        }
        Ok(())
    }

    /// The generation stands: one transaction ends the issuance, plans the renewal and begins the deployment.
    async fn done(&mut self, state: &State) -> Result<(), StoreError> {
        let engine = self.engine;
        let name = &self.certificate.name;
        let (State::Stored { generation }, Some(chain)) = (state, &self.chain) else {
            let failure =
                fault::operator("an issuance ended without a certificate; please report this".into());
            return self.fail(State::Due, Records::Remove, failure.fault).await;
        };
        let now = engine.clock.now();
        let issued = issued(self.certificate, chain, *generation, now, engine.random.u64());
        let (deploying, _) = deployment::step(
            deployment::State::Nothing,
            deployment::Event::Stored {
                generation: *generation,
                at: now,
            },
        );
        info!(cert = %name, serial = issued.serial, not_after = %issued.not_after, renew_at = %issued.renew_at, generation, "certificate issued");
        let mut change = Change::of(name.clone(), now);
        change.issuance = Some(None);
        change.remove_records = true;
        change.next_attempt = Some(Some(issued.renew_at));
        change.issued = Some(issued);
        change.failure = Some((0, None));
        let due = deploying.due();
        change.deployment = Some((deploying, due));
        engine.store.apply(change).await?;
        engine.wake();
        Ok(())
    }

    fn change(&self, state: &State, records: Records) -> Change {
        let mut change = Change::of(self.certificate.name.clone(), self.engine.clock.now());
        change.issuance = Some(Some((self.certificate.wanted(), state.clone())));
        change.remove_records = records == Records::Remove;
        change
    }
}

/// What the store keeps of a new certificate; its renewal is planned here, once.
pub(super) fn issued(
    certificate: &Certificate,
    chain: &Chain,
    generation: u32,
    now: Timestamp,
    random: u64,
) -> Issued {
    let (not_before, not_after) = (chain.not_before(), chain.not_after());
    Issued {
        wanted: certificate.wanted(),
        serial: chain.serial().to_string(),
        not_before,
        not_after,
        generation,
        renew_at: renewal_moment(not_before, not_after, now, random),
    }
}

fn anew() -> Transition {
    Transition {
        state: State::Due,
        records: Records::Remove,
        next: Next::Do(issuance::Action::PlaceOrder),
    }
}

/// Later, never earlier: the CA may have named the second.
fn whole_second(moment: Timestamp) -> Timestamp {
    let up = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Ceil);
    moment.round(up).unwrap_or(moment)
}
