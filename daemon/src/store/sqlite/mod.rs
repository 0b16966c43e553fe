//! The store of a single node: SQLite in WAL mode.
//!
//! `synchronous=FULL`: a commit is on disk when it returns (NORMAL flushes
//! nothing per commit and could not keep the journal before the record). One
//! writer commits whatever is queued in one flush; readers never wait for it.

mod accounts;
mod canaries;
mod certificates;
mod jobs;
mod lanes;
mod ledger;
mod migrations;
mod records;
mod renewal_infos;
mod revocations;
mod spreads;
#[cfg(test)]
mod tests;

use std::{os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use rusqlite::{Connection, config::DbConfig};

use self::lanes::{Access, Lane};
use super::{
    Account, Answer, Begun, Canary, CanaryRow, CertificateRow, Change, Due, Issuance, Job, JobKind,
    NewRecord, NewRevocation, Note, PlaceRow, Record, RecordRemoval, RenewalInfoHeard, Revocation, Store,
    StoreError, Wanted,
};
use crate::deployment;
use crate::revocation;
use crate::schedule::Cause;
use crate::types::{CaName, CertificateName, DnsName, InstanceName};

/// SQLite in a file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Lane,
    reader: Lane,
}

impl Sqlite {
    /// Opens or makes the database and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, or was written by a newer dns01d.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // made here so that it never exists with another mode; WAL and SHM files take over its mode
        std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::File {
                path: path.to_owned(),
                source,
            })?;
        let path: Arc<Path> = path.into();
        let mut writer = connect(&path)?;
        migrations::run(&mut writer, &path)?;
        Self::over(path, writer)
    }

    /// Opens the database of a daemon that runs.
    ///
    /// # Errors
    /// As [`Sqlite::open`], and when it was written by an older dns01d: that one needs it as it is.
    pub fn beside(path: &Path) -> Result<Self, StoreError> {
        let path: Arc<Path> = path.into();
        let writer = connect(&path)?;
        migrations::check(&writer, &path)?;
        Self::over(path, writer)
    }

    fn over(path: Arc<Path>, writer: Connection) -> Result<Self, StoreError> {
        let reader = connect(&path)?;
        reader
            .pragma_update(None, "query_only", "ON")
            .map_err(|source| StoreError::Sqlite {
                path: path.to_path_buf(),
                source,
            })?;
        Ok(Sqlite {
            writer: Lane::start("store-writer", writer, path.clone(), Access::Write)?,
            reader: Lane::start("store-reader", reader, path, Access::Read)?,
        })
    }
}

/// More than there are different statements: the cache keeps 16 unless told, and then prepares most of them
/// again for each certificate.
const STATEMENTS: usize = 64;

fn connect(path: &Arc<Path>) -> Result<Connection, StoreError> {
    let wrap = |source| StoreError::Sqlite {
        path: path.to_path_buf(),
        source,
    };
    let connection = Connection::open(path).map_err(wrap)?;
    for (pragma, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        // keys pass through here on their way to disk: leave no copy in freed pages (the log keeps one
        // until it is emptied)
        ("secure_delete", "ON"),
        ("trusted_schema", "OFF"),
        ("busy_timeout", "5000"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(wrap)?;
    }
    // else each new value of a bound LIMIT has SQLite compile its statement again, in case another plan were better:
    // a third of the time that reading the due queue takes
    let stable = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
    stable.map_err(wrap)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

impl Store for Sqlite {
    fn adopt(&self, wanted: Vec<(CertificateName, Wanted)>, now: Timestamp) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| certificates::adopt(tx, &wanted, now))
            .boxed()
    }

    fn certificates(&self) -> Answer<'_, Vec<CertificateRow>> {
        self.reader.run(certificates::all).boxed()
    }

    fn certificate(&self, name: CertificateName) -> Answer<'_, Option<CertificateRow>> {
        self.reader.run(move |tx| certificates::one(tx, &name)).boxed()
    }

    fn certificates_of(&self, names: Vec<CertificateName>) -> Answer<'_, Vec<CertificateRow>> {
        self.reader
            .run(move |connection| {
                let rows = names.iter().map(|name| certificates::one(connection, name));
                rows.filter_map(std::result::Result::transpose).collect()
            })
            .boxed()
    }

    fn issuance(&self, name: CertificateName) -> Answer<'_, Option<Issuance>> {
        self.reader
            .run(move |tx| certificates::issuance(tx, &name))
            .boxed()
    }

    fn apply(&self, change: Change) -> Answer<'_, Vec<Record>> {
        self.writer
            .run(move |tx| certificates::apply(tx, &change))
            .boxed()
    }

    fn deploy(
        &self,
        name: CertificateName,
        before: deployment::State,
        after: deployment::State,
    ) -> Answer<'_, bool> {
        self.writer
            .run(move |tx| certificates::deploy(tx, &name, &before, &after))
            .boxed()
    }

    fn records(&self, name: CertificateName) -> Answer<'_, Vec<Record>> {
        self.reader
            .run(move |tx| records::of_certificate(tx, &name))
            .boxed()
    }

    fn standing_records(&self, name: CertificateName) -> Answer<'_, Vec<Record>> {
        self.reader.run(move |tx| records::standing(tx, &name)).boxed()
    }

    fn begin_standing(&self, name: CertificateName, record: NewRecord, now: Timestamp) -> Answer<'_, Record> {
        self.writer
            .run(move |tx| records::begin_standing(tx, &name, &record, now))
            .boxed()
    }

    fn retire_standing(&self, ids: Vec<i64>, now: Timestamp) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| records::retire_standing(tx, &ids, now))
            .boxed()
    }

    fn records_numbered(&self, ids: Vec<i64>) -> Answer<'_, Vec<Record>> {
        self.reader
            .run(move |tx| {
                let rows = ids.iter().map(|id| records::numbered(tx, *id));
                rows.filter_map(std::result::Result::transpose).collect()
            })
            .boxed()
    }

    fn records_at(&self, instance: InstanceName, owner: DnsName) -> Answer<'_, Vec<Record>> {
        self.reader
            .run(move |tx| records::at(tx, &instance, &owner))
            .boxed()
    }

    fn records_published(&self, handles: Vec<(i64, String)>) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| records::published(tx, &handles))
            .boxed()
    }

    fn removals(&self, instance: InstanceName, now: Timestamp) -> Answer<'_, Vec<Record>> {
        self.reader
            .run(move |tx| records::removals(tx, &instance, now))
            .boxed()
    }

    fn leftovers(&self) -> Answer<'_, Vec<Record>> {
        self.reader.run(records::leftovers).boxed()
    }

    fn records_removed(
        &self,
        instance: InstanceName,
        outcomes: Vec<(i64, RecordRemoval)>,
        now: Timestamp,
    ) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| records::removed(tx, &instance, &outcomes, now))
            .boxed()
    }

    fn begin_canary(
        &self,
        name: CertificateName,
        record: NewRecord,
        canary: Canary,
        now: Timestamp,
    ) -> Answer<'_, Record> {
        self.writer
            .run(move |tx| records::begin_canary(tx, &name, &record, canary, now))
            .boxed()
    }

    fn end_canaries(&self, id: Option<i64>, now: Timestamp) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| records::end_canaries(tx, id, now))
            .boxed()
    }

    fn places(&self) -> Answer<'_, Vec<PlaceRow>> {
        self.reader.run(canaries::places).boxed()
    }

    fn canaries(&self) -> Answer<'_, Vec<CanaryRow>> {
        self.reader.run(canaries::all).boxed()
    }

    fn keep_canaries(&self, canaries: Vec<CanaryRow>, places: Vec<PlaceRow>) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| canaries::keep(tx, &canaries, &places))
            .boxed()
    }

    fn forget_canaries(
        &self,
        canaries: Vec<(InstanceName, DnsName)>,
        places: Vec<DnsName>,
    ) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| canaries::forget(tx, &canaries, &places))
            .boxed()
    }

    fn spreads(&self, instance: InstanceName, zone: DnsName) -> Answer<'_, Vec<Duration>> {
        self.reader
            .run(move |tx| spreads::of(tx, &instance, &zone))
            .boxed()
    }

    fn spread_seen(
        &self,
        instance: InstanceName,
        zone: DnsName,
        took: Duration,
        keep: u32,
    ) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| spreads::add(tx, &instance, &zone, took, keep))
            .boxed()
    }

    fn due(&self, now: Timestamp, most: Vec<(JobKind, usize)>) -> Answer<'_, Due> {
        self.reader
            .run(move |connection| jobs::look(connection, now, &most))
            .boxed()
    }

    fn schedule(&self, job: Job) -> Answer<'_, ()> {
        self.writer.run(move |tx| jobs::schedule(tx, &job)).boxed()
    }

    fn unschedule(&self, kind: JobKind, subject: String) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| jobs::unschedule(tx, kind, &subject))
            .boxed()
    }

    fn ask(&self, name: CertificateName, cause: Cause, now: Timestamp) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| certificates::ask(tx, &name, cause, now))
            .boxed()
    }

    fn begun(&self, name: CertificateName, ca: CaName, since: Timestamp) -> Answer<'_, Vec<Begun>> {
        self.reader
            .run(move |tx| ledger::begun(tx, &name, &ca, since))
            .boxed()
    }

    fn budgets(&self, keys: Vec<String>) -> Answer<'_, Vec<Option<Timestamp>>> {
        self.reader.run(move |tx| ledger::budgets(tx, &keys)).boxed()
    }

    fn renewal_infos(&self, heard: Vec<RenewalInfoHeard>, now: Timestamp) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| renewal_infos::keep(tx, &heard, now))
            .boxed()
    }

    fn begin_revocation(&self, new: NewRevocation, now: Timestamp) -> Answer<'_, i64> {
        self.writer
            .run(move |tx| revocations::begin(tx, &new, now))
            .boxed()
    }

    fn keep_revocation(&self, id: i64, state: revocation::State, due: Option<Timestamp>) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| revocations::keep(tx, id, &state, due))
            .boxed()
    }

    fn revocation(&self, id: i64) -> Answer<'_, Option<Revocation>> {
        self.reader.run(move |tx| revocations::one(tx, id)).boxed()
    }

    fn revocations(&self) -> Answer<'_, Vec<Revocation>> {
        self.reader.run(revocations::all).boxed()
    }

    fn is_key_blocked(&self, sha256: String) -> Answer<'_, bool> {
        self.reader
            .run(move |tx| revocations::is_blocked(tx, &sha256))
            .boxed()
    }

    fn jobs(&self, until: Timestamp, most: usize) -> Answer<'_, Vec<Job>> {
        self.reader.run(move |tx| jobs::until(tx, until, most)).boxed()
    }

    fn notes(&self, name: CertificateName, most: usize) -> Answer<'_, Vec<Note>> {
        self.reader.run(move |tx| ledger::notes(tx, &name, most)).boxed()
    }

    fn account(&self, ca: CaName, directory: String) -> Answer<'_, Option<Account>> {
        self.reader
            .run(move |tx| accounts::one(tx, &ca, &directory))
            .boxed()
    }

    fn keep_account(&self, ca: CaName, directory: String, account: Account) -> Answer<'_, ()> {
        self.writer
            .run(move |tx| accounts::keep(tx, &ca, &directory, &account))
            .boxed()
    }

    fn plugin_state(&self, instance: InstanceName, key: String) -> Answer<'_, Option<Vec<u8>>> {
        self.reader
            .run(move |tx| accounts::plugin_state(tx, &instance, &key))
            .boxed()
    }

    fn keep_plugin_state(
        &self,
        instance: InstanceName,
        key: String,
        value: Vec<u8>,
        most: usize,
    ) -> Answer<'_, bool> {
        self.writer
            .run(move |tx| accounts::keep_plugin_state(tx, &instance, &key, &value, most))
            .boxed()
    }

    fn forget_deleted(&self) -> Answer<'_, bool> {
        self.writer.empty_log().boxed()
    }
}
