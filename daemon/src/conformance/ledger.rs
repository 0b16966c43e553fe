//! What the run has published and not yet taken away.

use serde::Serialize;

use crate::plugin::{Record, RecordOutcome};

/// A record that is still there and should not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Why it could not be removed.
    pub why: String,
}

/// Records that may stand, with the handles that remove them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    standing: Vec<Standing>,
    presented: usize,
}

/// A record that may stand.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) record: Record,
    pub(super) doubt: Doubt,
}

/// Why it may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It was presented and not removed.
    Presented,
    /// The plugin said that it was refused.
    Refused,
    /// The plugin said that it is gone, and a server showed it all the same.
    SaidGone,
}

impl Ledger {
    /// Before the plugin is asked: whatever becomes of the call, these may stand.
    pub(super) fn intend(&mut self, records: &[Record]) {
        self.presented += records.len();
        self.enter(records, Doubt::Presented);
    }

    /// These were seen where they should be gone.
    pub(super) fn doubt(&mut self, records: &[Record]) {
        self.enter(records, Doubt::SaidGone);
    }

    fn enter(&mut self, records: &[Record], doubt: Doubt) {
        for record in records {
            match self.find(record) {
                Some(known) => known.doubt = doubt,
                None => self.standing.push(Standing {
                    record: record.clone(),
                    doubt,
                }),
            }
        }
    }

    /// What became of records that were to be presented.
    pub(super) fn presented(&mut self, records: &[Record], outcomes: &[RecordOutcome]) {
        for (record, outcome) in records.iter().zip(outcomes) {
            let Some(known) = self.find(record) else { continue };
            match outcome {
                Ok(done) if done.handle.is_empty() => {}
                Ok(done) => known.record.handle.clone_from(&done.handle),
                Err(failure) if (200..300).contains(&failure.code) => known.doubt = Doubt::Refused,
                Err(_) => {}
            }
        }
    }

    /// It is gone.
    pub(super) fn forget(&mut self, record: &Record) {
        self.standing.retain(|known| !same(&known.record, record));
    }

    /// What may stand.
    pub(super) fn standing(&self) -> Vec<Standing> {
        self.standing.clone()
    }

    fn find(&mut self, record: &Record) -> Option<&mut Standing> {
        self.standing.iter_mut().find(|known| same(&known.record, record))
    }

    /// How many records were presented in all.
    pub(super) fn count(&self) -> usize {
        self.presented
    }
}

fn same(a: &Record, b: &Record) -> bool {
    a.fqdn == b.fqdn && a.value == b.value
}
