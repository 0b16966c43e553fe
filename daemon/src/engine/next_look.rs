//! When the CA wants to be asked about an order again: as durable as the order, so that a daemon that is started
//! meanwhile asks no earlier.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use parking_lot::Mutex;
use tracing::warn;

use super::{perform::Performer, queue::until};
use crate::{
    acme::{Memory, Patience},
    issuance::{Order, State},
    store::Change,
};

/// Shorter waits are over when a daemon is there again (`RestartSec=` of its unit), and not worth a transaction each:
/// Let's Encrypt asks for three seconds again and again.
const WORTH_KEEPING: Duration = Duration::from_secs(5);

/// The moment of the next look at an order, or at its authorizations.
pub(super) struct NextLook<'a> {
    performer: &'a Performer<'a>,
    state: &'a State,
    until: Timestamp,
    /// Several authorizations have several moments: the last one counts, which is too early for none.
    moment: Mutex<Option<Timestamp>>,
}

impl<'a> NextLook<'a> {
    /// As the state has it.
    pub(super) fn of(performer: &'a Performer<'a>, state: &'a State, order: &Order) -> Self {
        let until = performer.patience(order);
        NextLook {
            performer,
            state,
            until,
            // one that lies behind the end of all patience was never kept: the clock was set back
            moment: Mutex::new(order.look_at.filter(|moment| *moment <= until)),
        }
    }

    /// What is left of the wait that the CA asked for.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = until(self.performer.clock.now(), (*self.moment.lock())?);
        (!left.is_zero()).then_some(left)
    }

    /// For looks that remember.
    pub(super) fn patience(&self) -> Patience<'_> {
        Patience {
            until: self.until,
            memory: Some(self),
        }
    }

    fn is_news(&self, moment: Timestamp, now: Timestamp) -> bool {
        let mut last = self.moment.lock();
        let news = until(now, moment) >= WORTH_KEEPING && last.is_none_or(|last| last < moment);
        if news {
            *last = Some(moment);
        }
        news
    }
}

impl Memory for NextLook<'_> {
    fn keep(&self, moment: Timestamp) -> BoxFuture<'_, ()> {
        let Performer {
            certificate,
            authority,
            clock,
            say,
            ..
        } = self.performer;
        let now = clock.now();
        async move {
            if !self.is_news(moment, now) {
                return;
            }
            let ca = authority.options().acme.name.clone();
            let mut change = Change::of(certificate.name.clone(), now);
            let state = self.state.clone().to_look_at(moment);
            change.issuance = Some(Some((certificate.wanted(), ca, state)));
            // the order goes on all the same; whatever is wrong with the store stops it at its next state
            if let Err(error) = say.engine.store.apply(change).await {
                warn!(cert = %certificate.name, %error, "moment of the next look cannot be kept");
            }
        }
        .boxed()
    }
}
