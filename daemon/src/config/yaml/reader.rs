//! A second look at the text, for places.
//!
//! serde_yaml knows what a document means and not where. On the way this
//! reader finds what a configuration does without: duplicate keys, aliases,
//! merge keys, tags, a second document.

use std::{cmp::Ordering, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::config::raw::{Ca, Provider, Root};

use super::{
    marks::{Kind, Mark, Marks, Node, Span},
    path::{NodePath, Step},
    problem::YamlProblem,
};

/// Deeper than any configuration: its deepest place is a list in a plugin's option, at 5.
const MAX_DEPTH: usize = 32;

/// Something that the text itself does wrong.
#[derive(Debug)]
pub(in crate::config) struct Flaw {
    pub path: NodePath,
    pub span: Span,
    pub problem: YamlProblem,
    /// Where a duplicate stood first.
    pub first: Option<Span>,
    /// The document cannot be understood any further.
    pub fatal: bool,
    /// The line may hold a secret.
    pub hide_line: bool,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::config) enum Content {
    /// A configuration, or what one includes.
    #[default]
    Configuration,
    /// Nothing but what would stand under `providers.NAME.options`.
    Options,
}

/// Reads the text once. Without marks when it is no YAML.
pub(in crate::config) fn read(text: &str, content: Content) -> (Option<Marks>, Vec<Flaw>) {
    let mut reader = Reader {
        content,
        ..Reader::default()
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if !reader.event(event, span.into()) {
                    return (None, reader.flaws);
                }
            }
            Err(error) => {
                reader.syntax(&error, text);
                return (None, reader.flaws);
            }
        }
    }
    let root = reader.root.unwrap_or(Node {
        key: Span::default(),
        value: Span::default(),
        peeled: false,
        shortened: false,
        kind: Kind::Scalar(String::new()),
    });
    let marks = Marks {
        root,
        sensitive: reader.sensitive,
    };
    (Some(marks), reader.flaws)
}

/// Builds the index from the parser's events.
#[derive(Default)]
struct Reader {
    content: Content,
    open: Vec<Open>,
    root: Option<Node>,
    sensitive: Vec<Span>,
    flaws: Vec<Flaw>,
    documents: usize,
}

/// A mapping or list that has not ended yet.
struct Open {
    value: Span,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<(usize, Node)>),
    Map {
        entries: Vec<(String, Node)>,
        /// Lines of keys seen, for duplicates; an index beside `entries`, which keep only the first.
        seen: HashMap<String, Span>,
        pending: Option<(String, Span)>,
    },
}

impl Reader {
    /// False when reading cannot go on.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.flaw(span, YamlProblem::SecondDocument, true);
                    return false;
                }
            }
            Event::Alias(_) => {
                self.flaw(span, YamlProblem::Alias, true);
                self.scalar(String::new(), ScalarStyle::Plain, span);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.decoration(anchor, tag.as_deref(), span);
                self.scalar(text.into_owned(), style, span);
            }
            Event::SequenceStart(anchor, tag) => {
                self.decoration(anchor, tag.as_deref(), span);
                return self.start(span, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.decoration(anchor, tag.as_deref(), span);
                let kind = OpenKind::Map {
                    entries: Vec::new(),
                    seen: Default::default(),
                    pending: None,
                };
                return self.start(span, kind);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn decoration(&mut self, anchor: usize, tag: Option<&saphyr_parser::Tag>, span: Span) {
        if anchor != 0 {
            self.flaw(span, YamlProblem::Anchor, true);
        }
        if tag.is_some() {
            self.flaw(span, YamlProblem::Tag, true);
        }
    }

    fn start(&mut self, span: Span, kind: OpenKind) -> bool {
        if self.expects_key() {
            self.flaw(span, YamlProblem::KeyNotText, true);
            return false;
        }
        if self.open.len() >= MAX_DEPTH {
            self.flaw(span, YamlProblem::TooDeep { limit: MAX_DEPTH }, true);
            return false;
        }
        self.open.push(Open { value: span, kind });
        true
    }

    fn end(&mut self) {
        let Some(Open { value, kind }) = self.open.pop() else {
            return;
        };
        let kind = match kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map { entries, .. } => Kind::Map(entries),
        };
        self.value(kind, value);
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span) {
        if self.expects_key() {
            if text == "<<" && style == ScalarStyle::Plain {
                self.flaw(span, YamlProblem::MergeKey, true);
            }
            if self.within_options() && self.may_be_secret(&text, self.open.len() - 1) {
                self.sensitive.push(span);
            }
            self.key_scalar(text, span);
        } else {
            if self.within_options() {
                self.sensitive.push(span);
            }
            self.value(Kind::Scalar(text), span);
        }
    }

    fn key_scalar(&mut self, text: String, span: Span) {
        let mut duplicate = None;
        if let Some(Open {
            kind: OpenKind::Map { seen, pending, .. },
            ..
        }) = self.open.last_mut()
        {
            duplicate = seen.get(&text).copied();
            seen.entry(text.clone()).or_insert(span);
            *pending = Some((text.clone(), span));
        }
        if let Some(first) = duplicate {
            let path = self.path();
            let key = match path.split_last() {
                Some((_, Step::Key(key))) => key.clone(),
                _ => text,
            };
            self.flaws.push(Flaw {
                path,
                span,
                problem: YamlProblem::Duplicate { key },
                first: Some(first),
                fatal: false,
                hide_line: false,
            });
        }
    }

    fn value(&mut self, kind: Kind, value: Span) {
        match self.open.last_mut() {
            None => {
                let top = Span {
                    start: Mark { line: 1, column: 1 },
                    end: Mark { line: 1, column: 1 },
                };
                self.root = Some(Node {
                    key: top,
                    value,
                    peeled: false,
                    shortened: false,
                    kind,
                });
            }
            Some(Open {
                kind: OpenKind::List(items),
                ..
            }) => {
                items.push((
                    items.len(),
                    Node {
                        key: value,
                        value,
                        peeled: false,
                        shortened: false,
                        kind,
                    },
                ));
            }
            Some(Open {
                kind:
                    OpenKind::Map {
                        entries,
                        seen,
                        pending,
                    },
                ..
            }) => {
                let Some((name, key)) = pending.take() else { return };
                if seen.get(&name) == Some(&key) {
                    entries.push((
                        name,
                        Node {
                            key,
                            value,
                            peeled: false,
                            shortened: false,
                            kind,
                        },
                    ));
                }
            }
        }
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                kind: OpenKind::Map { pending: None, .. },
                ..
            })
        )
    }

    /// True inside of `providers.NAME.options`, `.environment` and `cas.NAME.external-account`, and wherever a misspelt or misplaced key
    /// may have put what belongs there.
    fn within_options(&self) -> bool {
        let pending = |depth: usize| match self.open.get(depth).map(|open| &open.kind) {
            Some(OpenKind::Map {
                pending: Some((key, _)),
                ..
            }) => key.as_str(),
            _ => "",
        };
        match (self.content, pending(0), self.open.len()) {
            (Content::Options, ..) => true,
            (_, "", _) | (_, "providers", 1) => false,
            (_, "providers", 2) => !pending(1).is_empty(),
            (_, "providers", _) => match &self.open[2].kind {
                OpenKind::Map { pending: None, .. } => false,
                OpenKind::Map { .. } => !Provider::PLAIN.contains(&pending(2)),
                OpenKind::List(_) => true,
            },
            (_, "cas", 3..) => Ca::guards(pending(2)),
            (_, top, _) => !Root::PLAIN.contains(&top),
        }
    }

    /// See [`may_be_secret`].
    fn may_be_secret(&self, key: &str, depth: usize) -> bool {
        let above = match self.content {
            Content::Configuration => 0,
            Content::Options => OPTIONS_DEPTH,
        };
        may_be_secret(key, above + depth)
    }

    fn path(&self) -> NodePath {
        let guarded = self.within_options();
        let steps = self
            .open
            .iter()
            .enumerate()
            .filter_map(|(depth, open)| match &open.kind {
                OpenKind::List(items) => Some(Step::Index(items.len())),
                OpenKind::Map { pending, .. } => pending.as_ref().map(|(key, _)| {
                    let hidden = guarded && self.may_be_secret(key, depth);
                    Step::Key(if hidden { "..".to_owned() } else { key.clone() })
                }),
            });
        steps.collect()
    }

    fn flaw(&mut self, span: Span, problem: YamlProblem, fatal: bool) {
        let hide_line = self.within_options();
        self.flaws.push(Flaw {
            path: self.path(),
            span,
            problem,
            first: None,
            fatal,
            hide_line,
        });
    }

    fn syntax(&mut self, error: &ScanError, text: &str) {
        let marker = error.marker();
        let mark = Mark {
            line: marker.line(),
            column: marker.col() + 1,
        };
        let line = text.lines().nth(mark.line.saturating_sub(1)).unwrap_or_default();
        let unquoted_wildcard = ["[*", " *", ",*"].iter().any(|start| line.contains(start));
        let problem = if unquoted_wildcard {
            YamlProblem::UnquotedWildcard
        } else {
            YamlProblem::Syntax {
                message: error.info().to_owned(),
            }
        };
        // the scanner is ahead of the events: whatever could be an option's line counts as one
        let in_providers = matches!(
            self.open.first(),
            Some(Open { kind: OpenKind::Map { pending: Some((key, _)), .. }, .. })
                if !Root::PLAIN.contains(&key.as_str())
        );
        let hide_line = self.content == Content::Options
            || in_providers
            || ["providers", "options", "environment", "external", "hmac"]
                .iter()
                .any(|key| line.contains(key));
        let span = Span {
            start: mark,
            end: mark,
        };
        self.flaws.push(Flaw {
            path: self.path(),
            span,
            problem,
            first: None,
            fatal: true,
            hide_line,
        });
    }
}

/// How many mappings are around the keys of `providers.NAME.options`.
const OPTIONS_DEPTH: usize = 3;

/// True for a key that a colon at the wrong place could have made of a secret:
/// `secret hunter2: ..`, or `secret: { hunter2 }`.
fn may_be_secret(key: &str, depth: usize) -> bool {
    match depth.cmp(&OPTIONS_DEPTH) {
        Ordering::Less => false,
        Ordering::Equal => !key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)),
        Ordering::Greater => !["file", "credential", "command", "timeout"].contains(&key),
    }
}

impl From<saphyr_parser::Span> for Span {
    fn from(span: saphyr_parser::Span) -> Self {
        let mark = |marker: saphyr_parser::Marker| Mark {
            line: marker.line(),
            column: marker.col() + 1,
        };
        Span {
            start: mark(span.start),
            end: mark(span.end),
        }
    }
}
