//! What a run showed, for programs; the command line makes the text for people of it.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;

use super::{
    Check, Leftover, Options,
    verdict::{Seen, Trouble},
};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The plugin.
    pub subject: Subject,
    /// What confined it; `null` when it could not be loaded.
    pub sandbox: Option<Sandboxed>,
    /// One for each check, in the order in which they ran.
    pub findings: Vec<Finding>,
    /// What is still in the zone.
    pub left: Vec<Leftover>,
}

/// What was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The library.
    pub library: PathBuf,
    /// The provider in it; `null` when it could not be loaded.
    pub provider: Option<String>,
    /// Where records were published.
    pub zone: String,
}

/// What the kernel enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sandboxed {
    /// Landlock's version; 0 when files were not confined.
    pub landlock: u32,
    /// The system call filter was in force.
    pub seccomp: bool,
    /// What could not be done.
    pub missing: Vec<String>,
}

/// What one check showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub check: &'static str,
    /// What it belongs to.
    pub group: &'static str,
    /// Where the header says so.
    pub rule: &'static str,
    /// What the header asks for.
    pub promise: &'static str,
    /// Kept or not.
    pub verdict: Verdict,
    /// What was seen, or why there was nothing to check.
    pub seen: String,
    /// What to do; `null` unless it failed.
    pub advice: Option<&'static str>,
    /// How long it took.
    pub milliseconds: u64,
}

/// Whether a promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is.
    Pass,
    /// It is not.
    Fail,
    /// There was nothing to check.
    NotApplicable,
}

impl Finding {
    pub(super) fn new(check: Check, seen: Seen, took: Duration) -> Self {
        let (verdict, seen) = match seen {
            Ok(seen) => (Verdict::Pass, seen),
            Err(Trouble::Failed(seen)) => (Verdict::Fail, seen),
            Err(Trouble::Moot(why)) => (Verdict::NotApplicable, why),
            Err(Trouble::Interrupted) => (Verdict::Fail, "interrupted before it was done".to_owned()),
        };
        Finding {
            check: check.id(),
            group: check.group().as_str(),
            rule: check.rule(),
            promise: check.promise(),
            verdict,
            seen,
            advice: (verdict == Verdict::Fail).then(|| check.advice()),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Report {
    pub(super) fn new(
        options: &Options,
        provider: Option<String>,
        sandbox: Option<Sandboxed>,
        findings: Vec<Finding>,
        left: Vec<Leftover>,
    ) -> Self {
        Report {
            subject: Subject {
                library: options.plugin.library.clone(),
                provider,
                zone: options.zone.to_string(),
            },
            sandbox,
            findings,
            left,
        }
    }

    /// How many checks came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .count()
    }

    /// True when nothing failed.
    pub fn is_good(&self) -> bool {
        self.count(Verdict::Fail) == 0
    }
}
