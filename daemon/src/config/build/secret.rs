use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, SecretValue, Text},
        yaml::Tree,
    },
    secret_source::{Command, CredentialName, DEFAULT_COMMAND_TIMEOUT, SecretError, SecretSource},
};

use super::Builder;

#[derive(Debug, thiserror::Error)]
enum SecretProblem {
    #[error("something else than the source of a secret stands here")]
    Keys,
    #[error("a secret has one source, and here are {0}")]
    Sources(usize),
    #[error("`{0}` is not the name of a credential")]
    CredentialName(String),
    #[error("a command needs at least its program")]
    EmptyCommand,
    #[error("`timeout` belongs to `command`")]
    Timeout,
    #[error(transparent)]
    Unusable(#[from] SecretError),
}

impl Problem for SecretProblem {
    fn help(&self) -> Option<String> {
        match self {
            SecretProblem::Keys | SecretProblem::Sources(_) => Some(
                "write one of `{file: /path}`, `{credential: NAME}` and `{command: [/path/to/program, ARGUMENT]}`".into(),
            ),
            SecretProblem::CredentialName(_) => {
                Some("write the name that `LoadCredential=` in the unit gives it, without a directory".into())
            }
            SecretProblem::EmptyCommand => Some("write `command: [/path/to/program, ARGUMENT]`".into()),
            SecretProblem::Timeout => Some("remove it".into()),
            SecretProblem::Unusable(error) => error.help(),
        }
    }
}

impl Builder<'_> {
    /// Where a secret comes from.
    pub(super) fn secret(&mut self, location: &Location, mut tree: Tree) -> Option<SecretSource> {
        // where a secret lies is none, and the operator wants to see it
        for key in ["file", "credential"] {
            self.findings.reveal(&location.key(key));
        }
        let before = self.findings.count();
        if let Tree::Map(entries) = &mut tree {
            let given = entries.len();
            entries.retain(|(key, _)| SecretValue::KEYS.contains(&key.as_str()));
            // what is not a key may be the secret itself
            if entries.len() < given {
                self.findings.key(location, &SecretProblem::Keys);
            }
        }
        let raw: SecretValue = self.findings.shape(location, &mut tree)?;
        if self.findings.count() > before {
            return None;
        }
        if raw.command.is_none() && raw.timeout.is_some() {
            self.findings
                .key(&location.key("timeout"), &SecretProblem::Timeout);
        }
        let (key, source) = match (raw.file, raw.credential, raw.command) {
            (Some(text), None, None) => (
                "file",
                SecretSource::File(self.path(&location.key("file"), &text)?),
            ),
            (None, Some(Text(name)), None) => match CredentialName::new(&name) {
                Some(name) => ("credential", SecretSource::Credential(name)),
                None => {
                    self.findings
                        .value(&location.key("credential"), &SecretProblem::CredentialName(name));
                    return None;
                }
            },
            (None, None, Some(argv)) if argv.is_empty() => {
                self.findings
                    .key(&location.key("command"), &SecretProblem::EmptyCommand);
                return None;
            }
            (None, None, Some(argv)) => {
                let command = Command {
                    argv: argv.into_iter().map(|Text(word)| word).collect(),
                    timeout: raw
                        .timeout
                        .map_or(DEFAULT_COMMAND_TIMEOUT, |raw::Duration(time)| time),
                };
                ("command", SecretSource::Command(command))
            }
            (file, credential, command) => {
                let sources = [file.is_some(), credential.is_some(), command.is_some()];
                let count = sources.into_iter().filter(|given| *given).count();
                self.findings.key(location, &SecretProblem::Sources(count));
                return None;
            }
        };
        if self.looks()
            && let Err(error) = source.inspect()
        {
            let location = location.key(key);
            match error {
                // `dns01d check` runs outside of the service, where there are none
                SecretError::NoCredentials { .. } => {
                    self.findings.warn(&location, &SecretProblem::Unusable(error));
                }
                _ => self.findings.value(&location, &SecretProblem::Unusable(error)),
            }
        }
        Some(source)
    }
}
