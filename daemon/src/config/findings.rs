//! Faults as they are found, before they know their lines.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::secret_source::Weakness;

use super::{
    document::Document,
    fault::{Fault, Faults, Place, Problem, Severity},
    near::nearest,
    yaml::{self, Flaw, Mark, NodePath, ShapeError, Span, Tree},
};

/// A value of one of the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    /// Which document, by its number.
    pub document: usize,
    /// Where in it.
    pub path: NodePath,
}

impl Location {
    /// The whole of a document.
    pub fn top(document: usize) -> Self {
        Location {
            document,
            path: NodePath::default(),
        }
    }

    /// The whole of the main file: it is read first.
    pub fn main() -> Self {
        Location::top(0)
    }

    pub fn key(&self, key: &str) -> Self {
        Location {
            document: self.document,
            path: self.path.key(key),
        }
    }

    pub fn index(&self, index: usize) -> Self {
        Location {
            document: self.document,
            path: self.path.index(index),
        }
    }
}

/// What the caret points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spot {
    Key,
    Value,
}

#[derive(Debug)]
enum Where {
    Whole(PathBuf),
    Text {
        document: usize,
        span: Span,
        path: NodePath,
        hide_line: bool,
    },
}

#[derive(Debug)]
struct Finding {
    severity: Severity,
    what: String,
    help: Option<String>,
    at: Where,
    related: Vec<(Where, String)>,
}

/// Every document and every fault found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    documents: Vec<Document>,
    findings: Vec<Finding>,
    /// Something is missing that cannot be looked at: what refers to it is no fault.
    pub incomplete: bool,
}

impl Findings {
    /// Takes a document in and gives it its number.
    pub fn add(&mut self, document: Document) -> usize {
        self.documents.push(document);
        self.documents.len() - 1
    }

    /// The text of a document.
    pub fn text(&self, document: usize) -> &str {
        &self.documents[document].text
    }

    /// A whole file cannot be used.
    pub fn file(&mut self, file: PathBuf, problem: &impl Problem) {
        self.push(Severity::Error, Where::Whole(file), problem);
    }

    /// The text itself is wrong.
    pub fn flaw(&mut self, document: usize, flaw: Flaw) {
        let Flaw {
            path,
            span,
            problem,
            first,
            hide_line,
            ..
        } = flaw;
        let at = Where::Text {
            document,
            span,
            path: path.clone(),
            hide_line,
        };
        let related = first.map(|span| {
            (
                Where::Text {
                    document,
                    span,
                    path,
                    hide_line,
                },
                "first given here".to_owned(),
            )
        });
        self.push(Severity::Error, at, &problem);
        if let Some(finding) = self.findings.last_mut() {
            finding.related.extend(related);
        }
    }

    /// A parser's complaint, where nothing is known but perhaps the line.
    pub fn syntax(&mut self, document: usize, mark: Option<Mark>, problem: &impl Problem) {
        let mark = mark.unwrap_or_default();
        let at = Where::Text {
            document,
            span: Span {
                start: mark,
                end: mark,
            },
            path: NodePath::default(),
            hide_line: true,
        };
        self.push(Severity::Error, at, problem);
    }

    /// Gives the value here its shape, noting what does not fit. `None` when nothing fits.
    pub fn shape<T: DeserializeOwned>(&mut self, location: &Location, tree: &mut Tree) -> Option<T> {
        let Location { document, path } = location;
        let mut faults = Vec::new();
        let marks = self.documents[*document].marks.as_mut()?;
        // an element that is taken out moves those behind it: spans are taken at once
        let shape = yaml::peel(tree, path, marks, |path, marks, error| {
            let span = match error {
                ShapeError::UnknownKey { .. } => marks.key(&path),
                _ => marks.value(&path),
            };
            faults.push((marks.in_file(&path), span, error));
        });
        for (path, span, error) in faults {
            let at = Where::Text {
                document: *document,
                span,
                path,
                hide_line: false,
            };
            self.push(Severity::Error, at, &error);
        }
        shape
    }

    /// The value here is wrong.
    pub fn value(&mut self, location: &Location, problem: &impl Problem) {
        let at = self.at(location, Spot::Value);
        self.push(Severity::Error, at, problem);
    }

    /// The key here is wrong.
    pub fn key(&mut self, location: &Location, problem: &impl Problem) {
        let at = self.at(location, Spot::Key);
        self.push(Severity::Error, at, problem);
    }

    /// The value here contradicts another one.
    pub fn conflict(&mut self, location: &Location, other: &Location, label: &str, problem: &impl Problem) {
        self.value(location, problem);
        self.relate(other, label);
    }

    /// The key here contradicts another one.
    pub fn key_conflict(
        &mut self,
        location: &Location,
        other: &Location,
        label: &str,
        problem: &impl Problem,
    ) {
        self.key(location, problem);
        self.relate(other, label);
    }

    /// The value here works, but the operator should know.
    pub fn warn(&mut self, location: &Location, problem: &impl Problem) {
        let at = self.at(location, Spot::Value);
        self.push(Severity::Warning, at, problem);
    }

    /// As [`Findings::warn`], with another place that belongs to it.
    pub fn warn_conflict(
        &mut self,
        location: &Location,
        other: &Location,
        label: &str,
        problem: &impl Problem,
    ) {
        self.warn(location, problem);
        self.relate(other, label);
    }

    /// `key` is missing in the mapping here, unless it was only wrong or misspelt.
    pub fn missing(&mut self, mapping: &Location, key: &str, problem: &impl Problem) {
        let refused = self.documents[mapping.document]
            .marks
            .as_ref()
            .is_some_and(|marks| {
                marks
                    .peeled_keys(&mapping.path)
                    .any(|given| nearest(given, [key]).is_some())
            });
        if !refused {
            self.key(mapping, problem);
        }
    }

    /// True when the value was there and was refused for its shape.
    pub fn is_peeled(&self, location: &Location) -> bool {
        self.documents[location.document]
            .marks
            .as_ref()
            .is_some_and(|marks| marks.is_peeled(&location.path))
    }

    /// True when a value of the mapping was refused for its shape, or its key for its name.
    pub fn has_peeled(&self, mapping: &Location) -> bool {
        self.documents[mapping.document]
            .marks
            .as_ref()
            .is_some_and(|marks| marks.peeled_keys(&mapping.path).next().is_some())
    }

    /// True when an element of the list was refused for its shape.
    pub fn is_shortened(&self, location: &Location) -> bool {
        self.documents[location.document]
            .marks
            .as_ref()
            .is_some_and(|marks| marks.is_shortened(&location.path))
    }

    /// The value is no secret and may be shown.
    pub fn reveal(&mut self, location: &Location) {
        if let Some(marks) = &mut self.documents[location.document].marks {
            marks.reveal(&location.path);
        }
    }

    /// The scalar here as it is written.
    pub fn written(&self, location: &Location) -> Option<&str> {
        self.documents[location.document]
            .marks
            .as_ref()?
            .text(&location.path)
    }

    /// The file that holds this, and why no secret may stand in it.
    pub fn file_of(&self, location: &Location) -> (&Path, Option<Weakness>) {
        let document = &self.documents[location.document];
        (&document.file, document.weakness)
    }

    /// How many faults have been found so far.
    pub fn count(&self) -> usize {
        self.findings.len()
    }

    /// True when the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// Gives every fault its line. Lines that may hold secrets are elided by
    /// now: what turned out to be none has been revealed.
    pub fn finish(mut self) -> Faults {
        let order = |finding: &Finding| match &finding.at {
            Where::Whole(_) => (0, Span::default()),
            Where::Text { document, span, .. } => (*document, *span),
        };
        self.findings.sort_by_key(order);
        let documents = self.documents;
        let place = |at: Where| match at {
            Where::Whole(file) => (Place { file, excerpt: None }, String::new()),
            Where::Text {
                document,
                span,
                path,
                hide_line,
            } => (documents[document].place(span, hide_line), path.to_string()),
        };
        let faults = self.findings.into_iter().map(|finding| {
            let (at, path) = place(finding.at);
            let related = finding
                .related
                .into_iter()
                .map(|(at, label)| (place(at).0, label))
                .collect();
            Fault {
                severity: finding.severity,
                what: finding.what,
                help: finding.help,
                path,
                place: at,
                related,
            }
        });
        Faults::new(faults.collect())
    }

    fn relate(&mut self, other: &Location, label: &str) {
        let at = self.at(other, Spot::Value);
        if let Some(finding) = self.findings.last_mut() {
            finding.related.push((at, label.to_owned()));
        }
    }

    fn push(&mut self, severity: Severity, at: Where, problem: &impl Problem) {
        let (what, help) = (
            visible(&problem.to_string()),
            problem.help().as_deref().map(visible),
        );
        self.findings.push(Finding {
            severity,
            what,
            help,
            at,
            related: Vec::new(),
        });
    }

    fn at(&self, location: &Location, spot: Spot) -> Where {
        let Location { document, path } = location;
        let marks = self.documents[*document].marks.as_ref();
        let span = marks.map(|marks| match spot {
            Spot::Key => marks.key(path),
            Spot::Value => marks.value(path),
        });
        Where::Text {
            document: *document,
            span: span.unwrap_or_default(),
            path: marks.map_or_else(|| path.clone(), |marks| marks.in_file(path)),
            hide_line: false,
        }
    }
}

/// What a key or a value quoted in it would have a terminal do, spelt out.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push(character),
            control if control.is_control() => shown.extend(control.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}
