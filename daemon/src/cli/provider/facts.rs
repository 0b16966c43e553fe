//! What is shown of a provider, also as JSON.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    plugin::{InstanceInfo, OptionDescription, OptionKind},
    types::InstanceName,
};

/// `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// What `provider` of a configuration says.
    pub id: String,
    /// For people.
    pub title: String,
    /// Documentation.
    pub url: Option<String>,
    /// Where it is from.
    pub library: LibraryFacts,
    /// It runs programs, which `allow-exec` must allow.
    pub runs_programs: bool,
    /// It takes options beside those listed.
    pub other_options: bool,
    /// In the library's order.
    pub options: Vec<OptionFacts>,
    /// Instances of the configuration.
    pub instances: Vec<InstanceName>,
    /// The instance that was asked for.
    pub instance: Option<InstanceFacts>,
    /// YAML to paste into a configuration.
    pub snippet: String,
}

/// A library.
#[derive(Debug, Serialize)]
pub(super) struct LibraryFacts {
    /// Where it is.
    pub path: PathBuf,
    /// What `library` of a configuration may say instead of the path.
    pub name: Option<String>,
    /// What it calls itself.
    pub title: String,
    /// Its version.
    pub version: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// The plugin ABI that it was built with.
    pub abi: String,
    /// Of the file, as `sha256` of a configuration pins it.
    pub sha256: String,
    /// How many providers it holds.
    pub providers: usize,
}

/// An option.
#[derive(Debug, Serialize)]
pub(super) struct OptionFacts {
    /// What a configuration says.
    pub key: String,
    /// How its value is written.
    pub kind: OptionKind,
    /// There must be a value.
    pub required: bool,
    /// Taken from a secret source only.
    pub secret: bool,
    /// Several values, in order.
    pub list: bool,
    /// As a configuration writes it.
    pub default: Option<String>,
    /// One line.
    pub help: String,
}

/// What an instance says of itself once it is open.
#[derive(Debug, Serialize)]
pub(super) struct InstanceFacts {
    /// Its name.
    pub name: InstanceName,
    /// Zero always means "no special need".
    pub info: Option<InstanceInfo>,
    /// Why it could not be asked.
    pub fault: Option<String>,
}

impl OptionFacts {
    pub fn of(option: &OptionDescription) -> Self {
        OptionFacts {
            key: option.key.clone(),
            kind: option.kind,
            required: option.required,
            secret: option.secret,
            list: option.list,
            default: option.default.as_deref().map(|value| written(option.kind, value)),
            help: option.help.clone(),
        }
    }

    /// The operator must write a value.
    pub fn is_asked(&self) -> bool {
        self.required && self.default.is_none()
    }

    /// `required secret list of text, default x`.
    pub fn nature(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        words.extend(self.is_asked().then_some("required"));
        words.extend(self.secret.then_some("secret"));
        words.extend(self.list.then_some("list of"));
        words.push(match self.kind {
            OptionKind::Text => "text",
            OptionKind::File => "file",
            OptionKind::Integer => "integer",
            OptionKind::Boolean => "boolean",
            OptionKind::Duration => "duration",
        });
        let words = words.join(" ");
        match &self.default {
            Some(default) => format!("{words}, default {default}"),
            None => words,
        }
    }
}

/// A default as a configuration writes it: the ABI has durations in milliseconds.
fn written(kind: OptionKind, value: &str) -> String {
    match (kind, value.parse::<u64>()) {
        (OptionKind::Duration, Ok(milliseconds)) if milliseconds % 1000 == 0 => {
            format!("{}s", milliseconds / 1000)
        }
        (OptionKind::Duration, Ok(milliseconds)) => format!("{milliseconds}ms"),
        _ => value.to_owned(),
    }
}
