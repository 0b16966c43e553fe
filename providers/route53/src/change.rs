//! Changing TXT records so that no value of others is lost.
//!
//! Route 53 has no way to add one value: a set is replaced as a whole. So each change names
//! the set as it was read, to be deleted, and the merged set, to be created, in one batch that
//! is done whole or not at all. Had somebody else changed the set in between, the deletion
//! does not match (or the creation finds a set), nothing is done, and it is tried again on
//! what stands there now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{
    Change as SdkChange, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_smithy_types::error::operation::BuildError;
use dns01_plugin_api::{Outcome, Success};

use crate::aws::{self, CHANGE};
use crate::error::Error;
use crate::record_set::{Change, Edit, TxtSet, Want, batches, plan};
use crate::sets::{self, Reading};
use crate::zones::Zone;

/// Tries on one record set that others keep changing. Of any number of writers one gets
/// through each time, so this is what a very busy name takes.
const ROUNDS: u32 = 40;
/// Before the second try, at most; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Refused batches that are divided to find the record at fault: enough for one among a
/// hundred, and no flood of requests where all are refused.
const DIVISIONS: u32 = 16;
/// Shown in CloudTrail.
const COMMENT: &str = "dns01d: ACME challenge records";

/// Adds or takes away the values of one zone, by name. `settle` gets each outcome as soon as
/// it is known.
///
/// # Errors
/// What holds for all that is not settled.
pub(crate) async fn apply(
    client: &Client,
    zone: &Zone,
    change: Change,
    mut open: BTreeMap<&str, Vec<Want<'_>>>,
    mut settle: impl FnMut(usize, Outcome),
) -> Result<(), Error> {
    for round in 0..ROUNDS {
        if round > 0 {
            tokio::time::sleep(backoff(round)).await;
        }
        // twice nothing but the order of names explains a conflict that does not end
        let reading = if round < 3 { Reading::Pages } else { Reading::Each };
        let found = sets::read(client, zone, open.keys().copied(), reading).await?;
        let mut edits = Vec::new();
        for (fqdn, wants) in &open {
            let found = found.get(*fqdn).cloned().unwrap_or_default();
            match plan(fqdn, &found, change, wants) {
                Ok(edit) if edit.changed.is_empty() => settle_edit(&edit, None, &mut settle),
                Ok(edit) => edits.push(edit),
                Err(error) => {
                    let error: dns01_plugin_api::Error = error.into();
                    wants
                        .iter()
                        .for_each(|want| settle(want.index, Err(error.clone())));
                }
            }
        }
        let again = send_all(client, zone, edits, &mut settle).await?;
        if again.is_empty() {
            return Ok(());
        }
        open.retain(|fqdn, _| again.contains(*fqdn));
    }
    Err(Error::Contended {
        fqdn: open.keys().next().copied().unwrap_or_default().to_owned(),
        rounds: ROUNDS,
    })
}

/// Sends edits in as few batches as the quotas allow. Returns the names that were changed by
/// others meanwhile.
async fn send_all(
    client: &Client,
    zone: &Zone,
    edits: Vec<Edit>,
    settle: &mut impl FnMut(usize, Outcome),
) -> Result<BTreeSet<String>, Error> {
    let mut again = BTreeSet::new();
    let mut divisions = 0;
    let mut waiting = batches(edits);
    waiting.reverse();
    while let Some(mut edits) = waiting.pop() {
        let error = match send(client, zone, &edits).await {
            Ok(id) => {
                edits.iter().for_each(|edit| settle_edit(edit, Some(&id), settle));
                continue;
            }
            Err(error) => error,
        };
        match &error {
            Error::NoSuchZone { .. } => return Err(error),
            _ if error.ends_call() => return Err(error),
            Error::Batch { words, .. } if is_conflict(words) || is_stale(client, zone, &edits).await? => {
                again.extend(edits.into_iter().map(|edit| edit.fqdn));
            }
            // one record may spoil it for the others: what it says, or that it says it
            _ if edits.len() > 1 && divisions < DIVISIONS => {
                divisions += 1;
                waiting.push(edits.split_off(edits.len() / 2));
                waiting.push(edits);
            }
            _ => {
                let error: dns01_plugin_api::Error = error.into();
                let all = edits
                    .iter()
                    .flat_map(|edit| edit.changed.iter().chain(&edit.unchanged));
                all.for_each(|&index| settle(index, Err(error.clone())));
            }
        }
    }
    Ok(again)
}

/// Whether Route 53 says that a set is not as we read it. It has no code of its own for that.
fn is_conflict(words: &str) -> bool {
    [
        "do not match the current values",
        "but it was not found",
        "but it already exists",
    ]
    .iter()
    .any(|phrase| words.contains(phrase))
}

/// Whether a set is not as we read it, whatever Route 53 says.
async fn is_stale(client: &Client, zone: &Zone, edits: &[Edit]) -> Result<bool, Error> {
    use crate::record_set::Found;
    let names = edits.iter().map(|edit| edit.fqdn.as_str());
    let found = sets::read(client, zone, names, Reading::Pages).await?;
    Ok(edits.iter().any(|edit| {
        let old = edit.old.clone().map_or(Found::Nothing, Found::Set);
        found.get(&edit.fqdn) != Some(&old)
    }))
}

/// One change batch: all of it is done, or nothing. Returns the id of the change.
async fn send(client: &Client, zone: &Zone, edits: &[Edit]) -> Result<String, Error> {
    let request = |error: BuildError| Error::Request {
        action: CHANGE,
        reason: error.to_string(),
    };
    let mut batch = ChangeBatch::builder().comment(COMMENT);
    for edit in edits {
        for (action, set) in [
            (ChangeAction::Delete, &edit.old),
            (ChangeAction::Create, &edit.new),
        ] {
            if let Some(set) = set {
                batch = batch.changes(sdk_change(action, &edit.fqdn, set).map_err(request)?);
            }
        }
    }
    let answer = client
        .change_resource_record_sets()
        .hosted_zone_id(&zone.id)
        .change_batch(batch.build().map_err(request)?)
        .send()
        .await
        .map_err(|error| aws::failure(&error, CHANGE, &zone.shown()))?;
    let id = answer.change_info().map(|info| info.id());
    Ok(id.unwrap_or_default().trim_start_matches("/change/").to_owned())
}

/// Asks whether we may change TXT at a name, by a batch that cannot be done: what it is to
/// delete first is not there.
pub(crate) async fn rehearse(client: &Client, zone: &Zone, fqdn: &str) -> Result<(), Error> {
    let set = TxtSet {
        ttl: 0,
        values: vec![format!("\"dns01-check-{:032x}\"", fastrand::u128(..))],
    };
    let edit = Edit {
        fqdn: fqdn.to_owned(),
        old: Some(set.clone()),
        new: Some(set),
        changed: Vec::new(),
        unchanged: Vec::new(),
    };
    match send(client, zone, &[edit]).await {
        Ok(_) => Ok(()),
        Err(Error::Batch { words, .. }) if is_conflict(&words) => Ok(()),
        Err(error) => Err(error),
    }
}

fn sdk_change(action: ChangeAction, fqdn: &str, set: &TxtSet) -> Result<SdkChange, BuildError> {
    let mut sdk = ResourceRecordSet::builder()
        .name(fqdn)
        .r#type(RrType::Txt)
        .ttl(set.ttl);
    for value in &set.values {
        sdk = sdk.resource_records(ResourceRecord::builder().value(value).build()?);
    }
    SdkChange::builder()
        .action(action)
        .resource_record_set(sdk.build()?)
        .build()
}

fn settle_edit(edit: &Edit, id: Option<&str>, settle: &mut impl FnMut(usize, Outcome)) {
    for &index in &edit.unchanged {
        settle(index, Ok(Success::unchanged()));
    }
    for &index in &edit.changed {
        settle(index, Ok(Success::done().with_handle(id.unwrap_or_default())));
    }
}

/// Jitter, so that writers that met once do not meet again.
fn backoff(round: u32) -> Duration {
    let most = BACKOFF.saturating_mul(1 << (round - 1).min(8)).min(BACKOFF_MAX);
    most.mul_f64(0.2 + 0.8 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_and_is_bounded() {
        for round in 1..=ROUNDS {
            let wait = backoff(round);
            assert!(wait >= BACKOFF / 5 && wait <= BACKOFF_MAX, "{round}: {wait:?}");
        }
    }
}
