//! What must survive: certificates, issuances under way, the journal of
//! challenge records, accounts, and the due queue as an index over them.
//!
//! Every method that changes something is one transaction and returns when it
//! is durable. [`Sqlite`] is the store of a single node.

mod error;
mod rows;
mod sqlite;
mod wanted;

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

pub use error::StoreError;
pub use rows::{
    Account, Begun, Canary, CanaryRow, CertificateRow, Change, Charge, Due, Failing, Hold, Issuance, Issued,
    Job, JobKind, LastError, NewRecord, NewRevocation, Note, PlaceRow, Record, RecordPhase, RecordRemoval,
    RenewalInfoHeard, Revocation,
};
pub use sqlite::Sqlite;
pub use wanted::Wanted;

use crate::deployment;
use crate::revocation;
use crate::schedule::Cause;
use crate::types::{CaName, CertificateName, DnsName, InstanceName};

/// The answer of a store.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Durable state of one daemon, or of several that share it.
pub trait Store: std::fmt::Debug + Send + Sync {
    /// Makes the configured certificates the wanted ones. New ones, and those
    /// whose names, CA or key type changed, become due at `now`; the journal
    /// and issuance of those that left the configuration are given up.
    fn adopt(&self, wanted: Vec<(CertificateName, Wanted)>, now: Timestamp) -> Answer<'_, ()>;

    /// Every configured certificate, by name.
    fn certificates(&self) -> Answer<'_, Vec<CertificateRow>>;

    /// One certificate, configured or not.
    fn certificate(&self, name: CertificateName) -> Answer<'_, Option<CertificateRow>>;

    /// Those of these certificates that there are, configured or not.
    fn certificates_of(&self, names: Vec<CertificateName>) -> Answer<'_, Vec<CertificateRow>>;

    /// The issuance under way for a certificate.
    fn issuance(&self, name: CertificateName) -> Answer<'_, Option<Issuance>>;

    /// Applies a change to one certificate, whole or not at all. Returns the
    /// records of its issuance as they stand afterwards.
    fn apply(&self, change: Change) -> Answer<'_, Vec<Record>>;

    /// Takes a deployment from `before` to `after`, and plans when it goes on. False, and nothing changed, when it
    /// is not `before` any more: a newer generation has begun its own.
    fn deploy(
        &self,
        name: CertificateName,
        before: deployment::State,
        after: deployment::State,
    ) -> Answer<'_, bool>;

    /// The journal rows of a certificate's issuance.
    fn records(&self, name: CertificateName) -> Answer<'_, Vec<Record>>;

    /// Rows of a certificate that stay when its orders have ended.
    fn standing_records(&self, name: CertificateName) -> Answer<'_, Vec<Record>>;

    /// Enters a standing record into the journal that belongs to no order, but to this certificate.
    fn begin_standing(&self, name: CertificateName, record: NewRecord, now: Timestamp) -> Answer<'_, Record>;

    /// Standing records with these numbers begin removal, but for those that an order needs.
    fn retire_standing(&self, ids: Vec<i64>, now: Timestamp) -> Answer<'_, ()>;

    /// The rows with these numbers, in their order; without those that are gone.
    fn records_numbered(&self, ids: Vec<i64>) -> Answer<'_, Vec<Record>>;

    /// Every row of `instance` at one owner name, oldest first, whatever its phase.
    fn records_at(&self, instance: InstanceName, owner: DnsName) -> Answer<'_, Vec<Record>>;

    /// Keeps what the provider returned for published records.
    fn records_published(&self, handles: Vec<(i64, String)>) -> Answer<'_, ()>;

    /// Rows of `instance` that wait for removal and are due, oldest first.
    fn removals(&self, instance: InstanceName, now: Timestamp) -> Answer<'_, Vec<Record>>;

    /// Every row that waits for removal.
    fn leftovers(&self) -> Answer<'_, Vec<Record>>;

    /// Notes how removals went, and when the next one of `instance` is due. Whoever waits longest for room
    /// where a record is gone is due at `now`.
    fn records_removed(
        &self,
        instance: InstanceName,
        outcomes: Vec<(i64, RecordRemoval)>,
        now: Timestamp,
    ) -> Answer<'_, ()>;

    /// Enters a canary into the journal: a record that belongs to no order, for a name of this certificate.
    fn begin_canary(
        &self,
        name: CertificateName,
        record: NewRecord,
        canary: Canary,
        now: Timestamp,
    ) -> Answer<'_, Record>;

    /// How long servers took to show what an instance wrote in a zone, the latest first.
    fn spreads(&self, instance: InstanceName, zone: DnsName) -> Answer<'_, Vec<Duration>>;

    /// Remembers one more such time, to the millisecond, and of those before only as many as make `keep` with it.
    fn spread_seen(&self, instance: InstanceName, zone: DnsName, took: Duration, keep: u32)
    -> Answer<'_, ()>;

    /// The canary with this number begins removal; without a number, every one.
    fn end_canaries(&self, id: Option<i64>, now: Timestamp) -> Answer<'_, ()>;

    /// Where the challenge records of names were found to go.
    fn places(&self) -> Answer<'_, Vec<PlaceRow>>;

    /// How canaries fare, by instance and zone.
    fn canaries(&self) -> Answer<'_, Vec<CanaryRow>>;

    /// Keeps how canaries fare, and places, beside those that are kept already.
    fn keep_canaries(&self, canaries: Vec<CanaryRow>, places: Vec<PlaceRow>) -> Answer<'_, ()>;

    /// Forgets how canaries of an instance fared in a zone, and the places of names.
    fn forget_canaries(&self, canaries: Vec<(InstanceName, DnsName)>, places: Vec<DnsName>)
    -> Answer<'_, ()>;

    /// What is due at `now`, of each kind at most its number. One answer, because it is asked for whenever
    /// something ends.
    fn due(&self, now: Timestamp, most: Vec<(JobKind, usize)>) -> Answer<'_, Due>;

    /// Puts a job into the queue, or moves it.
    fn schedule(&self, job: Job) -> Answer<'_, ()>;

    /// Takes a job out of the queue.
    fn unschedule(&self, kind: JobKind, subject: String) -> Answer<'_, ()>;

    /// Makes a certificate due at `now` because of `cause`, whatever it waits for.
    fn ask(&self, name: CertificateName, cause: Cause, now: Timestamp) -> Answer<'_, ()>;

    /// Issuances of a certificate that were begun at a CA since a moment, oldest first.
    fn begun(&self, name: CertificateName, ca: CaName, since: Timestamp) -> Answer<'_, Vec<Begun>>;

    /// The moments at which counters of a CA are full again; `None` for one that is.
    fn budgets(&self, keys: Vec<String>) -> Answer<'_, Vec<Option<Timestamp>>>;

    /// Keeps what CAs said of renewals. A certificate that was replaced meanwhile is left as it is. The renewal
    /// of one that waits for nothing else moves to its new moment.
    fn renewal_infos(&self, heard: Vec<RenewalInfoHeard>, now: Timestamp) -> Answer<'_, ()>;

    /// Begins a revocation, due at `now`; says its number.
    fn begin_revocation(&self, new: NewRevocation, now: Timestamp) -> Answer<'_, i64>;

    /// Keeps how far a revocation has come, and when it goes on.
    fn keep_revocation(&self, id: i64, state: revocation::State, due: Option<Timestamp>) -> Answer<'_, ()>;

    /// A revocation.
    fn revocation(&self, id: i64) -> Answer<'_, Option<Revocation>>;

    /// Every revocation, the newest first.
    fn revocations(&self) -> Answer<'_, Vec<Revocation>>;

    /// Whether a public key is never to be certified again; by the SHA-256 of its SubjectPublicKeyInfo, hexadecimal.
    fn is_key_blocked(&self, sha256: String) -> Answer<'_, bool>;

    /// Everything that is planned, the earliest first.
    fn jobs(&self, until: Timestamp, most: usize) -> Answer<'_, Vec<Job>>;

    /// What was noted of a certificate, the newest first.
    fn notes(&self, name: CertificateName, most: usize) -> Answer<'_, Vec<Note>>;

    /// The account at a CA, by the CA's name and directory.
    fn account(&self, ca: CaName, directory: String) -> Answer<'_, Option<Account>>;

    /// Keeps an account.
    fn keep_account(&self, ca: CaName, directory: String, account: Account) -> Answer<'_, ()>;

    /// Small durable state of a provider instance.
    fn plugin_state(&self, instance: InstanceName, key: String) -> Answer<'_, Option<Vec<u8>>>;

    /// Keeps it; an empty value removes the key. False, and nothing kept, for a
    /// new key beyond `most` of them.
    fn keep_plugin_state(
        &self,
        instance: InstanceName,
        key: String,
        value: Vec<u8>,
        most: usize,
    ) -> Answer<'_, bool>;

    /// Takes what was deleted, keys above all, out of every file of the store. Costs some flushes: call it
    /// when there is nothing else to do. False when a reader was in the way: then again later.
    fn forget_deleted(&self) -> Answer<'_, bool>;
}
