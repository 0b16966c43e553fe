//! What is wrong with a configuration.

use std::{fmt, path::PathBuf};

use super::report;

/// One kind of fault: says what is wrong and, where it can be known, what to write instead.
pub(super) trait Problem: fmt::Display {
    /// What to write or do instead.
    fn help(&self) -> Option<String>;
}

/// Whether the configuration can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing of it can be used.
    Error,
    /// It can be used; the operator should know.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether the configuration can be used.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Path inside of the document, `cas.letsencrypt.contacts[0]`; empty for a whole file.
    pub path: String,
    /// Where it stands.
    pub place: Place,
    /// Other places that belong to it, each with what it has to do with the fault.
    pub related: Vec<(Place, String)>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Where in the file; `None` for the file as a whole.
    pub excerpt: Option<Excerpt>,
}

/// A line and the part of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// The line as it may be shown: secrets are elided. `None` when it may not.
    pub text: Option<String>,
    /// Where in `text` the marked part begins, in characters from 0.
    pub caret: usize,
    /// Characters that are marked, at least 1.
    pub width: usize,
}

/// All faults of a configuration, in the order of its files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Faults(faults)
    }

    /// The faults one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Fault> {
        self.0.iter()
    }

    /// True when there is not even a warning.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many make the configuration unusable.
    pub fn errors(&self) -> usize {
        self.0
            .iter()
            .filter(|fault| fault.severity == Severity::Error)
            .count()
    }

    /// How many are only worth knowing.
    pub fn warnings(&self) -> usize {
        self.0.len() - self.errors()
    }
}

/// The report for people; see [`report::text`].
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&report::text(self))
    }
}

impl std::error::Error for Faults {}
