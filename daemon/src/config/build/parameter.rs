//! A plugin's own options, held against what the plugin says it takes.

use std::collections::BTreeMap;

use dns01_plugin_wire::{OptionDescription, OptionKind, ProviderDescription};

use super::Builder;
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        near::nearest,
        option_source::{ConfiguredOption, ConfiguredValue},
        raw::{self, Text},
        yaml::Tree,
    },
    secret::Secret,
    secret_source::{SecretError, SecretSource},
};

/// No problem holds a value: it may be a secret at the wrong place.
#[derive(Debug, thiserror::Error)]
pub(super) enum OptionProblem {
    #[error("a plugin's option is named with letters, digits, `_`, `.` and `-` only")]
    Key,
    #[error("the provider has no option `{key}`")]
    Unknown {
        key: String,
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("the provider needs the option `{key}`: {help}")]
    Missing { key: String, help: String, secret: bool },
    #[error("the secret `{0}` is written into the configuration")]
    Inline(String),
    #[error("the secret `{key}` is written into a file that must not hold it: {error}")]
    InlineUnfit { key: String, error: SecretError },
    #[error("`{0}` has no value")]
    Empty(String),
    #[error("`{key}` takes {expected}")]
    Type { key: String, expected: &'static str },
    #[error("`{0}` takes one value, and here is a list")]
    List(String),
    #[error("`{0}` takes the path of a file, not what is in it")]
    Path(String),
    #[error("the value of `{0}` holds a NUL character")]
    Nul(String),
}

impl Problem for OptionProblem {
    fn help(&self) -> Option<String> {
        match self {
            OptionProblem::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            OptionProblem::Unknown { known, .. } if !known.is_empty() => {
                Some(format!("it takes {}", known.join(", ")))
            }
            OptionProblem::Missing {
                key, secret: true, ..
            }
            | OptionProblem::Inline(key) => Some(format!(
                "keep it in a file that only the daemon can read and write `{key}: {{file: /path}}`;\n`{{credential: NAME}}` and `{{command: [PROGRAM]}}` work too"
            )),
            OptionProblem::InlineUnfit { error, .. } => error.help(),
            OptionProblem::Missing { key, .. } => Some(format!("write `{key}: VALUE` under `options`")),
            OptionProblem::Empty(key) => Some(format!("write one, or remove `{key}`")),
            OptionProblem::Path(key) => Some(format!("write `{key}: /path`")),
            OptionProblem::Key
            | OptionProblem::Unknown { .. }
            | OptionProblem::Type { .. }
            | OptionProblem::List(_)
            | OptionProblem::Nul(_) => None,
        }
    }
}

impl Builder<'_> {
    /// Turns `options` into what the plugin receives. Without a description
    /// every option passes as it is written.
    pub(super) fn parameters(
        &mut self,
        at: &Location,
        options: BTreeMap<String, Tree>,
        description: Option<&ProviderDescription>,
    ) -> Vec<ConfiguredOption> {
        for described in description.iter().flat_map(|description| &description.options) {
            // a misspelt key is reported once, as such
            let misspelt = |key: &String| {
                description.is_some_and(|description| description.option(key).is_none())
                    && nearest(key, [described.key.as_str()]).is_some()
            };
            let given = options.contains_key(&described.key) || options.keys().any(misspelt);
            if described.required && described.default.is_none() && !given {
                let problem = OptionProblem::Missing {
                    key: described.key.clone(),
                    help: described.help.clone(),
                    secret: described.secret,
                };
                self.findings.missing(at, &described.key, &problem);
            }
        }
        let mut configured = Vec::new();
        for (key, tree) in options {
            let location = at.key(&key);
            if key.is_empty()
                || !key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
            {
                // the key itself may be a secret whose colon was forgotten
                self.findings.key(at, &OptionProblem::Key);
                continue;
            }
            let described = description.and_then(|description| description.option(&key));
            if let (None, Some(description)) = (described, description)
                && !description.open_config
            {
                self.findings.key(&location, &unknown(&key, description));
                continue;
            }
            for value in self.values(&location, &key, tree, described) {
                configured.push(ConfiguredOption {
                    key: key.clone(),
                    value,
                });
            }
        }
        configured
    }

    fn values(
        &mut self,
        location: &Location,
        key: &str,
        tree: Tree,
        described: Option<&OptionDescription>,
    ) -> Vec<ConfiguredValue> {
        match tree {
            Tree::List(_) if described.is_some_and(|option| !option.list) => {
                self.findings.key(location, &OptionProblem::List(key.to_owned()));
                Vec::new()
            }
            Tree::List(items) => items
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| self.value(&location.index(index), key, item, described))
                .collect(),
            tree => self.value(location, key, tree, described).into_iter().collect(),
        }
    }

    fn value(
        &mut self,
        location: &Location,
        key: &str,
        tree: Tree,
        described: Option<&OptionDescription>,
    ) -> Option<ConfiguredValue> {
        let problem = match tree {
            Tree::Null => OptionProblem::Empty(key.to_owned()),
            Tree::Map(_) if described.is_some_and(|option| option.kind == OptionKind::File) => {
                OptionProblem::Path(key.to_owned())
            }
            Tree::Map(_) => return self.secret(location, tree).map(ConfiguredValue::Secret),
            tree if described.is_some_and(|option| option.secret) => {
                match self.inline(location, key, &tree, described) {
                    Ok(secret) => return Some(ConfiguredValue::Inline(secret)),
                    Err(problem) => problem,
                }
            }
            tree => {
                if described.is_some() {
                    self.findings.reveal(location);
                }
                match self.scalar(location, key, &tree, described) {
                    Ok(text) => {
                        if described.is_some_and(|option| option.kind == OptionKind::File) {
                            self.file_or_directory(location, &Text(text.clone()));
                        }
                        return Some(ConfiguredValue::Plain(text));
                    }
                    Err(problem) => problem,
                }
            }
        };
        self.findings.value(location, &problem);
        None
    }

    /// A secret that stands in the file itself.
    fn inline(
        &self,
        location: &Location,
        key: &str,
        tree: &Tree,
        described: Option<&OptionDescription>,
    ) -> Result<Secret, OptionProblem> {
        self.may_be_inline(location, key)?;
        self.scalar(location, key, tree, described).map(Secret::new)
    }

    /// Whether the file that holds `location` may hold a secret.
    pub(super) fn may_be_inline(&self, location: &Location, key: &str) -> Result<(), OptionProblem> {
        if !self.inline_secrets {
            return Err(OptionProblem::Inline(key.to_owned()));
        }
        let (path, weakness) = self.findings.file_of(location);
        weakness.map_or(Ok(()), |weakness| {
            let origin = SecretSource::File(path.to_owned()).to_string();
            Err(OptionProblem::InlineUnfit {
                key: key.to_owned(),
                error: SecretError::Unfit { origin, weakness },
            })
        })
    }

    fn scalar(
        &self,
        location: &Location,
        key: &str,
        tree: &Tree,
        described: Option<&OptionDescription>,
    ) -> Result<String, OptionProblem> {
        let expected = |expected| OptionProblem::Type {
            key: key.to_owned(),
            expected,
        };
        let text = match (described.map_or(OptionKind::Text, |option| option.kind), tree) {
            (_, Tree::List(_)) => return Err(OptionProblem::List(key.to_owned())),
            (OptionKind::Integer, Tree::Integer(number)) => number.to_string(),
            (OptionKind::Integer, Tree::Unsigned(number)) => number.to_string(),
            (OptionKind::Integer, Tree::Text(text)) if text.parse::<i64>().is_ok() => text.clone(),
            (OptionKind::Integer, _) => return Err(expected("a whole number")),
            (OptionKind::Boolean, Tree::Boolean(value)) => value.to_string(),
            (OptionKind::Boolean, Tree::Text(text)) if matches!(text.as_str(), "true" | "false") => {
                text.clone()
            }
            (OptionKind::Boolean, _) => return Err(expected("`true` or `false`")),
            (OptionKind::Duration, Tree::Text(text)) => match raw::duration(text) {
                Ok(duration) => duration.as_millis().to_string(),
                Err(_) => return Err(expected("a duration with its unit, such as `30s`")),
            },
            (OptionKind::Duration, _) => return Err(expected("a duration with its unit, such as `30s`")),
            (OptionKind::Text | OptionKind::File, Tree::Text(text)) => text.clone(),
            // a number reaches the plugin as it is written: `1.10` must not become `1.1`
            (OptionKind::Text | OptionKind::File, _) => {
                self.findings.written(location).unwrap_or_default().to_owned()
            }
        };
        if text.contains('\0') {
            Err(OptionProblem::Nul(key.to_owned()))
        } else {
            Ok(text)
        }
    }
}

fn unknown(key: &str, description: &ProviderDescription) -> OptionProblem {
    let known = || description.options.iter().map(|option| option.key.as_str());
    OptionProblem::Unknown {
        key: key.to_owned(),
        near: nearest(key, known()).map(str::to_owned),
        known: known().map(|key| format!("`{key}`")).collect(),
    }
}
