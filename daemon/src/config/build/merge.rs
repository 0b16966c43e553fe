use std::collections::BTreeMap;

use crate::config::{
    fault::Problem,
    findings::{Findings, Location},
};

/// Named entries of one kind, from all files, in the order of their names.
#[derive(Debug)]
pub(super) struct Entries<T>(BTreeMap<String, (Location, T)>);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is given in two files")]
struct InTwoFiles(String);

impl Problem for InTwoFiles {
    fn help(&self) -> Option<String> {
        Some("rename one of the two or remove it".into())
    }
}

impl<T> Entries<T> {
    /// The entries of the main file.
    pub fn new(at: &Location, entries: BTreeMap<String, T>) -> Self {
        Entries(
            entries
                .into_iter()
                .map(|(name, entry)| (name.clone(), (at.key(&name), entry)))
                .collect(),
        )
    }

    /// The entries of one more file.
    pub fn add(&mut self, at: &Location, entries: BTreeMap<String, T>, findings: &mut Findings) {
        for (name, entry) in entries {
            let location = at.key(&name);
            match self.0.get(&name) {
                Some((first, _)) => {
                    findings.key_conflict(&location, first, "first given here", &InTwoFiles(name));
                }
                None => {
                    self.0.insert(name, (location, entry));
                }
            }
        }
    }

    /// True without an entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each name, where it is, and what it says.
    pub fn into_each(self) -> impl Iterator<Item = (String, Location, T)> {
        self.0
            .into_iter()
            .map(|(name, (location, entry))| (name, location, entry))
    }
}
