//! How a worker leaves an issuance: it failed, gives way, is held back, or is done.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::{
    Certificate, Outcome, Stage, admission, fault,
    issue::{Blame, Worker},
    persist,
    queue::until,
};
use crate::{
    challenge::ROOM_PATIENCE,
    deployment,
    issuance::{Origin, Records, State},
    pki::Chain,
    schedule::{
        CaTrouble, CaTroubles, Cause, ChargedBy, Horizon, RenewalInfo, choose_ca, next_attempt,
        renewal_moment,
    },
    store::{Change, Hold, Issued, Job, JobKind, LastError, Note, StoreError},
    types::{AccountUrl, CaName, Fault, FaultClass, Identifier},
};

/// Longest time after which an order that waits for its turn looks by itself whether it has come.
const LONGEST_LINE: Duration = Duration::from_secs(300);
/// A turn of another order takes minutes: what lasts longer than this is shown as a trouble.
const LONG_LINE: Duration = Duration::from_secs(600);

impl Worker<'_> {
    pub(super) async fn fail(
        &mut self,
        state: State,
        records: Records,
        blame: Blame,
    ) -> Result<(), StoreError> {
        let engine = self.engine;
        let name = &self.certificate.name;
        let now = engine.clock.now();
        let failures = self.row.failures.saturating_add(1);
        let troubles = self.troubles(&blame, now);
        let fault = &blame.fault;
        let reloaded = !std::ptr::eq(self.world, Arc::as_ptr(&engine.world()));
        let next = if reloaded && fault.class == FaultClass::Operator {
            // the person may have come while this went on with what was there before
            now
        } else if self.another_is_next(&troubles, now) {
            // it has not refused anything yet
            let another = Fault::new(FaultClass::Transient, String::new());
            whole_second(next_attempt(now, &another, 1, Horizon::None, engine.random.u64()))
        } else {
            let horizon = self
                .row
                .issued
                .as_ref()
                .map_or(Horizon::None, |issued| Horizon::Ends(issued.not_after));
            whole_second(next_attempt(now, fault, failures, horizon, engine.random.u64()))
        };
        let failed_in = self.durable.as_ref().map_or("due", State::as_str).to_owned();
        match fault.class {
            FaultClass::Operator => {
                error!(cert = %name, ca = %self.ca, state = failed_in, attempt = failures, retry_at = %next, error = fault.text, "issuance failed and needs a person");
            }
            FaultClass::Transient | FaultClass::Refused | FaultClass::Limited => {
                warn!(cert = %name, ca = %self.ca, state = failed_in, attempt = failures, retry_at = %next, error = fault.text, "issuance failed; it is tried again");
            }
        }
        let text = blame.fault.text.clone();
        let mut change = self.change(&state, records);
        change.charges = self.charges_of(&blame);
        change.still_begun = matches!(self.durable, Some(State::Finalizing { .. }));
        change.troubles = Some(troubles);
        change.notes = vec![Note {
            at: now,
            kind: "failed".into(),
            text: format!("CA `{}`: {text}", self.ca),
        }];
        let last = LastError {
            at: now,
            class: fault.class,
            state: failed_in,
            text: text.clone(),
            page: fault.page.clone(),
        };
        change.failure = Some((failures, Some(last)));
        change.next_attempt = Some(Some(next));
        self.apply(change, &state, records).await?;
        self.say.send(Stage::End, text, Some(Outcome::Failed));
        Ok(())
    }

    /// How the CA's record looks after this failure.
    fn troubles(&self, blame: &Blame, now: Timestamp) -> CaTroubles {
        let mut troubles = self.row.troubles.clone();
        if blame.origin == Origin::Ca {
            let before = troubles.get(&self.ca).map_or(0, |trouble| trouble.failures);
            let trouble = CaTrouble {
                failures: before.saturating_add(1),
                at: now,
                hopeless: blame.fault.class == FaultClass::Operator,
            };
            troubles.insert(self.ca.clone(), trouble);
        }
        troubles
    }

    /// The next try is another CA's.
    fn another_is_next(&self, troubles: &CaTroubles, now: Timestamp) -> bool {
        let urgent = admission::is_urgent(Some(&self.row), now);
        let next = choose_ca(&self.certificate.cas, troubles, urgent, now);
        next.is_some_and(|next| *next != self.ca)
    }

    fn charges_of(&self, blame: &Blame) -> Vec<crate::store::Charge> {
        let Some(authority) = self.world.authorities.get(&self.ca) else {
            return Vec::new();
        };
        let refused = Certificate {
            identifiers: blame.refused.iter().cloned().map(Identifier::from).collect(),
            ..self.certificate.clone()
        };
        let counters = admission::counters_of(authority, &refused);
        admission::charges(&counters, ChargedBy::Failure)
    }

    /// Leaves an order for later that would be refused, or would be one too many. Nothing has failed.
    pub(super) async fn hold(&mut self, hold: Hold, records: Records) -> Result<(), StoreError> {
        let name = &self.certificate.name;
        let now = self.engine.clock.now();
        let until = whole_second(hold.until).max(now);
        warn!(cert = %name, until = %until, reason = hold.because, "order is held back");
        let text = format!("not before {until:.0}: {}", hold.because);
        let mut change = Change::of(name.clone(), now);
        change.remove_records = records == Records::Remove;
        if records == Records::Remove {
            change.issuance = Some(None);
        }
        if self
            .row
            .hold
            .as_ref()
            .is_none_or(|before| before.because != hold.because)
        {
            change.notes = vec![Note {
                at: now,
                kind: "held".into(),
                text: text.clone(),
            }];
        }
        change.next_attempt = Some(Some(until));
        change.hold = Some(Some(Hold { until, ..hold }));
        self.engine.store.apply(change).await?;
        self.engine.wake();
        self.say.send(Stage::End, text, Some(Outcome::Failed));
        Ok(())
    }

    /// Leaves the engine to others while the order waits for them. It is called when a record of theirs is gone,
    /// and otherwise looks again by itself: after as long as it has waited, within bounds.
    pub(super) async fn give_way(&mut self, state: &State, fault: Fault) -> Result<(), StoreError> {
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
                page: None,
            };
            change.failure = Some((self.row.failures, Some(last)));
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
    pub(super) async fn done(&mut self, state: &State) -> Result<(), StoreError> {
        let engine = self.engine;
        let name = &self.certificate.name;
        let (State::Stored { generation }, Some(chain)) = (state, &self.chain) else {
            let failure =
                fault::operator("an issuance ended without a certificate; please report this".into());
            return self.fail(State::Due, Records::Remove, failure.into()).await;
        };
        let now = engine.clock.now();
        let account = match self.world.authorities.get(&self.ca) {
            Some(authority) => authority.known_account().await,
            None => None,
        };
        let by = IssuedBy {
            ca: self.ca.clone(),
            account,
        };
        let issued = issued(self.certificate, chain, *generation, by, now, engine.random.u64());
        let (deploying, _) = deployment::step(
            deployment::State::Nothing,
            deployment::Event::Stored {
                generation: *generation,
                at: now,
            },
        );
        info!(cert = %name, ca = %self.ca, serial = issued.serial, not_after = %issued.not_after, renew_at = %issued.renew_at, generation, "certificate issued");
        let mut change = Change::of(name.clone(), now);
        change.issuance = Some(None);
        change.still_begun = true;
        change.remove_records = true;
        change.next_attempt = Some(Some(issued.renew_at));
        change.renewal_info = Some(issued.cert_id.clone().map(|id| RenewalInfo::new(id, now)));
        change.cause = Some(Cause::Planned);
        change.hold = Some(None);
        let mut troubles = self.row.troubles.clone();
        troubles.remove(&self.ca);
        change.troubles = Some(troubles);
        change.notes = vec![Note {
            at: now,
            kind: "issued".into(),
            text: format!(
                "CA `{}` issued {}, valid until {:.0}; cause: {}",
                self.ca,
                issued.serial,
                issued.not_after,
                self.row.cause.as_str()
            ),
        }];
        change.issued = Some(issued);
        change.failure = Some((0, None));
        let due = deploying.due();
        change.deployment = Some((deploying, due));
        engine.store.apply(change).await?;
        if persist::is_watched(self.certificate) {
            let due = now.checked_add(persist::WATCH).unwrap_or(Timestamp::MAX);
            let (kind, subject) = (JobKind::Standing, name.to_string());
            engine.store.schedule(Job { kind, subject, due }).await?;
        }
        engine.wake();
        Ok(())
    }
}

/// Where a certificate is from.
pub(super) struct IssuedBy {
    pub(super) ca: CaName,
    pub(super) account: Option<AccountUrl>,
}

/// What the store keeps of a new certificate; its renewal is planned here, once.
pub(super) fn issued(
    certificate: &Certificate,
    chain: &Chain,
    generation: u32,
    by: IssuedBy,
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
        ca: Some(by.ca),
        account: by.account,
        cert_id: chain.cert_id().map(|id| id.to_string()),
        revoked: false,
    }
}

/// Later, never earlier: the CA may have named the second.
fn whole_second(moment: Timestamp) -> Timestamp {
    let up = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Ceil);
    moment.round(up).unwrap_or(moment)
}
