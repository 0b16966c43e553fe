//! The worker of one issuance: makes each state durable, then acts on it.

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    Certificate, Engine, Outcome, Progress, Stage, World,
    admission::{self, Admission},
    fault,
    perform::{Performed, Performer},
};
use crate::{
    issuance::{self, Action, Event, Next, Order, Origin, Records, State, Transition},
    pki::{Chain, PublicKey},
    schedule::{ChargedBy, choose_ca},
    secret::Secret,
    store::{CertificateRow, Change, NewRecord, Record, StoreError},
    types::{CaName, CertificateName},
};

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
pub(super) struct Worker<'a> {
    pub(super) engine: &'a Engine,
    /// The configuration that it began with.
    pub(super) world: &'a World,
    pub(super) certificate: &'a Certificate,
    pub(super) say: Say<'a>,
    /// As it stood when the work began.
    pub(super) row: CertificateRow,
    /// Who is asked.
    pub(super) ca: CaName,
    /// What the store knows.
    pub(super) durable: Option<State>,
    pub(super) records: Vec<Record>,
    key: Option<Secret>,
    /// Of the key, where this run has made it: reading it out of its text costs as much as making it.
    public: Option<PublicKey>,
    pub(super) chain: Option<Chain>,
}

/// What goes into the transaction of a state beside the state.
#[derive(Default)]
struct With {
    plan: Vec<NewRecord>,
    key: Option<Secret>,
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
    let Some(row) = engine.store.certificate(name.clone()).await? else {
        return Ok(());
    };
    let Some(preferred) = certificate.cas.first() else {
        return Ok(());
    };
    let mut worker = Worker {
        engine,
        world,
        certificate,
        say: Say {
            engine,
            certificate: name,
        },
        row,
        ca: preferred.clone(),
        durable: None,
        records: engine.store.records(name.clone()).await?,
        key: None,
        public: None,
        chain: None,
    };
    let mut transition = worker.begin().await?;
    let mut pass = None;
    if transition.next == Next::Do(Action::PlaceOrder) {
        match admission::admit(engine, world, certificate, &worker.row).await? {
            Admission::Hold(hold) => return worker.hold(hold, transition.records).await,
            Admission::Go(leave) => {
                worker.ca = leave.ca.clone();
                worker.is_held_no_more().await?;
                pass = Some(leave);
            }
        }
    }
    let Some(authority) = world.authorities.get(&worker.ca) else {
        let failure = fault::operator(format!("CA `{}` is not configured", worker.ca));
        return worker
            .fail(transition.state, transition.records, failure.into())
            .await;
    };
    let _ordering = authority.ordering().await;
    // an order of before counts when its certificate is asked for, as one that was let through now does
    let _reserved = match (&pass, transition.state.order()) {
        (None, Some(order)) if !order.exempt => Some(
            engine
                .reserved
                .take(&admission::counters_of(authority, certificate)),
        ),
        _ => None,
    };
    let performer = Performer {
        world,
        certificate,
        authority,
        clock: engine.clock.as_ref(),
        pass: pass.as_ref(),
        live_until: worker.row.issued.as_ref().map(|issued| issued.not_after),
        say: &Say {
            engine,
            certificate: name,
        },
        on_the_way: world.publisher.on_the_way(),
    };
    let mut with = With::default();
    let mut blame = None;
    loop {
        let Transition { state, records, next } = transition;
        let action = match next {
            Next::Do(action) => action,
            Next::Wait(fault) => {
                let failure = blame.take().unwrap_or_else(|| Blame::nobody(fault));
                return worker.fail(state, records, failure).await;
            }
            Next::GiveWay(fault) => return worker.give_way(&state, fault).await,
            Next::Done => return worker.done(&state).await,
        };
        worker.keep(&state, records, std::mem::take(&mut with)).await?;
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
            performed = performer.perform(action, &state, &worker.records, worker.keys(), worker.chain.as_ref()) => performed,
        };
        let Performed {
            event,
            plan,
            key,
            public,
            chain,
        } = performed;
        with = With { plan, key };
        worker.public = public.or(worker.public);
        worker.chain = chain.or(worker.chain);
        if let Event::Failed(failure) = &event {
            blame = Some(Blame::from(failure.clone()));
        }
        transition = match issuance::step(state.clone(), event) {
            Ok(transition) => transition,
            Err(bug) => {
                let failure = fault::operator(bug.to_string());
                return worker.fail(state, Records::Keep, failure.into()).await;
            }
        };
    }
}

/// Whose failure it was, and of which names.
pub(super) struct Blame {
    pub(super) fault: crate::types::Fault,
    pub(super) origin: Origin,
    /// Names that the CA could not validate.
    pub(super) refused: Vec<crate::types::DnsName>,
}

impl Blame {
    fn nobody(fault: crate::types::Fault) -> Self {
        Blame {
            fault,
            origin: Origin::Here,
            refused: Vec::new(),
        }
    }
}

impl From<issuance::Failure> for Blame {
    fn from(failure: issuance::Failure) -> Self {
        Blame {
            fault: failure.fault,
            origin: failure.origin,
            refused: failure.refused,
        }
    }
}

impl Worker<'_> {
    /// The key of the CSR, as far as it is known here.
    fn keys(&self) -> (Option<&Secret>, Option<&PublicKey>) {
        (self.key.as_ref(), self.public.as_ref())
    }

    /// Where the last run, or the daemon before this one, left it.
    async fn begin(&mut self) -> Result<Transition, StoreError> {
        let name = &self.certificate.name;
        let wanted = self.certificate.wanted();
        let issuance = match self.engine.store.issuance(name.clone()).await {
            Ok(Some(issuance)) => issuance,
            Ok(None) => {
                self.say.send(Stage::Begin, "issuance begins".into(), None);
                return Ok(issuance::resume(State::Due, self.engine.clock.now()));
            }
            Err(damaged @ StoreError::Damaged { .. }) => {
                error!(cert = %name, error = %damaged, "issuance cannot be read and begins anew");
                return Ok(anew());
            }
            Err(error) => return Err(error),
        };
        let ca = issuance
            .ca
            .clone()
            .or_else(|| issuance.wanted.cas.first().cloned());
        let Some(ca) = ca.filter(|ca| wanted.is_served_by(&issuance.wanted, ca)) else {
            info!(cert = %name, "the configuration changed: the order under way is given up");
            return self.abandon(issuance.ca.as_ref(), &issuance.state).await;
        };
        if self.is_given_up_on(&ca, &issuance.state) {
            let text = format!("CA `{ca}` keeps failing: another one is asked");
            self.say.step(Stage::Begin, text);
            return self.abandon(Some(&ca), &issuance.state).await;
        }
        info!(cert = %name, state = issuance.state.as_str(), "issuance is taken up again");
        let text = format!("taken up again where it stood: {}", issuance.state.as_str());
        self.say.send(Stage::Begin, text, None);
        self.durable = Some(issuance.state.clone());
        self.key = issuance.key;
        self.ca = ca;
        Ok(issuance::resume(issuance.state, self.engine.clock.now()))
    }

    /// The CA is not the one that would be asked now. From the CSR on the certificate may exist, so much more has to
    /// go wrong then.
    fn is_given_up_on(&self, ca: &CaName, state: &State) -> bool {
        let now = self.engine.clock.now();
        let urgent = admission::is_urgent(Some(&self.row), now);
        let failures = self.row.troubles.get(ca).map_or(0, |trouble| trouble.failures);
        if is_past_the_csr(state) && !urgent && failures < PATIENCE_AFTER_CSR {
            return false;
        }
        let chosen = choose_ca(&self.certificate.cas, &self.row.troubles, urgent, now);
        chosen.is_some_and(|chosen| chosen != ca)
    }

    /// Ends an order that nobody will finish: its records go, and its open authorizations are given back, so that
    /// they do not count against the account.
    async fn abandon(&mut self, ca: Option<&CaName>, state: &State) -> Result<Transition, StoreError> {
        let mut change = Change::of(self.certificate.name.clone(), self.engine.clock.now());
        change.issuance = Some(None);
        change.remove_records = true;
        self.records = self.engine.store.apply(change).await?;
        self.engine.wake();
        let authority = ca.and_then(|ca| self.world.authorities.get(ca));
        if let (Some(authority), Some(order)) = (authority, state.order()) {
            give_back(authority, order, self.say.certificate).await;
        }
        Ok(issuance::resume(State::Due, self.engine.clock.now()))
    }

    async fn is_held_no_more(&mut self) -> Result<(), StoreError> {
        if self.row.hold.is_none() {
            return Ok(());
        }
        let mut change = Change::of(self.certificate.name.clone(), self.engine.clock.now());
        change.hold = Some(None);
        self.records = self.engine.store.apply(change).await?;
        Ok(())
    }

    /// Makes a state durable, unless it is.
    async fn keep(&mut self, state: &State, records: Records, with: With) -> Result<(), StoreError> {
        if self.durable.as_ref() == Some(state) && records == Records::Keep {
            return Ok(());
        }
        let mut change = self.change(state, records);
        if records == Records::Plan {
            change.plan = Some(with.plan);
        }
        if let (Some(State::Ready { order }), State::Finalizing { .. }) = (&self.durable, state) {
            self.begin_certificate(&mut change, order);
        }
        if with.key.is_some() {
            self.key.clone_from(&with.key);
        }
        change.key = with.key;
        self.apply(change, state, records).await
    }

    /// From here on the CA may issue.
    fn begin_certificate(&self, change: &mut Change, order: &Order) {
        change.begun = Some((self.ca.clone(), self.row.cause));
        if let Some(authority) = self.world.authorities.get(&self.ca)
            && !order.exempt
        {
            let counters = admission::counters_of(authority, self.certificate);
            change.charges = admission::charges(&counters, ChargedBy::Certificate);
        }
    }

    pub(super) async fn apply(
        &mut self,
        change: Change,
        state: &State,
        records: Records,
    ) -> Result<(), StoreError> {
        self.records = self.engine.store.apply(change).await?;
        self.durable = Some(state.clone());
        // a plan too may send records away
        if records != Records::Keep {
            self.engine.wake();
        }
        Ok(())
    }

    pub(super) fn change(&self, state: &State, records: Records) -> Change {
        let mut change = Change::of(self.certificate.name.clone(), self.engine.clock.now());
        let wanted = self.certificate.wanted();
        change.issuance = Some(Some((wanted, self.ca.clone(), state.clone())));
        change.remove_records = records == Records::Remove;
        change
    }
}

/// The certificate may exist: no other CA is asked before that is known.
fn is_past_the_csr(state: &State) -> bool {
    match state {
        State::Finalizing { .. } | State::Issued { .. } | State::Stored { .. } => true,
        State::Due
        | State::Ordered { .. }
        | State::Presented { .. }
        | State::Visible { .. }
        | State::Answered { .. }
        | State::Ready { .. } => false,
    }
}

/// RFC 8555 7.5.2, as far as it goes in a few seconds: nothing depends on it.
async fn give_back(authority: &super::Authority, order: &Order, certificate: &CertificateName) {
    let given_back = tokio::time::timeout(GIVING_BACK, authority.deactivate(&order.authorizations)).await;
    match given_back {
        Ok(Ok(count)) if count > 0 => {
            info!(cert = %certificate, order_url = %order.url, authorizations = count, "authorizations of the order are given back");
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            info!(cert = %certificate, order_url = %order.url, %error, "authorizations of the order were not given back");
        }
        Err(_) => {
            info!(cert = %certificate, order_url = %order.url, "authorizations of the order were not given back in time");
        }
    }
}

/// Failures after which even an order whose CSR was sent is given up for another CA.
const PATIENCE_AFTER_CSR: u32 = 10;
/// Longest time for giving authorizations back.
const GIVING_BACK: std::time::Duration = std::time::Duration::from_secs(10);

fn anew() -> Transition {
    Transition {
        state: State::Due,
        records: Records::Remove,
        next: Next::Do(Action::PlaceOrder),
    }
}
