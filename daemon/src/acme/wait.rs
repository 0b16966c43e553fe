//! Looking at an order until something happens.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Account, Error, Fault, Operation, Order, OrderStatus, Polled, Retry,
    pace::{Pace, Typical},
};
use crate::types::OrderUrl;

/// Looks in a row that may fail by a passing fault before the wait is given up.
const MAX_FAULTS: u32 = 5;
/// Wall-clock deadlines are compared at least this often: the machine may sleep meanwhile.
const WATCH: Duration = Duration::from_secs(60);

impl Account {
    /// Waits until the names of an order are validated: until it is no longer `pending`.
    /// One request for all its names; call it when every challenge is answered.
    ///
    /// `retry_after` is what the last answer asked for, if anything. The result is `ready`
    /// or `valid`, or `invalid`: then [`Account::failed_authorizations`] knows the names.
    ///
    /// # Errors
    /// [`Fault::Unfinished`] as soon as the next look would be after `until`, which is at most
    /// the earliest `expires` of the order and its authorizations; a refusal; passing faults
    /// when there are many in a row.
    pub async fn wait_validated(
        &self,
        order: &OrderUrl,
        retry_after: Option<Duration>,
        until: Timestamp,
    ) -> Result<Order, Error> {
        let typical = self.client().validation_time();
        self.wait_while(order, &OrderStatus::Pending, typical, retry_after, until)
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
        until: Timestamp,
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
            until,
        )
        .await
    }

    async fn wait_while(
        &self,
        url: &OrderUrl,
        status: &OrderStatus,
        typical: &Typical,
        mut retry_after: Option<Duration>,
        until: Timestamp,
    ) -> Result<Order, Error> {
        let guess = typical.guess();
        let mut pace = Pace::new(guess);
        // how long the guess is under test; no longer after the first look
        let mut tested = Some(guess);
        let mut faults = 0;
        loop {
            let wait = pace.wait(retry_after.take());
            if !self.sleep(wait, until).await {
                let fault = Fault::Unfinished {
                    status: status.to_string(),
                    retry_after: wait,
                };
                return Err(Error::new(Operation::Order, url.as_str(), fault));
            }
            let tested = tested.take().filter(|guess| *guess == wait);
            match self.order(url).await {
                Ok(seen) if seen.value.status == *status => {
                    tested.into_iter().for_each(|guess| typical.not_within(guess));
                    tracing::debug!(order_url = %url, status = %status, "The order is not further yet");
                    faults = 0;
                    retry_after = seen.retry_after;
                }
                Ok(seen) => {
                    tested.into_iter().for_each(|guess| typical.done_within(guess));
                    return Ok(seen.value);
                }
                Err(error) => {
                    faults += 1;
                    retry_after = match error.retry() {
                        Retry::Backoff if faults < MAX_FAULTS => None,
                        Retry::After(asked) if faults < MAX_FAULTS => Some(asked),
                        _ => return Err(error),
                    };
                    tracing::warn!(order_url = %url, attempt = faults, %error, "Looking at the order failed");
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
