//! Actions of an issuance: each asks one service and answers with an event.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    Authority, Certificate, Stage, World, admission::Pass, fault, issue::Say, next_look::NextLook,
    proof::open_challenge, queue::until,
};
use crate::{
    acme::{self, Account, AuthorizationStatus, OrderStatus},
    challenge::{Deadline, OnTheWay, Patience, ROOM_PATIENCE},
    clock::Clock,
    dns,
    issuance::{Action, Challenge, Event, Failure, Order, Origin, Scope, State},
    pki::{Chain, PublicKey},
    secret::Secret,
    store::{NewRecord, Record},
    types::{AuthorizationUrl, Fault, FaultClass, Identifier},
};

/// How long an order may take at a CA that names no `expires`: Let's Encrypt's
/// shortest pending authorization lives an hour.
const ORDER_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What one issuance works with.
pub(super) struct Performer<'a> {
    pub(super) world: &'a World,
    pub(super) certificate: &'a Certificate,
    pub(super) authority: &'a Authority,
    pub(super) clock: &'a dyn Clock,
    /// Leave to place an order, where one may be placed.
    pub(super) pass: Option<&'a Pass>,
    /// Until when the certificate in use is valid.
    pub(super) live_until: Option<Timestamp>,
    pub(super) say: &'a Say<'a>,
    /// Until its first records are published.
    pub(super) on_the_way: OnTheWay,
}

/// An event, and what has to be stored with the state that it leads to.
pub(super) struct Performed {
    pub(super) event: Event,
    pub(super) plan: Vec<NewRecord>,
    pub(super) key: Option<Secret>,
    /// The public half of `key`, or of the key that never comes here.
    pub(super) public: Option<PublicKey>,
    pub(super) chain: Option<Chain>,
}

impl From<Event> for Performed {
    fn from(event: Event) -> Self {
        Performed {
            event,
            plan: Vec::new(),
            key: None,
            public: None,
            chain: None,
        }
    }
}

impl From<Failure> for Performed {
    fn from(failure: Failure) -> Self {
        Event::Failed(failure).into()
    }
}

impl Performer<'_> {
    /// Carries out `action`, with what an action before it has brought. A failure is an event too.
    pub(super) async fn perform(
        &self,
        action: Action,
        state: &State,
        records: &[Record],
        (key, public): (Option<&Secret>, Option<&PublicKey>),
        chain: Option<&Chain>,
    ) -> Performed {
        if !matches!(
            action,
            Action::PlaceOrder | Action::ReadAuthorizations | Action::Publish
        ) {
            // an order that is taken up again further on publishes nothing first
            self.on_the_way.arrive();
        }
        let result = match (action, state) {
            (Action::PlaceOrder, _) => match self.pass {
                Some(pass) => self.place_order(pass).await,
                None => Err(misplaced(action, state)),
            },
            (Action::ReadAuthorizations, state) => match state.order() {
                Some(order) => self.read_authorizations(order).await,
                None => Err(misplaced(action, state)),
            },
            (Action::Publish, State::Presented { order, round }) => {
                self.publish(order, &round.challenges, records).await
            }
            (Action::AwaitVisible, State::Presented { order, round }) => {
                self.await_visible(order, &round.challenges, records).await
            }
            (Action::Answer, State::Visible { round, .. }) => self.answer(&round.challenges).await,
            (Action::AwaitRound, State::Answered { order, round }) => {
                self.await_round(state, order, round).await
            }
            (Action::AwaitReady, State::Answered { order, .. }) => self.await_ready(state, order).await,
            (Action::MakeKey, State::Ready { .. }) => self.make_key().await,
            (Action::Finalize { resumed }, State::Finalizing { order, csr }) => {
                self.finalize(state, order, csr, (key, public), resumed).await
            }
            (Action::Write, State::Issued { chain: text, .. }) => self.write(text, chain, key).await,
            (action, state) => Err(misplaced(action, state)),
        };
        result.unwrap_or_else(Performed::from)
    }

    pub(super) async fn account(&self) -> Result<Account, Failure> {
        self.authority
            .account()
            .await
            .map_err(|error| fault::of_ca(error.fault()))
    }

    async fn read_authorizations(&self, order: &Order) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let authorizations = try_join_all(order.authorizations.iter().map(|url| account.authorization(url)))
            .await
            .map_err(|error| fault::of_order(&error))?;
        let mut challenges = Vec::new();
        for (url, authorization) in order.authorizations.iter().zip(&authorizations) {
            if let Some(mut challenge) = open_challenge(
                &account,
                self.certificate,
                url,
                &authorization.value,
                self.clock.now(),
            )? {
                // as of an order
                challenge.expires = challenge.expires.filter(|expires| *expires > self.clock.now());
                challenges.push(challenge);
            }
        }
        let (round, plan) = self
            .world
            .publisher
            .plan(challenges, self.clock.now())
            .await
            .map_err(|error| fault::of_dns(&error))?;
        let text = match plan.as_slice() {
            [] if round.challenges.is_empty() => "every name is proved already".to_owned(),
            [] => "every name has its standing record".to_owned(),
            plan => {
                let mut places: BTreeMap<_, usize> = BTreeMap::new();
                for record in plan {
                    *places.entry((&record.owner, &record.instance)).or_default() += 1;
                }
                let places: Vec<String> = places
                    .into_iter()
                    .map(|((owner, instance), count)| format!("{count} TXT at {owner} through `{instance}`"))
                    .collect();
                let more = if round.more { ", and more afterwards" } else { "" };
                format!("to prove: {}{more}", places.join(", "))
            }
        };
        self.say.step(Stage::Authorize, text);
        Ok(Performed {
            plan,
            ..Event::AuthorizationsRead { round }.into()
        })
    }

    async fn publish(
        &self,
        order: &Order,
        challenges: &[Challenge],
        records: &[Record],
    ) -> Result<Performed, Failure> {
        let left = left(order, challenges, self.clock.now())?;
        let entered = records.iter().map(|record| record.created_at).max();
        let room = entered
            .and_then(|entered| entered.checked_add(ROOM_PATIENCE).ok())
            .map_or(Duration::ZERO, |moment| until(self.clock.now(), moment));
        let now = Instant::now();
        let patience = Patience {
            // a clock that was set back makes no longer wait
            room: now + room.min(ROOM_PATIENCE).min(left),
            end: now + left,
        };
        match self
            .world
            .publisher
            .publish(records, patience, &self.on_the_way)
            .await
        {
            Ok(()) => {}
            Err(error) if error.is_turn_of_others() => return Ok(Event::NoRoom(error.fault()).into()),
            Err(error) => {
                return Err(fault::of_dns(&error));
            }
        }
        self.say
            .step(Stage::Publish, "the provider accepted the records".into());
        Ok(Event::Published.into())
    }

    async fn await_visible(
        &self,
        order: &Order,
        challenges: &[Challenge],
        records: &[Record],
    ) -> Result<Performed, Failure> {
        let patience = match self.world.propagation_timeout {
            Some(configured) => configured,
            None => {
                let hint = self.world.publisher.typical_worst_case(records).await;
                dns::DEFAULT_PROPAGATION_TIMEOUT.max(hint)
            }
        };
        let (now, left) = (Instant::now(), left(order, challenges, self.clock.now())?);
        let deadline = Deadline {
            by: now + left.min(patience),
            end: now + left,
            is_strict: self.world.propagation_timeout.is_some(),
        };
        let mut last = String::new();
        let on_progress = |progress: dns::Progress| {
            let lagging: Vec<String> = progress.lagging().map(ToString::to_string).collect();
            let text = lagging.join("; ");
            // servers are asked many times a second: only what changed is news
            if !text.is_empty() && text != last {
                self.say.send(Stage::Propagate, text.clone(), None);
                last = text;
            }
        };
        let report = self
            .world
            .publisher
            .await_visible(records, deadline, on_progress)
            .await
            .map_err(|error| fault::of_dns(&error))?;
        self.say.step(Stage::Propagate, report.to_string());
        Ok(Event::SeenEverywhere.into())
    }

    async fn answer(&self, challenges: &[Challenge]) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let open = challenges.iter().filter(|challenge| !challenge.answered);
        try_join_all(open.map(|challenge| account.answer(&challenge.url)))
            .await
            .map_err(|error| fault::of_order(&error))?;
        self.say.step(Stage::Validate, "the CA was told to look".into());
        Ok(Event::Answered.into())
    }

    async fn await_round(
        &self,
        state: &State,
        order: &Order,
        round: &[AuthorizationUrl],
    ) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let next_look = NextLook::of(self, state, order);
        let (left, patience) = (next_look.left(), next_look.patience());
        let seen = try_join_all(
            round
                .iter()
                .map(|url| account.wait_authorized(url, left, patience)),
        )
        .await
        .map_err(|error| fault::of_order(&error))?;
        if seen
            .iter()
            .any(|authorization| authorization.status != AuthorizationStatus::Valid)
        {
            let order = account.order(&order.url).await;
            let order = order.map_err(|error| fault::of_order(&error))?;
            return Err(self.invalid(&account, &order.value).await);
        }
        self.say.step(
            Stage::Validate,
            "the CA saw these records; the next ones follow".into(),
        );
        Ok(Event::RoundProved.into())
    }

    async fn await_ready(&self, state: &State, order: &Order) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let next_look = NextLook::of(self, state, order);
        let seen = account
            .wait_validated(&order.url, next_look.left(), next_look.patience())
            .await
            .map_err(|error| fault::of_order(&error))?;
        match seen.status {
            OrderStatus::Ready => {
                self.say.step(Stage::Validate, "the CA saw every record".into());
                Ok(Event::OrderReady.into())
            }
            OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Valid => {
                Err(fault::refused(format!(
                    "order {} is {} without our CSR; it is ordered anew",
                    order.url, seen.status
                )))
            }
            OrderStatus::Invalid | OrderStatus::Unknown(_) => Err(self.invalid(&account, &seen).await),
        }
    }

    pub(super) fn patience(&self, order: &Order) -> Timestamp {
        let default = default_end(self.clock.now());
        order.expires.map_or(default, |expires| expires.min(default))
    }

    /// Why an order is invalid, in the CA's own words.
    pub(super) async fn invalid(&self, account: &Account, order: &acme::Order) -> Failure {
        let mut reasons: Vec<String> = order.error.iter().map(ToString::to_string).collect();
        let mut refused = Vec::new();
        let mut not_before = None;
        match account.failed_authorizations(order).await {
            Ok(failed) => {
                for failed in failed {
                    let name = failed
                        .identifier
                        .as_ref()
                        .map_or_else(|| failed.url.to_string(), Identifier::to_string);
                    reasons.push(match &failed.problem {
                        Some(problem) => format!("{name}: {problem}"),
                        None => format!("{name} is {}", failed.status),
                    });
                    refused.extend(failed.identifier.map(|identifier| identifier.name().clone()));
                }
            }
            Err(error) => {
                // the next order asks no earlier
                not_before = Fault::from(&error).not_before;
                reasons.push(format!("its authorizations could not be read: {error}"));
            }
        }
        if reasons.is_empty() {
            reasons.push(format!("the order is {}", order.status));
        }
        let mut failure = fault::refused(format!("the CA refused: {}", reasons.join("; ")));
        failure.fault.not_before = not_before;
        failure.refused = refused;
        failure
    }
}

/// Until the CA forgets what it wanted to see.
fn left(order: &Order, challenges: &[Challenge], now: Timestamp) -> Result<Duration, Failure> {
    let expires = challenges
        .iter()
        .filter_map(|challenge| challenge.expires)
        .chain(order.expires)
        .min()
        .unwrap_or_else(|| default_end(now));
    match until(now, expires) {
        Duration::ZERO => Err(Failure {
            fault: Fault::new(
                FaultClass::Transient,
                format!("order {} expired at {expires}; it is ordered anew", order.url),
            ),
            scope: Scope::Order,
            origin: Origin::Here,
            refused: Vec::new(),
        }),
        left => Ok(left),
    }
}

fn default_end(now: Timestamp) -> Timestamp {
    now.checked_add(ORDER_PATIENCE).unwrap_or(Timestamp::MAX)
}

fn misplaced(action: Action, state: &State) -> Failure {
    fault::operator(format!(
        "{action:?} makes no sense while {}; please report this",
        state.as_str()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ChallengeMethod;

    fn order(expires: Option<i64>) -> Order {
        Order {
            url: "https://ca.test/order/1".parse().unwrap(),
            finalize: "https://ca.test/finalize/1".parse().unwrap(),
            authorizations: Vec::new(),
            expires: expires.map(at),
            exempt: false,
            look_at: None,
        }
    }

    fn challenge(expires: Option<i64>) -> Challenge {
        Challenge {
            method: ChallengeMethod::Dns01,
            identifier: "a.test".parse().unwrap(),
            prefix: "_acme-challenge".into(),
            authorization: "https://ca.test/authz/1".parse().unwrap(),
            url: "https://ca.test/challenge/1".parse().unwrap(),
            token: "t".into(),
            key_authorization: "t.k".into(),
            value: "v".into(),
            answered: false,
            expires: expires.map(at),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn no_wait_outlasts_what_the_ca_remembers() {
        let left = |order: Option<i64>, authorization: Option<i64>| {
            left(&self::order(order), &[challenge(authorization)], at(1000)).map(|left| left.as_secs())
        };
        assert_eq!(left(Some(1030), Some(1020)), Ok(20));
        assert_eq!(left(Some(1010), None), Ok(10));
        assert_eq!(left(None, None), Ok(3600));
        for (order, authorization) in [(Some(1000), None), (Some(400), None), (Some(2000), Some(999))] {
            let failure = left(order, authorization).unwrap_err();
            assert_eq!(failure.scope, Scope::Order, "it is of no use any more");
        }
    }
}
