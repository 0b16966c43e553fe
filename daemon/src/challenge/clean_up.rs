use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use super::{
    ChallengeError, Publisher,
    publisher::{CHALLENGE_TTL, owners, to_plugin},
};
use crate::{
    store::{Record, RecordRemoval},
    types::InstanceName,
};

/// Longest call for a removal. Its own deadline: renewals do not wait for it.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Waits between tries to remove a record, seconds. The first ones come soon, so that a
/// passing fault leaves nothing for a minute; together they outlast a weekend.
const RETRY_AFTER: [i64; 12] = [
    5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 43_200, 86_400, 86_400,
];

/// After this many tries a record stays in the journal for an operator to see.
pub const CLEAN_UP_TRIES: u32 = RETRY_AFTER.len() as u32 + 1;

/// What a clean-up did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records whose removal the provider confirmed.
    pub removed: usize,
    /// Records that will be tried again.
    pub failed: usize,
}

impl Publisher {
    /// Removes the due leftovers of one provider instance.
    ///
    /// # Errors
    /// When the journal does not answer. A provider that fails is no error: the
    /// rows stay with the reason and the moment of the next try.
    pub async fn clean_up(&self, instance: &InstanceName, now: Timestamp) -> Result<Swept, ChallengeError> {
        let before = self.store.removals(instance.clone(), now).await?;
        let _owners = self.owners.hold(owners(&before.iter().collect::<Vec<_>>())).await;
        // once more under the locks: a new try of the same order may want a record again
        let mut rows = self.store.removals(instance.clone(), now).await?;
        rows.retain(|row| before.iter().any(|earlier| earlier.id == row.id));
        rows.sort_by(|a, b| a.record.owner.cmp(&b.record.owner));
        let (shared, own): (Vec<Record>, Vec<Record>) = rows.into_iter().partition(|row| row.shared);
        let mut outcomes: Vec<(i64, RecordRemoval)> =
            shared.iter().map(|row| (row.id, RecordRemoval::Gone)).collect();
        if !own.is_empty() {
            outcomes.extend(self.remove(instance, &own, now).await);
        }
        let mut swept = Swept::default();
        for (_, outcome) in &outcomes {
            match outcome {
                RecordRemoval::Gone => swept.removed += 1,
                RecordRemoval::Failed { .. } => swept.failed += 1,
            }
        }
        self.store
            .records_removed(instance.clone(), outcomes, now)
            .await?;
        self.owners.gone.notify_waiters();
        Ok(swept)
    }

    async fn remove(
        &self,
        instance: &InstanceName,
        rows: &[Record],
        now: Timestamp,
    ) -> Vec<(i64, RecordRemoval)> {
        let Ok(client) = self.client(instance) else {
            let error = format!("provider `{instance}` is no longer configured: remove the record by hand");
            return rows
                .iter()
                .map(|row| (row.id, failed(row, &error, None, now)))
                .collect();
        };
        let wire: Vec<_> = rows.iter().map(|row| to_plugin(row, CHALLENGE_TTL)).collect();
        match client.remove(&wire, CALL_TIMEOUT).await {
            Ok(outcomes) => rows
                .iter()
                .zip(outcomes)
                .map(|(row, outcome)| match outcome {
                    Ok(_) => {
                        info!(owner = %row.record.owner, provider = %instance, "challenge record removed");
                        (row.id, RecordRemoval::Gone)
                    }
                    Err(failure) => (
                        row.id,
                        failed(row, &failure.to_string(), failure.retry_after, now),
                    ),
                })
                .collect(),
            Err(error) => rows
                .iter()
                .map(|row| (row.id, failed(row, &error.to_string(), None, now)))
                .collect(),
        }
    }
}

fn failed(row: &Record, error: &str, retry_after: Option<Duration>, now: Timestamp) -> RecordRemoval {
    let owner = &row.record.owner;
    let provider = &row.record.instance;
    let wait = RETRY_AFTER.get(row.attempts as usize).map(|&seconds| {
        let asked = retry_after
            .and_then(|wait| SignedDuration::try_from(wait).ok())
            .unwrap_or_default();
        SignedDuration::from_secs(seconds).max(asked)
    });
    match wait {
        Some(wait) => {
            warn!(%owner, %provider, error, attempt = row.attempts + 1, "challenge record could not be removed; it is tried again");
            let retry_at = Some(now.checked_add(wait).unwrap_or(Timestamp::MAX));
            RecordRemoval::Failed {
                error: error.to_owned(),
                retry_at,
            }
        }
        None => {
            error!(%owner, %provider, error, value = row.record.value, "challenge record could not be removed: remove it by hand");
            RecordRemoval::Failed {
                error: error.to_owned(),
                retry_at: None,
            }
        }
    }
}
