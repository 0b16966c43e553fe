use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::de::DeserializeOwned;

use super::{
    Config, Descriptions, Faults, NoDescriptions, Plugins,
    build::{self, Parts},
    document::Document,
    fault::Problem,
    findings::{Findings, Location},
    near::nearest,
    raw::{Included, Root},
    yaml::{self, Content, ShapeError, Tree},
};

use crate::{
    plugin::{OptionSource, ProviderDescription},
    secret_source::Weakness,
};

mod include;

/// Whether the configuration is held against the machine it is read on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Files, programs, users and groups must be there.
    #[default]
    Checked,
    /// They are not looked for: the configuration is for another machine.
    Assumed,
}

/// Reads the configuration, without knowing what its plugins take.
///
/// # Errors
/// Every fault at once, warnings included.
pub fn load(path: &Path) -> Result<Config, Faults> {
    load_with(path, &NoDescriptions, Presence::Checked)
}

/// Reads the configuration and holds the options of its plugins against what
/// the plugins say they take. Blocks on files and on `descriptions`.
///
/// # Errors
/// Every fault at once, warnings included.
pub fn load_with(path: &Path, descriptions: &dyn Descriptions, presence: Presence) -> Result<Config, Faults> {
    let mut findings = Findings::default();
    let (parts, files) = parts(path, &mut findings);
    let config = build::build(parts, files, descriptions, presence, &mut findings);
    let failed = findings.has_errors();
    let faults = findings.finish();
    match config {
        Some(config) if !failed => Ok(Config {
            warnings: faults,
            ..config
        }),
        _ => Err(faults),
    }
}

/// What a configuration says about plugins, for commands that only look at these; also of a configuration
/// with faults, as far as it can be read. `None` when the main file cannot.
pub fn plugins(path: &Path) -> Option<Plugins> {
    let mut findings = Findings::default();
    let (parts, _) = parts(path, &mut findings);
    let plugins = build::plugins(parts, &mut findings)?;
    Some(Plugins {
        faulty: findings.has_errors(),
        ..plugins
    })
}

/// Reads a file that holds what would stand under `providers.NAME.options`, and holds it against what the
/// provider takes. Secrets come from where a configuration has them from. Blocks on files.
///
/// # Errors
/// Every fault at once, warnings included.
pub fn provider_options(
    path: &Path,
    provider: &ProviderDescription,
) -> Result<(Arc<dyn OptionSource>, Faults), Faults> {
    let mut findings = Findings::default();
    let options = read::<BTreeMap<String, Tree>>(path, Content::Options, &mut findings);
    let source = options.map(|(document, options)| {
        let at = Location::top(document);
        build::provider_options(&at, options, provider, &mut findings)
    });
    let failed = findings.has_errors();
    let faults = findings.finish();
    match source {
        Some(source) if !failed => Ok((source, faults)),
        _ => Err(faults),
    }
}

/// Reads the main file and those that it includes; names them all.
fn parts(path: &Path, findings: &mut Findings) -> (Parts, Vec<PathBuf>) {
    let mut parts = Parts::default();
    let mut files = vec![path.to_owned()];
    if let Some((document, root)) = read::<Root>(path, Content::Configuration, findings) {
        let patterns = include::expand(path, &root.include, document, findings);
        parts.main(document, root);
        for file in patterns {
            if let Some((document, included)) = read::<Included>(&file, Content::Configuration, findings) {
                parts.included(document, included);
            }
            files.push(file);
        }
    }
    (parts, files)
}

/// The control socket that the configuration names, for commands which need
/// nothing else of it; also of a configuration with faults. `None` when it
/// cannot be read or names none.
pub fn socket(path: &Path) -> Option<PathBuf> {
    let (_, root) = read::<Root>(path, Content::Configuration, &mut Findings::default())?;
    let text = root.control.socket?.0;
    text.starts_with('/').then(|| text.into())
}

/// Reads one file into its shape. `None` when nothing of it can be used.
fn read<T: DeserializeOwned>(path: &Path, content: Content, findings: &mut Findings) -> Option<(usize, T)> {
    let (text, weakness) = match Document::read(path) {
        Ok((text, weakness, problem)) => {
            if let Some(problem) = problem {
                findings.file(path.to_owned(), &problem);
            }
            (text, weakness)
        }
        Err(problem) => {
            findings.file(path.to_owned(), &problem);
            findings.incomplete = true;
            return None;
        }
    };
    understand(path, text, weakness, content, findings)
}

/// Reads the text of a file into its shape. `None` when nothing of it can be used.
pub(super) fn understand<T: DeserializeOwned>(
    path: &Path,
    text: String,
    weakness: Option<Weakness>,
    content: Content,
    findings: &mut Findings,
) -> Option<(usize, T)> {
    let (marks, flaws) = yaml::read(&text, content);
    let fatal = marks.is_none() || flaws.iter().any(|flaw| flaw.fatal);
    let document = findings.add(Document {
        file: path.to_owned(),
        weakness,
        text,
        marks,
    });
    for flaw in flaws {
        findings.flaw(document, flaw);
    }
    let shape = if fatal { None } else { shape(document, findings) };
    findings.incomplete |= shape.is_none();
    shape.map(|shape| (document, shape))
}

fn shape<T: DeserializeOwned>(document: usize, findings: &mut Findings) -> Option<T> {
    let mut tree = match yaml::parse(findings.text(document)) {
        Ok(tree) => tree,
        Err((problem, mark)) => {
            findings.syntax(document, mark, &problem);
            return None;
        }
    };
    findings.shape(&Location::top(document), &mut tree)
}

impl Problem for ShapeError {
    fn help(&self) -> Option<String> {
        match self {
            ShapeError::UnknownKey { key, known } => match nearest(key, known.iter().copied()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if Included::MAIN_ONLY.contains(&key.as_str()) => {
                    Some(format!("`{key}` belongs into the main file"))
                }
                None if known.is_empty() => None,
                None => Some(format!("the keys here are {}", list(known))),
            },
            ShapeError::UnknownWord { word, known } => match nearest(word, known.iter().copied()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(format!("write one of {}", list(known))),
            },
            ShapeError::Type { .. } | ShapeError::TooMany | ShapeError::Value(_) => None,
        }
    }
}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
