//! Asks a CA for an order.

use jiff::SignedDuration;
use tracing::debug;

use super::{
    AuthorityError, Stage,
    admission::{self, Pass},
    fault,
    perform::{Performed, Performer},
    queue::until,
};
use crate::{
    acme::{self, Account, OrderStatus, ProblemKind},
    issuance::{Event, Failure, Order},
    pki::CertId,
    schedule::ChargedBy,
    store::{Change, Charge, StoreError},
    types::{ChallengeMethod, Fault, FaultClass, OrderUrl},
};

impl Performer<'_> {
    pub(super) async fn place_order(&self, pass: &Pass) -> Result<Performed, Failure> {
        let ca = self.authority.options().acme.name.as_str();
        // an order for a name that nobody can publish for would only be spent; a standing record needs nobody
        let locations = match self.certificate.challenges.first() {
            Some(ChallengeMethod::DnsPersist01) => Vec::new(),
            _ => {
                let located = self
                    .world
                    .publisher
                    .locations(&self.certificate.identifiers)
                    .await;
                located.map_err(|error| fault::of_dns(&error))?
            }
        };
        let account = self.account().await?;
        self.look_ahead(&account, &locations).await?;
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
            // one that has ended when it comes tells of a wrong clock, and nothing of the order
            expires: order.expires.filter(|expires| *expires > self.clock.now()),
            exempt: pass.exempt && replaces.is_some(),
            look_at: None,
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
        self.pay(pass.charges.clone()).await?;
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
        let permitted = admission::permitted(engine, &counters, true, now)
            .await
            .map_err(store)?;
        let _reservation = match permitted {
            Ok(reservation) => reservation,
            Err(hold) => {
                let text = format!("the CA takes the order as a new one only, and {}", hold.because);
                return Err(fault::of_ca(Fault {
                    not_before: Some(until(now, hold.until)),
                    ..Fault::new(FaultClass::Limited, text)
                }));
            }
        };
        self.pay(admission::charges(&counters, ChargedBy::Order)).await
    }

    /// What a request costs is durable before it is sent.
    async fn pay(&self, charges: Vec<Charge>) -> Result<(), Failure> {
        if charges.is_empty() {
            return Ok(());
        }
        let mut change = Change::of(self.certificate.name.clone(), self.clock.now());
        change.charges = charges;
        let kept = self.say.engine.store.apply(change).await;
        kept.map(drop)
            .map_err(|error| fault::transient(error.to_string()))
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
