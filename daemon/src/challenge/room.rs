//! A place for a value at a name that holds only some.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{CLEAN_UP_TRIES, ChallengeError, Publisher};
use crate::{
    store::Record,
    types::{DnsName, InstanceName},
};

/// Another order holds the name while its record spreads and the CA looks. What takes longer waits outside of the
/// engine, which has other orders to work on. Counted from the moment when the records entered the journal, so that
/// an order which comes back does not wait a second time.
pub const ROOM_PATIENCE: Duration = Duration::from_secs(10);
/// Whoever takes records away tells; a look between is for rows that only moved back in the line.
const LOOK: Duration = Duration::from_secs(1);

impl Publisher {
    /// Waits until each name of `records` has room for their values beside those that were entered into the
    /// journal before them. First come, first served: orders never wait for each other in a circle.
    ///
    /// # Errors
    /// [`ChallengeError::NoRoom`] at `deadline`, or at once where no wait helps.
    pub(super) async fn await_room(
        &self,
        instance: &InstanceName,
        records: &[&Record],
        limit: u32,
        deadline: Instant,
    ) -> Result<(), ChallengeError> {
        let mut places: BTreeMap<&DnsName, Vec<&Record>> = BTreeMap::new();
        for record in records {
            places.entry(&record.record.owner).or_default().push(record);
        }
        for (owner, ours) in places {
            loop {
                // before the look, so that nothing goes unseen between the two
                let mut gone = pin!(self.owners.gone.notified());
                gone.as_mut().enable();
                let rows = self.store.records_at(instance.clone(), owner.clone()).await?;
                let standing = standing_before(&rows, &ours);
                let wanted: BTreeSet<&str> = ours.iter().map(|row| row.record.value.as_str()).collect();
                if standing.len() + wanted.len() <= limit as usize {
                    break;
                }
                let hopeless = wanted.len() > limit as usize;
                if hopeless || Instant::now() >= deadline {
                    let holders: BTreeSet<String> =
                        standing.values().map(|row| row.certificate.to_string()).collect();
                    return Err(ChallengeError::NoRoom {
                        instance: instance.clone(),
                        owner: owner.clone(),
                        limit,
                        holders: if hopeless {
                            Vec::new()
                        } else {
                            holders.into_iter().collect()
                        },
                    });
                }
                // either way there is another look
                let _ = timeout_at(deadline.min(Instant::now() + LOOK), gone).await;
            }
        }
        Ok(())
    }
}

/// Other values that may stand at the name because they came earlier. One whose removal was given up does not
/// count: nobody takes it away any more, so the provider itself must say whether there is room beside it.
fn standing_before<'a>(rows: &'a [Record], ours: &[&Record]) -> BTreeMap<&'a str, &'a Record> {
    let first = ours.iter().map(|row| row.id).min().unwrap_or(i64::MAX);
    let shared = |row: &Record| ours.iter().any(|own| own.record.value == row.record.value);
    rows.iter()
        .filter(|row| row.id < first && !shared(row) && row.attempts < CLEAN_UP_TRIES)
        .map(|row| (row.record.value.as_str(), row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewRecord, RecordPhase};

    fn row(id: i64, value: &str, attempts: u32) -> Record {
        let owner: DnsName = "_acme-challenge.a.test".parse().unwrap();
        Record {
            id,
            certificate: "a".parse().unwrap(),
            record: NewRecord {
                instance: "dns".parse().unwrap(),
                owner: owner.clone(),
                zone: "a.test".parse().unwrap(),
                value: value.into(),
                identifier: "a.test".parse().unwrap(),
                challenge_name: owner,
                token: value.into(),
                key_authorization: value.into(),
                standing: false,
            },
            handle: String::new(),
            phase: RecordPhase::Wanted,
            attempts,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            last_error: None,
            shared: false,
            published: false,
            canary: None,
        }
    }

    #[test]
    fn only_what_came_earlier_and_will_go_takes_room() {
        let rows = [
            row(1, "given-up", CLEAN_UP_TRIES),
            row(2, "earlier", 3),
            row(3, "ours", 0),
            row(4, "later", 0),
            row(1, "ours", 0),
        ];
        let standing = standing_before(&rows, &[&rows[2]]);
        assert_eq!(standing.into_keys().collect::<Vec<_>>(), ["earlier"]);
    }
}
