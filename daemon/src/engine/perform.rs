//! Actions of an issuance: each asks one service and answers with an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::{task::spawn_blocking, time::Instant};
use tracing::debug;

use super::{
    Authority, AuthorityError, Certificate, KeySource, Stage, World,
    admission::{self, Pass},
    fault,
    issue::Say,
    queue::until,
};
use crate::{
    acme::{self, Account, AuthorizationStatus, ChallengeKind, ChallengeStatus, OrderStatus, ProblemKind},
    challenge::{Patience, ROOM_PATIENCE},
    clock::Clock,
    dns,
    issuance::{Action, Challenge, Event, Failure, Order, Origin, Scope, State},
    outputs::{Files, Outputs},
    pki::{self, CertId, Chain, PrivateKey},
    schedule::{ChargedBy, Permit},
    secret::Secret,
    store::{Change, NewRecord, Record, StoreError},
    types::{AuthorizationUrl, ChallengeMethod, Fault, FaultClass, Identifier, OrderUrl},
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
    pub(super) say: &'a Say<'a>,
}

/// An event, and what has to be stored with the state that it leads to.
pub(super) struct Performed {
    pub(super) event: Event,
    pub(super) plan: Vec<NewRecord>,
    pub(super) key: Option<Secret>,
    pub(super) chain: Option<Chain>,
}

impl From<Event> for Performed {
    fn from(event: Event) -> Self {
        Performed {
            event,
            plan: Vec::new(),
            key: None,
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
    /// Carries out `action`. A failure is an event too.
    pub(super) async fn perform(
        &self,
        action: Action,
        state: &State,
        records: &[Record],
        key: Option<&Secret>,
    ) -> Performed {
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
            (Action::AwaitRound, State::Answered { order, round }) => self.await_round(order, round).await,
            (Action::AwaitReady, State::Answered { order, .. }) => self.await_ready(order).await,
            (Action::MakeKey, State::Ready { .. }) => self.make_key().await,
            (Action::Finalize { resumed }, State::Finalizing { order, csr }) => {
                self.finalize(order, csr, key, resumed).await
            }
            (Action::Write, State::Issued { chain, .. }) => self.write(chain, key).await,
            (action, state) => Err(misplaced(action, state)),
        };
        result.unwrap_or_else(Performed::from)
    }

    async fn account(&self) -> Result<Account, Failure> {
        self.authority
            .account()
            .await
            .map_err(|error| fault::of_ca(error.fault()))
    }

    async fn place_order(&self, pass: &Pass) -> Result<Performed, Failure> {
        let ca = self.authority.options().acme.name.as_str();
        // an order for a name that nobody can publish for would only be spent
        self.world
            .publisher
            .preflight(&self.certificate.identifiers)
            .await
            .map_err(|error| fault::of_dns(&error))?;
        let account = self.account().await?;
        let (placed, replaces) = self.new_order(&account, pass).await?;
        let (url, order) = placed;
        let ready = match order.status {
            OrderStatus::Pending => false,
            OrderStatus::Ready => true,
            // somebody else's CSR is in it: its certificate is of no use here
            OrderStatus::Processing | OrderStatus::Valid => {
                return Err(fault::transient(format!(
                    "CA `{ca}` answered with the order {url}, which is {} already; a new one is asked for later",
                    order.status
                )));
            }
            OrderStatus::Invalid | OrderStatus::Unknown(_) => {
                return Err(self.invalid(&account, &order).await);
            }
        };
        let followed = match &replaces {
            Some(id) => format!("; it replaces {id}"),
            None => String::new(),
        };
        self.say
            .step(Stage::Order, format!("CA `{ca}` opened order {url}{followed}"));
        let order = Order {
            url,
            finalize: order.finalize,
            authorizations: order.authorizations,
            expires: order.expires,
            exempt: pass.exempt && replaces.is_some(),
        };
        Ok(Event::OrderPlaced { order, ready }.into())
    }

    /// Orders, naming the certificate that is replaced; a CA that does not take that (RFC 9773 5: it was replaced
    /// already, or the field is refused) is asked once more without.
    async fn new_order(
        &self,
        account: &Account,
        pass: &Pass,
    ) -> Result<((OrderUrl, acme::Order), Option<CertId>), Failure> {
        let ca = &self.authority.options().acme.name;
        let profile = self.certificate.profiles.get(ca).map(String::as_str);
        let client = account.client();
        if let Some(profile) = profile {
            let checked = client.check_profile(profile).await;
            checked.map_err(|error| fault::of_ca(Fault::from(&error)))?;
        }
        let directory = client.directory().await;
        let directory = directory.map_err(|error| fault::of_ca(Fault::from(&error)))?;
        let replaces = match directory.renewal_info {
            Some(_) => pass.replaces.as_deref().and_then(CertId::kept),
            None => None,
        };
        let not_after = self.certificate.lifetime.and_then(|lifetime| {
            let lifetime = SignedDuration::try_from(lifetime).ok()?;
            self.clock.now().checked_add(lifetime).ok()
        });
        let mut wish = acme::NewOrder {
            replaces: replaces.as_ref(),
            profile,
            not_before: None,
            not_after,
            ..acme::NewOrder::from(self.certificate.identifiers.as_slice())
        };
        let refused = match account.new_order(wish.clone()).await {
            Ok(placed) => return Ok((placed, replaces.clone())),
            Err(error) if replaces.is_some() && refuses_replacement(&error) => error,
            Err(error) => return Err(self.not_ordered(account, &error).await),
        };
        debug!(cert = %self.certificate.name, error = %refused, "the CA does not take the order as a replacement");
        self.say.step(
            Stage::Order,
            format!("CA `{ca}` does not take it as a replacement ({refused}); it is ordered as a new one"),
        );
        if pass.exempt {
            self.pay_in_full().await?;
        }
        wish.replaces = None;
        match account.new_order(wish).await {
            Ok(placed) => Ok((placed, None)),
            Err(error) => Err(self.not_ordered(account, &error).await),
        }
    }

    /// Why there is no order. A CA that has closed the account, or forgotten it, is given no other by itself.
    async fn not_ordered(&self, account: &Account, error: &acme::Error) -> Failure {
        let unauthorized = error
            .problem()
            .is_some_and(|problem| problem.kind == ProblemKind::Unauthorized);
        let gone = error.is_account_gone() || unauthorized && self.authority.is_closed().await;
        if !gone {
            return fault::of_ca(Fault::from(error));
        }
        let error = AuthorityError::Gone {
            ca: self.authority.options().acme.name.clone(),
            account: account.url().clone(),
        };
        fault::of_ca(error.fault())
    }

    /// The order that would have been exempt from the CA's limits is not.
    async fn pay_in_full(&self) -> Result<(), Failure> {
        let engine = self.say.engine;
        let store = |error: StoreError| fault::transient(error.to_string());
        let counters = admission::counters_of(self.authority, self.certificate);
        let now = self.clock.now();
        let permit = admission::permitted(engine, &counters, true, now)
            .await
            .map_err(store)?;
        if let Permit::NotBefore { at, because } = permit {
            return Err(fault::of_ca(Fault {
                class: FaultClass::Limited,
                not_before: Some(until(now, at)),
                text: format!("the CA takes the order as a new one only, and {because}"),
            }));
        }
        let mut change = Change::of(self.certificate.name.clone(), now);
        change.charges = admission::charges(&counters, ChargedBy::Order);
        engine.store.apply(change).await.map_err(store)?;
        Ok(())
    }

    async fn read_authorizations(&self, order: &Order) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let authorizations = try_join_all(order.authorizations.iter().map(|url| account.authorization(url)))
            .await
            .map_err(|error| fault::of_order(&error))?;
        let mut challenges = Vec::new();
        for (url, authorization) in order.authorizations.iter().zip(&authorizations) {
            if let Some(challenge) =
                open_challenge(&account, &self.certificate.challenges, url, &authorization.value)?
            {
                challenges.push(challenge);
            }
        }
        let (round, plan) = self
            .world
            .publisher
            .plan(challenges)
            .await
            .map_err(|error| fault::of_dns(&error))?;
        let text = match plan.as_slice() {
            [] => "every name is proved already".to_owned(),
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
        match self.world.publisher.publish(records, patience).await {
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
        let deadline = Instant::now() + left(order, challenges, self.clock.now())?.min(patience);
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
        let servers: BTreeSet<String> = report
            .sightings
            .iter()
            .map(|sighting| sighting.address.to_string())
            .collect();
        let servers: Vec<String> = servers.into_iter().collect();
        let text = format!(
            "every record is visible at {} after {:.0?}",
            servers.join(", "),
            report.took
        );
        self.say.step(Stage::Propagate, text);
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

    async fn await_round(&self, order: &Order, round: &[AuthorizationUrl]) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let until = self.patience(order);
        let seen = try_join_all(round.iter().map(|url| account.wait_authorized(url, until)))
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

    async fn await_ready(&self, order: &Order) -> Result<Performed, Failure> {
        let account = self.account().await?;
        let seen = account
            .wait_validated(&order.url, None, self.patience(order))
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

    async fn make_key(&self) -> Result<Performed, Failure> {
        let kind = match &self.certificate.key {
            KeySource::Generate(kind) => *kind,
            KeySource::Request(path) => {
                let text = format!("the request {} is not taken to a CA", path.display());
                return Err(fault::operator(text));
            }
        };
        let identifiers = self.certificate.identifiers.clone();
        let made = spawn_blocking(move || {
            let key = PrivateKey::generate(kind).map_err(|error| error.to_string())?;
            let csr = pki::csr(&key, &identifiers).map_err(|error| error.to_string())?;
            Ok::<_, String>((key.to_pem().map_err(|error| error.to_string())?, csr))
        })
        .await;
        let (key, csr) = match made {
            Ok(made) => made.map_err(fault::operator)?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        Ok(Performed {
            key: Some(key),
            ..Event::KeyMade { csr }.into()
        })
    }

    async fn finalize(
        &self,
        order: &Order,
        csr: &[u8],
        key: Option<&Secret>,
        resumed: bool,
    ) -> Result<Performed, Failure> {
        // the order's certificate could never be used
        self.usable(key)?;
        let account = self.account().await?;
        let of_order = |error: acme::Error| fault::of_order(&error);
        let mut seen = if resumed {
            let seen = account.order(&order.url).await.map_err(of_order)?;
            debug!(order_url = %order.url, status = %seen.value.status, "order read again");
            seen
        } else {
            account.finalize(&order.finalize, csr).await.map_err(of_order)?
        };
        if resumed && seen.value.status == OrderStatus::Ready {
            seen = account.finalize(&order.finalize, csr).await.map_err(of_order)?;
        }
        self.say.step(Stage::Finalize, "the CSR is at the CA".into());
        let issued = account
            .wait_issued(&order.url, seen, self.patience(order))
            .await
            .map_err(of_order)?;
        let url = match (&issued.status, &issued.certificate) {
            (OrderStatus::Valid, Some(url)) => url,
            (OrderStatus::Invalid, _) => return Err(self.invalid(&account, &issued).await),
            (status, _) => {
                let text = format!(
                    "order {} is {status} after finalize; it is ordered anew",
                    order.url
                );
                return Err(fault::refused(text));
            }
        };
        let text = account.certificate(url).await.map_err(of_order)?.pem;
        let chain = self.verified(&text, key)?;
        let until = chain.not_after();
        self.say.step(
            Stage::Finalize,
            format!("certificate {} is valid until {until}", chain.serial()),
        );
        Ok(Performed {
            chain: Some(chain),
            ..Event::Downloaded { chain: text }.into()
        })
    }

    /// The key is here, or is not meant to be.
    fn usable(&self, key: Option<&Secret>) -> Result<(), Failure> {
        match (&self.certificate.key, key) {
            (KeySource::Generate(_), None) => Err(fault::refused(
                "the stored key of the order is gone; it is ordered anew".into(),
            )),
            (KeySource::Generate(_), Some(_)) | (KeySource::Request(_), _) => Ok(()),
        }
    }

    async fn write(&self, chain: &str, key: Option<&Secret>) -> Result<Performed, Failure> {
        self.usable(key)?;
        let chain = self.verified(chain, key)?;
        let files = Files {
            key: key.cloned(),
            certificate: chain.cert_pem().to_owned(),
            chain: chain.chain_pem().to_owned(),
        };
        let outputs = Outputs::new(self.certificate.output.clone());
        let written = match spawn_blocking(move || outputs.write(&files)).await {
            Ok(written) => written.map_err(|error| fault::transient(error.to_string()))?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.say.step(
            Stage::Store,
            format!(
                "generation {} is written to {}",
                written.number,
                written.path.display()
            ),
        );
        Ok(Performed {
            chain: Some(chain),
            ..Event::Written {
                generation: written.number,
            }
            .into()
        })
    }

    /// A chain that does not fit is never used, whoever signed it.
    fn verified(&self, text: &str, key: Option<&Secret>) -> Result<Chain, Failure> {
        let unusable = |error: &dyn std::error::Error| {
            fault::refused(format!(
                "the CA's certificate cannot be used: {error}; it is ordered anew"
            ))
        };
        let chain = Chain::parse(text).map_err(|error| unusable(&error))?;
        let Some(key) = key else {
            todo!();
        };
        let key = PrivateKey::from_pem(key).map_err(|error| unusable(&error))?;
        chain
            .verify(&key.public(), &self.certificate.identifiers)
            .map_err(|error| unusable(&error))?;
        Ok(chain)
    }

    fn patience(&self, order: &Order) -> Timestamp {
        let default = default_end(self.clock.now());
        order.expires.map_or(default, |expires| expires.min(default))
    }

    /// Why an order is invalid, in the CA's own words.
    async fn invalid(&self, account: &Account, order: &acme::Order) -> Failure {
        let mut reasons: Vec<String> = order.error.iter().map(ToString::to_string).collect();
        let mut refused = Vec::new();
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
            Err(error) => reasons.push(format!("its authorizations could not be read: {error}")),
        }
        if reasons.is_empty() {
            reasons.push(format!("the order is {}", order.status));
        }
        Failure {
            refused,
            ..fault::refused(format!("the CA refused: {}", reasons.join("; ")))
        }
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
            fault: Fault {
                class: FaultClass::Transient,
                not_before: None,
                text: format!("order {} expired at {expires}; it is ordered anew", order.url),
            },
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

/// The challenge to meet, of the kind that is wanted most, or `None` when the name is proved already.
fn open_challenge(
    account: &Account,
    wanted: &[ChallengeMethod],
    url: &AuthorizationUrl,
    authorization: &acme::Authorization,
) -> Result<Option<Challenge>, Failure> {
    let name = authorization
        .identifier()
        .ok_or_else(|| fault::operator("the CA asks to prove something that is no DNS name".into()))?;
    match authorization.status {
        AuthorizationStatus::Valid => return Ok(None),
        AuthorizationStatus::Pending => {}
        _ => {
            let why = authorization
                .problem()
                .map(|problem| format!(": {problem}"))
                .unwrap_or_default();
            return Err(fault::refused(format!(
                "authorization of {name} is {}{why}",
                authorization.status
            )));
        }
    }
    let offered = wanted.iter().find_map(|method| {
        let challenge = authorization.challenge(&kind(*method))?;
        Some((*method, challenge))
    });
    let Some((method, challenge)) = offered else {
        let list = |texts: Vec<String>| texts.join(", ");
        return Err(fault::of_ca(Fault {
            class: FaultClass::Operator,
            not_before: None,
            text: format!(
                "the CA offers no {} for {name}, only {}: change `challenges` of the certificate",
                list(wanted.iter().map(ToString::to_string).collect()),
                list(
                    authorization
                        .challenges
                        .iter()
                        .map(|challenge| challenge.kind.to_string())
                        .collect()
                ),
            ),
        }));
    };
    let Some(token) = &challenge.token else {
        return Err(fault::refused(format!(
            "the CA's {method} challenge for {name} has no token"
        )));
    };
    let prefix = match method {
        ChallengeMethod::Dns01 | ChallengeMethod::DnsPersist01 => "_acme-challenge".to_owned(),
        ChallengeMethod::DnsAccount01 => format!("{}._acme-challenge", account.dns_account_label()),
    };
    Ok(Some(Challenge {
        method,
        identifier: name.name().clone(),
        prefix,
        authorization: url.clone(),
        url: challenge.url.clone(),
        token: token.to_string(),
        key_authorization: account.key_authorization(token),
        value: account.dns01_value(token),
        answered: challenge.status != ChallengeStatus::Pending,
        expires: authorization.expires,
    }))
}

fn kind(method: ChallengeMethod) -> ChallengeKind {
    match method {
        ChallengeMethod::Dns01 => ChallengeKind::Dns01,
        ChallengeMethod::DnsAccount01 => ChallengeKind::DnsAccount01,
        ChallengeMethod::DnsPersist01 => ChallengeKind::DnsPersist01,
    }
}

/// RFC 9773 5: `alreadyReplaced`, or a server that does not like the field.
fn refuses_replacement(error: &acme::Error) -> bool {
    let kind = error.problem().map(|problem| &problem.kind);
    matches!(
        kind,
        Some(ProblemKind::AlreadyReplaced | ProblemKind::Malformed | ProblemKind::Unauthorized)
    )
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

    fn order(expires: Option<i64>) -> Order {
        Order {
            url: "https://ca.test/order/1".parse().unwrap(),
            finalize: "https://ca.test/finalize/1".parse().unwrap(),
            authorizations: Vec::new(),
            expires: expires.map(at),
            exempt: false,
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
