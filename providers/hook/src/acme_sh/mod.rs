//! A dnsapi of an acme.sh tree, run as acme.sh runs it.

use std::path::PathBuf;

use dns01_plugin_api::{Record, Secret};

use crate::convention::{Action, Command};

/// What sources the tree and calls the function; its head says how.
const DRIVER: &str = include_str!("driver.bash");
/// Only bash lets a function stand before `export`, by which a dnsapi would hand its credentials to every
/// program that it starts.
const SHELL: &str = "/bin/bash";
/// What the driver makes its requests with.
const CURL: &str = "/usr/bin/curl";

/// The tree, the dnsapi and its credentials.
#[derive(Debug)]
pub(crate) struct AcmeSh {
    pub tree: PathBuf,
    pub api: String,
    pub variables: Vec<Variable>,
}

/// A shell variable of the driver, `NAME=value`.
#[derive(Debug)]
pub(crate) struct Variable(Secret);

impl AcmeSh {
    pub(crate) fn command(&self, action: Action, record: &Record<'_>) -> Command {
        let verb = match action {
            Action::Present => "add",
            Action::Remove => "rm",
        };
        let name = format!("{}_{verb}", self.api);
        let arguments = ["-c", DRIVER, &name];
        let mut arguments: Vec<_> = arguments.iter().map(Into::into).collect();
        arguments.push(self.tree.clone().into());
        arguments.extend([&self.api, verb, record.fqdn, record.value].map(Into::into));
        Command {
            program: SHELL.into(),
            arguments,
            environment: Vec::new(),
            input: Some(self.input()),
            name,
        }
    }

    pub(crate) fn programs(&self) -> Vec<PathBuf> {
        vec![SHELL.into(), CURL.into()]
    }

    /// One line for each variable.
    fn input(&self) -> Secret {
        let length: usize = self.variables.iter().map(Variable::len).sum();
        // of the final size, so that no copy stays behind when it grows
        let mut lines = String::with_capacity(length);
        for Variable(line) in &self.variables {
            lines.push_str(line.reveal());
            lines.push('\n');
        }
        Secret::new(lines)
    }
}

impl Variable {
    /// Checks the form.
    ///
    /// # Errors
    /// What it must be; never what it is.
    pub(crate) fn parse(line: Secret) -> Result<Self, &'static str> {
        let text = line.reveal();
        let Some((name, _)) = text.split_once('=') else {
            return Err("each must be NAME=value");
        };
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(first) || !name.chars().all(rest) {
            return Err("each must be NAME=value, with a NAME of letters, digits and _");
        }
        // what bash itself reads, and what the driver keeps for itself
        if ["PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS"].contains(&name)
            || name.starts_with("dns01_")
        {
            return Err("one of them would change the shell itself and not the dnsapi");
        }
        if text.contains('\n') {
            return Err("none may hold the end of a line");
        }
        Ok(Self(line))
    }

    /// Bytes of its line.
    pub(crate) fn len(&self) -> usize {
        self.0.reveal().len() + 1
    }
}
