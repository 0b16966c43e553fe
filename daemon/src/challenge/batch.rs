//! The calls that publish. Records of orders that come to one instance at about the same time go out in one call: a
//! service that counts requests counts one, and a zone is changed once.
//!
//! certbot, lego and acme.sh publish for each order by itself; cert-manager for each name. Here nobody waits who
//! is alone: the window is kept open only while other orders are on their way.

use std::{
    collections::BTreeMap,
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::{
    select, spawn,
    sync::{OwnedMutexGuard, oneshot, watch},
    time::timeout,
};
use tracing::{debug, info};

use super::{
    ChallengeError,
    publisher::{Patience, to_plugin},
};
use crate::{
    plugin::{CallError, InstanceInfo, ProviderClient, Record as PluginRecord, RecordOutcome, Retry},
    store::{Record, Store},
    types::InstanceName,
};

/// Unless the operator says otherwise: the answers of a CA to orders of one moment are spread about as much, and no
/// renewal is in a hurry.
pub const DEFAULT_BATCH_WINDOW: Duration = Duration::from_millis(100);

/// A provider instance as publications use it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Who is called.
    pub client: Arc<dyn ProviderClient>,
    /// How long records wait at most for those of other orders, to go out in one call. Without effect on an instance
    /// that does not say how many records it takes at once ([`InstanceInfo::max_batch`]): it may work one after the
    /// other, and then it is quicker with a call for each.
    pub batch_window: Duration,
}

/// What one order publishes through one instance.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) records: Vec<Record>,
    pub(super) ttl: u32,
    pub(super) patience: Patience,
    /// Until the call is over, also when nobody waits for it any more.
    pub(super) _owners: Arc<Vec<OwnedMutexGuard<()>>>,
}

type Waiting = (Part, oneshot::Sender<Result<(), ChallengeError>>);
/// Handles by number of record.
type Kept = Vec<(i64, String)>;

/// Publications that wait for their call.
#[derive(Debug)]
pub(super) struct Batches {
    store: Arc<dyn Store>,
    open: Mutex<BTreeMap<InstanceName, Vec<Waiting>>>,
    on_the_way: watch::Sender<usize>,
}

/// Somebody who will publish, or not. While there is one, others keep their window open.
#[derive(Debug)]
pub struct OnTheWay {
    batches: Arc<Batches>,
    arrived: AtomicBool,
}

impl OnTheWay {
    pub(super) fn new(batches: &Arc<Batches>) -> Self {
        batches.on_the_way.send_modify(|count| *count += 1);
        OnTheWay {
            batches: batches.clone(),
            arrived: AtomicBool::new(false),
        }
    }

    /// Nobody needs to wait for him any more.
    pub fn arrive(&self) {
        if !self.arrived.swap(true, Ordering::Relaxed) {
            self.batches.on_the_way.send_modify(|count| *count -= 1);
        }
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.arrive();
    }
}

impl Batches {
    pub(super) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Batches {
            store,
            open: Mutex::default(),
            on_the_way: watch::Sender::new(0),
        })
    }

    /// Publishes a part, alone or with those of others. What comes out is kept in the journal before it is told.
    pub(super) fn publish(
        self: &Arc<Self>,
        instance: &InstanceName,
        provider: &Provider,
        info: &InstanceInfo,
        part: Part,
    ) -> oneshot::Receiver<Result<(), ChallengeError>> {
        let (done, result) = oneshot::channel();
        let waiting = (part, done);
        let most = info.max_batch as usize;
        if most < 2 || provider.batch_window.is_zero() {
            self.send(instance, provider, vec![waiting]);
            return result;
        }
        let mut open = self.open.lock();
        let batch = open.entry(instance.clone()).or_default();
        let gathered: usize = batch.iter().map(|(part, _)| part.records.len()).sum();
        if gathered + waiting.0.records.len() > most {
            self.send(instance, provider, take(batch));
        }
        batch.push(waiting);
        if batch.len() == 1 {
            let (batches, instance, provider) = (self.clone(), instance.clone(), provider.clone());
            spawn(async move {
                let mut on_the_way = batches.on_the_way.subscribe();
                let alone = on_the_way.wait_for(|count| *count == 0);
                // which of the two it was makes no difference
                let _ = timeout(provider.batch_window, alone).await;
                let batch = batches.open.lock().remove(&instance);
                batches.send(&instance, &provider, batch.unwrap_or_default());
            });
        }
        result
    }

    fn send(self: &Arc<Self>, instance: &InstanceName, provider: &Provider, batch: Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let call = Call {
            store: self.store.clone(),
            instance: instance.clone(),
            client: provider.client.clone(),
        };
        spawn(async move { call.run(batch).await });
    }
}

/// One call of an instance. A task of its own: what the provider took must reach the journal, also of those who wait no
/// more. When nobody waits the call is dropped, and what it published is published again.
struct Call {
    store: Arc<dyn Store>,
    instance: InstanceName,
    client: Arc<dyn ProviderClient>,
}

impl Call {
    async fn run(&self, batch: Vec<Waiting>) {
        let (parts, mut waiting): (Vec<Part>, Vec<_>) = batch.into_iter().unzip();
        let records: Vec<(&Record, u32)> = parts.iter().flat_map(Part::records).collect();
        if parts.len() > 1 {
            let (orders, records) = (parts.len(), records.len());
            info!(provider = %self.instance, orders, records, "records of several orders go out in one call");
        }
        let left = parts.iter().map(|part| part.patience.left()).min();
        let outcomes = select! {
            outcomes = self.present(&records, left.unwrap_or_default()) => outcomes,
            // as ever when a call is dropped: the plugin is told to stop
            _ = join_all(waiting.iter_mut().map(oneshot::Sender::closed)) => return,
        };
        let mut from = 0;
        let shares = parts.iter().map(|part| {
            let to = from + part.records.len();
            let share = outcomes
                .clone()
                .map(|all| all.get(from..to).unwrap_or_default().to_vec());
            from = to;
            share
        });
        let shares: Vec<_> = shares.collect();
        let is_joint = parts.len() > 1;
        let ends = parts
            .iter()
            .zip(shares)
            .zip(waiting)
            .map(|((part, share), waiting)| async move {
                // it may have gone meanwhile, and what it published is in the journal
                let _ = waiting.send(self.end(part, share, is_joint).await);
            });
        join_all(ends).await;
    }

    async fn present(
        &self,
        records: &[(&Record, u32)],
        left: Duration,
    ) -> Result<Vec<RecordOutcome>, CallError> {
        let wire: Vec<PluginRecord> = records
            .iter()
            .map(|(record, ttl)| to_plugin(record, *ttl))
            .collect();
        self.client.present(&wire, left).await
    }

    /// Keeps what the provider took of one part. What it refused beside the records of others is tried once more
    /// alone: one record that cannot be written must not stand in the way of other orders.
    async fn end(
        &self,
        part: &Part,
        share: Result<Vec<RecordOutcome>, CallError>,
        is_joint: bool,
    ) -> Result<(), ChallengeError> {
        let records: Vec<_> = part.records().collect();
        let (mut kept, refused, mut failure) = self.judge(&records, share);
        if is_joint && failure.as_ref().is_some_and(may_be_of_others) {
            debug!(provider = %self.instance, records = refused.len(), "refused in one call with others: tried again alone");
            let again = self.present(&refused, part.patience.left()).await;
            let (more, _, still) = self.judge(&refused, again);
            kept.extend(more);
            failure = still;
        }
        if !kept.is_empty() {
            self.store.records_published(kept).await?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Handles to keep of what was accepted, also when other records of the call were not; these; and the first
    /// failure.
    fn judge<'a>(
        &self,
        records: &[(&'a Record, u32)],
        outcomes: Result<Vec<RecordOutcome>, CallError>,
    ) -> (Kept, Vec<(&'a Record, u32)>, Option<ChallengeError>) {
        let instance = &self.instance;
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(source) => {
                let instance = instance.clone();
                let failure = ChallengeError::Call { instance, source };
                return (Vec::new(), records.to_vec(), Some(failure));
            }
        };
        let mut kept = Vec::new();
        let mut refused = Vec::new();
        let mut first = None;
        for ((record, ttl), outcome) in records.iter().zip(outcomes) {
            match outcome {
                Ok(done) => {
                    if done.handle != record.handle || record.record.standing {
                        kept.push((record.id, done.handle));
                    }
                }
                Err(failure) => {
                    refused.push((*record, *ttl));
                    first.get_or_insert_with(|| ChallengeError::Record {
                        instance: instance.clone(),
                        owner: record.record.owner.clone(),
                        failure,
                    });
                }
            }
        }
        (kept, refused, first)
    }
}

impl Part {
    fn records(&self) -> impl Iterator<Item = (&Record, u32)> {
        self.records.iter().map(|record| (record, self.ttl))
    }
}

/// Whether a record may have been refused for the sake of another in its call: a provider may change a zone whole or
/// not at all. One that names a time is not asked before.
fn may_be_of_others(failure: &ChallengeError) -> bool {
    match failure {
        ChallengeError::Record { failure, .. } => !matches!(failure.retry(), Retry::After(_)),
        _ => false,
    }
}
