use super::{Builder, paths::PathProblem};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, Text},
    },
    deployment::{DEFAULT_HOOK_TIMEOUT, HookOptions},
    program::{self, SEARCH_PATH},
};

#[derive(Debug, thiserror::Error)]
enum HookProblem {
    #[error("the hook has no command")]
    NoCommand,
    #[error("`{0}` is one word: a hook's command is a list, not a line for a shell")]
    ShellLine(String),
    #[error("the program `{0}` is a path that does not begin at the root")]
    Relative(String),
    #[error("there is no program `{0}` in {SEARCH_PATH}")]
    NotInPath(String),
    #[error("the program `{program}` cannot be run: {error}")]
    Program { program: String, error: std::io::Error },
}

impl Problem for HookProblem {
    fn help(&self) -> Option<String> {
        match self {
            HookProblem::NoCommand => Some("write `command: [systemctl, reload, nginx]`, for example".into()),
            HookProblem::ShellLine(line) => Some(format!(
                "write `command: [{}]`",
                line.split_whitespace().collect::<Vec<_>>().join(", ")
            )),
            HookProblem::Relative(_) => {
                Some("write its whole path, or its name alone to have it searched for".into())
            }
            HookProblem::NotInPath(_) => Some("write its whole path".into()),
            HookProblem::Program { .. } => None,
        }
    }
}

impl Builder<'_> {
    pub(super) fn hook(&mut self, at: &Location, raw: raw::Hook) -> Option<HookOptions> {
        let location = at.key("command");
        let command: Vec<String> = match raw.command {
            None => {
                self.findings.missing(at, "command", &HookProblem::NoCommand);
                return None;
            }
            Some(words) => words.into_iter().map(|Text(word)| word).collect(),
        };
        let program = command.first().map(String::as_str).unwrap_or_default();
        if program.is_empty() {
            // an element that was refused is reported already
            if !self.findings.is_shortened(&location) {
                self.findings.key(&location, &HookProblem::NoCommand);
            }
            return None;
        }
        if command.iter().any(|word| word.contains('\0')) {
            self.findings.key(&location, &PathProblem::Nul);
            return None;
        }
        let first = location.index(0);
        if program.contains('/') && !program.starts_with('/') {
            self.findings
                .value(&first, &HookProblem::Relative(program.to_owned()));
        } else if self.looks()
            && let Err(error) = program::find(program)
        {
            let problem = if command.len() == 1 && program.contains(char::is_whitespace) {
                HookProblem::ShellLine(program.to_owned())
            } else if !program.contains('/') {
                HookProblem::NotInPath(program.to_owned())
            } else {
                HookProblem::Program {
                    program: program.to_owned(),
                    error,
                }
            };
            self.findings.value(&first, &problem);
        }
        let timeout = raw
            .timeout
            .map_or(DEFAULT_HOOK_TIMEOUT, |raw::Duration(timeout)| timeout);
        Some(HookOptions { command, timeout })
    }
}
