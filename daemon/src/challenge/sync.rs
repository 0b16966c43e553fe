//! The provider's own word that all its servers have a record.
//!
//! Where many servers answer at one address (anycast), the authorities that we see are those nearest to us, and
//! a CA looks from elsewhere. A provider that can tell is therefore asked beside them. Its word adds to what the
//! authorities show; when it cannot be had, they decide alone. It replaces theirs only where the operator says so
//! (`visibility: provider-sync`), and then nothing else will do.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::{
    ChallengeError, Publisher,
    publisher::{CHALLENGE_TTL, by_instance, to_plugin},
};
use crate::{
    plugin::{Failure, FailureClass, RecordOutcome, Retry},
    store::{Record, RecordPhase},
    types::InstanceName,
};

/// Between two questions, when the provider names no time: its API counts requests.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// A provider that names a shorter time is not believed.
const LEAST: Duration = Duration::from_millis(100);

impl Publisher {
    /// Waits until the providers that can tell say that their servers have every record, or until `deadline`. Those
    /// that said so.
    pub(super) async fn await_sync(
        &self,
        records: &[Record],
        deadline: Instant,
    ) -> Result<BTreeSet<InstanceName>, ChallengeError> {
        let wanted: Vec<&Record> = records
            .iter()
            .filter(|record| record.phase == RecordPhase::Wanted)
            .collect();
        let mut telling = Vec::new();
        for instance in by_instance(&wanted).into_keys() {
            let silent = self.silent.lock().contains(instance);
            if !silent && self.info(instance, ASK_AGAIN).await.is_ok_and(|info| info.syncs) {
                telling.push(instance);
            }
        }
        if telling.is_empty() {
            return Ok(BTreeSet::new());
        }
        // as they are now: what `present` answered is the handle by which a provider knows its change
        let mut rows = self.current(&wanted).await?;
        rows.retain(|row| telling.contains(&&row.record.instance));
        let rows: Vec<&Record> = rows.iter().collect();
        let asked = by_instance(&rows).into_iter().map(|(instance, rows)| async move {
            let confirmed = self.ask(instance, rows, deadline).await;
            confirmed.then(|| instance.clone())
        });
        Ok(join_all(asked).await.into_iter().flatten().collect())
    }

    /// Whether the provider said in time that its servers have every record.
    async fn ask(&self, instance: &InstanceName, rows: Vec<&Record>, deadline: Instant) -> bool {
        let Ok(client) = self.client(instance) else {
            return false;
        };
        let wire: Vec<_> = rows.iter().map(|row| to_plugin(row, CHALLENGE_TTL)).collect();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = match client.sync(&wire, left).await {
                Ok(outcomes) => match again(&outcomes) {
                    Ok(None) => {
                        debug!(provider = %instance, "provider says that its servers have every record");
                        return true;
                    }
                    Ok(Some(wait)) => wait.max(LEAST),
                    Err(failure) if failure.class == FailureClass::Unsupported => {
                        debug!(provider = %instance, "provider does not tell when its servers have a record");
                        self.silent.lock().insert(instance.clone());
                        return false;
                    }
                    Err(error) => {
                        warn!(provider = %instance, %error, "provider cannot tell whether its servers have the records; what they show decides");
                        return false;
                    }
                },
                Err(error) => {
                    warn!(provider = %instance, %error, "provider cannot tell whether its servers have the records; what they show decides");
                    return false;
                }
            };
            if Instant::now() + wait >= deadline {
                warn!(provider = %instance, "provider does not say in time that its servers have the records; what they show decides");
                return false;
            }
            sleep(wait).await;
        }
    }
}

/// When to ask again; `None` when every record is there.
fn again(outcomes: &[RecordOutcome]) -> Result<Option<Duration>, &Failure> {
    let mut longest = None;
    for outcome in outcomes {
        match outcome {
            Ok(done) => longest = longest.max(done.ask_again),
            Err(failure) => match failure.retry() {
                Retry::After(wait) => longest = longest.max(Some(wait)),
                Retry::Backoff => longest = longest.max(Some(ASK_AGAIN)),
                Retry::Never => return Err(failure),
            },
        }
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Done;

    fn pending(seconds: u64) -> RecordOutcome {
        Ok(Done {
            ask_again: Some(Duration::from_secs(seconds)),
            ..Done::default()
        })
    }

    fn failed(class: FailureClass) -> RecordOutcome {
        Err(Failure {
            class,
            code: 0,
            message: "no".into(),
            retry_after: None,
            native_code: None,
        })
    }

    #[test]
    fn one_record_that_is_not_there_is_asked_for_again() {
        assert_eq!(again(&[Ok(Done::default())]), Ok(None));
        assert_eq!(
            again(&[Ok(Done::default()), pending(3), pending(1)]),
            Ok(Some(Duration::from_secs(3)))
        );
        assert_eq!(again(&[failed(FailureClass::Transient)]), Ok(Some(ASK_AGAIN)));
        assert!(again(&[pending(1), failed(FailureClass::Auth)]).is_err());
    }
}
