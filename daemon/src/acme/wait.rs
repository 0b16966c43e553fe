//! Looking at an order, or an authorization, until something happens.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Account, Authorization, AuthorizationStatus, Error, Fault, Operation, Order, OrderStatus, Polled, Retry,
    pace::{Pace, Typical},
};
use crate::types::{AuthorizationUrl, OrderUrl};

/// Looks in a row that may fail by a passing fault before the wait is given up.
const MAX_FAULTS: u32 = 5;
/// Wall-clock deadlines are compared at least this often: the machine may sleep meanwhile.
const WATCH: Duration = Duration::from_secs(60);

/// How long somebody looks, and who remembers when the CA wants no look for a while.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// No look comes later.
    pub until: Timestamp,
    /// Nobody where the wait may be forgotten with this process.
    pub memory: Option<&'a dyn Memory>,
}

/// Whoever has to know when the next look may come, though it is started again.
pub trait Memory: Send + Sync {
    /// Hears the moment that the CA asked for, and is waited for before that wait begins.
    fn keep(&self, next_look: Timestamp) -> BoxFuture<'_, ()>;
}

impl From<Timestamp> for Patience<'_> {
    fn from(until: Timestamp) -> Self {
        Patience { until, memory: None }
    }
}

/// What is looked at.
struct Watched<'a> {
    operation: Operation,
    url: &'a str,
    // as last seen
    status: String,
    typical: &'a Typical,
    patience: Patience<'a>,
}

impl Account {
    /// Waits until the names of an order are validated: until it is no longer `pending`.
    /// One request for all its names; call it when every challenge is answered.
    ///
    /// `retry_after` is what the last answer asked for, if anything. The result is `ready`
    /// or `valid`, or `invalid`: then [`Account::failed_authorizations`] knows the names.
    ///
    /// # Errors
    /// [`Fault::Unfinished`] as soon as the next look would be after the patience's end, which is at most
    /// the earliest `expires` of the order and its authorizations; a refusal; passing faults
    /// when there are many in a row.
    pub async fn wait_validated(
        &self,
        order: &OrderUrl,
        retry_after: Option<Duration>,
        patience: impl Into<Patience<'_>>,
    ) -> Result<Order, Error> {
        let typical = self.client().validation_time();
        let patience = patience.into();
        self.wait_while(order, &OrderStatus::Pending, typical, retry_after, patience)
            .await
    }

    /// Waits until one authorization is no longer `pending`. For an order whose names are proved
    /// one after the other; [`Account::wait_validated`] needs one request for all.
    ///
    /// # Errors
    /// As [`Account::wait_validated`].
    pub async fn wait_authorized(
        &self,
        url: &AuthorizationUrl,
        retry_after: Option<Duration>,
        patience: impl Into<Patience<'_>>,
    ) -> Result<Authorization, Error> {
        let watched = Watched {
            operation: Operation::Authorization,
            url: url.as_str(),
            status: AuthorizationStatus::Pending.to_string(),
            typical: self.client().validation_time(),
            patience: patience.into(),
        };
        let pending = |seen: &Authorization| {
            let status = &seen.status;
            (*status == AuthorizationStatus::Pending).then(|| status.to_string())
        };
        self.watch(watched, retry_after, pending, || self.authorization(url))
            .await
    }

    /// Waits until a finalized order is issued: until it is no longer `processing`. The
    /// answer to `finalize` is looked at first and costs no request.
    ///
    /// # Errors
    /// As [`Account::wait_validated`].
    pub async fn wait_issued(
        &self,
        order: &OrderUrl,
        finalized: Polled<Order>,
        patience: impl Into<Patience<'_>>,
    ) -> Result<Order, Error> {
        if finalized.value.status != OrderStatus::Processing {
            return Ok(finalized.value);
        }
        let typical = self.client().issuance_time();
        self.wait_while(
            order,
            &OrderStatus::Processing,
            typical,
            finalized.retry_after,
            patience.into(),
        )
        .await
    }

    /// A look at an order whose request may have been sent by a process before this one, not before `retry_after`,
    /// which is what is left of the wait that was told to that one.
    ///
    /// # Errors
    /// As [`Account::wait_validated`]; a fault of the look itself, though it may pass.
    pub async fn look_again(
        &self,
        order: &OrderUrl,
        retry_after: Option<Duration>,
        until: Timestamp,
    ) -> Result<Polled<Order>, Error> {
        if let Some(retry_after) = retry_after
            && !self.sleep(retry_after, until).await
        {
            let status = OrderStatus::Processing.to_string();
            let fault = Fault::Unfinished { status, retry_after };
            return Err(Error::new(Operation::Order, order.as_str(), fault));
        }
        self.order(order).await
    }

    async fn wait_while(
        &self,
        url: &OrderUrl,
        status: &OrderStatus,
        typical: &Typical,
        retry_after: Option<Duration>,
        patience: Patience<'_>,
    ) -> Result<Order, Error> {
        let watched = Watched {
            operation: Operation::Order,
            url: url.as_str(),
            status: status.to_string(),
            typical,
            patience,
        };
        let waits = |seen: &Order| (seen.status == *status).then(|| status.to_string());
        self.watch(watched, retry_after, waits, || self.order(url)).await
    }

    /// Looks until `waits` no longer names a status that the resource waits in.
    async fn watch<T, F: Future<Output = Result<Polled<T>, Error>>>(
        &self,
        watched: Watched<'_>,
        mut retry_after: Option<Duration>,
        waits: impl Fn(&T) -> Option<String>,
        look: impl Fn() -> F,
    ) -> Result<T, Error> {
        let Watched {
            operation,
            url,
            mut status,
            typical,
            patience: Patience { until, memory },
        } = watched;
        let guess = typical.guess();
        let mut pace = Pace::new(guess);
        // how long the guess is under test; no longer after the first look
        let mut tested = Some(guess);
        let mut faults = 0;
        loop {
            let asked = retry_after.take();
            let wait = pace.wait(asked);
            let next = self.client().clock().now().checked_add(wait).ok();
            if let (Some(memory), Some(next), Some(_)) = (memory, next.filter(|next| *next <= until), asked) {
                memory.keep(next).await;
            }
            if !self.sleep(wait, until).await {
                let fault = Fault::Unfinished {
                    status,
                    retry_after: wait,
                };
                return Err(Error::new(operation, url, fault));
            }
            let tested = tested.take().filter(|guess| *guess == wait);
            match look().await {
                Ok(seen) => match waits(&seen.value) {
                    Some(waiting) => {
                        tested.into_iter().for_each(|guess| typical.not_within(guess));
                        tracing::debug!(url, status = waiting, "the CA is not further yet");
                        status = waiting;
                        faults = 0;
                        retry_after = seen.retry_after;
                    }
                    None => {
                        tested.into_iter().for_each(|guess| typical.done_within(guess));
                        return Ok(seen.value);
                    }
                },
                Err(error) => {
                    faults += 1;
                    retry_after = match error.retry() {
                        Retry::Backoff if faults < MAX_FAULTS => None,
                        Retry::After(asked) if faults < MAX_FAULTS => Some(asked),
                        _ => return Err(error),
                    };
                    tracing::warn!(url, attempt = faults, %error, "looking at the CA's answer failed");
                }
            }
        }
    }

    /// False, without waiting for it, when the end would be after `until`.
    async fn sleep(&self, wait: Duration, until: Timestamp) -> bool {
        let clock = self.client().clock();
        let end = Instant::now() + wait;
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            let Ok(wakes) = clock.now().checked_add(left) else {
                return false;
            };
            if wakes > until {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            tokio::time::sleep_until(end.min(now + WATCH)).await;
        }
    }
}

#[cfg(test)]
mod tests;
