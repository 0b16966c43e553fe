//! The real store, while which works no time passes.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use dns01d::{
    deployment, revocation,
    schedule::Cause,
    store::{
        Account, Answer, Begun, Canary, CanaryRow, CertificateRow, Change, Due, Issuance, Job, JobKind,
        NewRecord, NewRevocation, Note, PlaceRow, Record, RecordRemoval, RenewalInfoHeard, Revocation,
        Sqlite, Store, Wanted,
    },
    types::{CaName, CertificateName, DnsName, InstanceName},
};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::fuse::Fuse;

/// SQLite, waited for by the runtime's only thread itself: nothing else happens meanwhile, above all no timer.
#[derive(Debug)]
pub struct StillStore {
    inner: Sqlite,
    fuse: Arc<Fuse>,
    /// The first moment at which something is due, while nothing has been written and nothing is due before.
    /// The engine asks once a minute; in a thousand days nearly all of these questions have the same answer.
    next: Mutex<Option<Option<Timestamp>>>,
}

impl StillStore {
    pub fn new(inner: Sqlite, fuse: Arc<Fuse>) -> Self {
        StillStore {
            inner,
            fuse,
            next: Mutex::default(),
        }
    }

    fn read<'a, T: Send + 'a>(&'a self, answer: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(async move {
            self.fuse.burn().await;
            wait(answer)
        })
    }

    fn write<'a, T: Send + 'a>(&'a self, answer: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(async move {
            self.fuse.burn().await;
            *self.next.lock() = None;
            let answer = wait(answer);
            // a kill may come before whoever wrote hears of it
            self.fuse.burn().await;
            answer
        })
    }
}

macro_rules! each {
    ($how:ident: $($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> Answer<'_, $output> {
            self.$how(self.inner.$name($($argument),*))
        })*
    };
}

impl Store for StillStore {
    each! { read:
        certificates() -> Vec<CertificateRow>;
        certificate(name: CertificateName) -> Option<CertificateRow>;
        certificates_of(names: Vec<CertificateName>) -> Vec<CertificateRow>;
        issuance(name: CertificateName) -> Option<Issuance>;
        records(name: CertificateName) -> Vec<Record>;
        standing_records(name: CertificateName) -> Vec<Record>;
        records_numbered(ids: Vec<i64>) -> Vec<Record>;
        records_at(instance: InstanceName, owner: DnsName) -> Vec<Record>;
        removals(instance: InstanceName, now: Timestamp) -> Vec<Record>;
        leftovers() -> Vec<Record>;
        begun(name: CertificateName, ca: CaName, since: Timestamp) -> Vec<Begun>;
        budgets(keys: Vec<String>) -> Vec<Option<Timestamp>>;
        revocation(id: i64) -> Option<Revocation>;
        revocations() -> Vec<Revocation>;
        is_key_blocked(sha256: String) -> bool;
        jobs(until: Timestamp, most: usize) -> Vec<Job>;
        notes(name: CertificateName, most: usize) -> Vec<Note>;
        account(ca: CaName, directory: String) -> Option<Account>;
        plugin_state(instance: InstanceName, key: String) -> Option<Vec<u8>>;
        forget_deleted() -> bool;
        places() -> Vec<PlaceRow>;
        canaries() -> Vec<CanaryRow>;
        spreads(instance: InstanceName, zone: DnsName) -> Vec<Duration>;
    }

    each! { write:
        adopt(wanted: Vec<(CertificateName, Wanted)>, now: Timestamp) -> ();
        apply(change: Change) -> Vec<Record>;
        deploy(name: CertificateName, before: deployment::State, after: deployment::State) -> bool;
        records_published(handles: Vec<(i64, String)>) -> ();
        records_removed(instance: InstanceName, outcomes: Vec<(i64, RecordRemoval)>, now: Timestamp) -> ();
        begin_canary(name: CertificateName, record: NewRecord, canary: Canary, now: Timestamp) -> Record;
        begin_standing(name: CertificateName, record: NewRecord, now: Timestamp) -> Record;
        retire_standing(ids: Vec<i64>, now: Timestamp) -> ();
        end_canaries(id: Option<i64>, now: Timestamp) -> ();
        keep_canaries(canaries: Vec<CanaryRow>, places: Vec<PlaceRow>) -> ();
        spread_seen(instance: InstanceName, zone: DnsName, took: Duration, keep: u32) -> ();
        forget_canaries(canaries: Vec<(InstanceName, DnsName)>, places: Vec<DnsName>) -> ();
        schedule(job: Job) -> ();
        unschedule(kind: JobKind, subject: String) -> ();
        ask(name: CertificateName, cause: Cause, now: Timestamp) -> ();
        renewal_infos(heard: Vec<RenewalInfoHeard>, now: Timestamp) -> ();
        begin_revocation(new: NewRevocation, now: Timestamp) -> i64;
        keep_revocation(id: i64, state: revocation::State, due: Option<Timestamp>) -> ();
        keep_account(ca: CaName, directory: String, account: Account) -> ();
        keep_plugin_state(instance: InstanceName, key: String, value: Vec<u8>, most: usize) -> bool;
    }

    fn due(&self, now: Timestamp, most: Vec<(JobKind, usize)>) -> Answer<'_, Due> {
        Box::pin(async move {
            self.fuse.burn().await;
            if let Some(next) = *self.next.lock()
                && next.is_none_or(|next| next > now)
            {
                let jobs = Vec::new();
                return Ok(Due { jobs, next });
            }
            // those of the kinds that are not asked for are due as well
            let asked_for_all = most.len() == JobKind::ALL.len();
            let due = wait(self.inner.due(now, most));
            if let Ok(Due { jobs, next }) = &due
                && jobs.is_empty()
                && asked_for_all
            {
                *self.next.lock() = Some(*next);
            }
            due
        })
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread until the other one has answered.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    // else tokio would have the future come back later, when its task has used up its share
    let mut answer = pin!(tokio::task::unconstrained(answer));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match answer.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
