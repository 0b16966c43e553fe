use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Builder, paths::resolved};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, FileMode},
    },
    outputs,
    types::CertificateName,
};

#[derive(Debug, thiserror::Error)]
enum OutputProblem {
    #[error("key-mode {0:04o} lets others than the owner and the group at the key")]
    KeyMode(u32),
    #[error("mode {0:04o} lets others change the certificate, or run it")]
    Mode(u32),
    #[error("mode {0:04o} keeps the owner from reading the file")]
    OwnerReads(u32),
    #[error("the directory {} is used twice", .0.display())]
    Twice(PathBuf),
    #[error("the directory {} lies inside of another certificate's", .0.display())]
    Nested(PathBuf),
    #[error("the directory {} belongs to the daemon's own state", .0.display())]
    State(PathBuf),
}

impl Problem for OutputProblem {
    fn help(&self) -> Option<String> {
        Some(match self {
            OutputProblem::KeyMode(_) => {
                "write `key-mode: \"0600\"`, or `\"0640\"` with a `group` for those who serve it".into()
            }
            OutputProblem::Mode(_) | OutputProblem::OwnerReads(_) => "write `mode: \"0644\"`".into(),
            OutputProblem::Twice(_) | OutputProblem::Nested(_) => {
                "give each certificate a directory of its own, or leave `directory` out".into()
            }
            OutputProblem::State(_) => "write another one, or leave `directory` out".into(),
        })
    }
}

/// What certificates share.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedOutput {
    pub owner: Option<String>,
    pub group: Option<String>,
    pub key_mode: Option<u32>,
    pub mode: Option<u32>,
}

/// Directories in use, with links followed.
#[derive(Debug, Default)]
pub(super) struct Directories(Vec<(PathBuf, Location)>);

impl Builder<'_> {
    pub(super) fn shared_output(&mut self, at: &Location, raw: raw::SharedOutput) -> SharedOutput {
        SharedOutput {
            owner: self.user(&at.key("owner"), raw.owner),
            group: self.group(&at.key("group"), raw.group),
            key_mode: self.key_mode(&at.key("key-mode"), raw.key_mode),
            mode: self.mode(&at.key("mode"), raw.mode),
        }
    }

    pub(super) fn output(
        &mut self,
        certificate: &Location,
        name: Option<&CertificateName>,
        raw: raw::Output,
        shared: &SharedOutput,
        state_directory: &Path,
        directories: &mut Directories,
    ) -> outputs::Options {
        let at = certificate.key("output");
        let own = state_directory.join("certificates");
        let location = at.key("directory");
        let given = raw.directory.and_then(|text| self.path(&location, &text));
        if let Some(directory) = &given {
            // `own` itself would hold the directories of other certificates
            let inside =
                directory.starts_with(state_directory) && (!directory.starts_with(&own) || *directory == own);
            if inside || state_directory.starts_with(directory) {
                self.findings
                    .value(&location, &OutputProblem::State(directory.clone()));
            }
        }
        // a certificate without a usable name has no directory to speak of
        let (directory, location) = match (given, name) {
            (Some(directory), _) => (directory, location),
            (None, name) => (
                own.join(name.map_or("", CertificateName::as_str)),
                certificate.clone(),
            ),
        };
        if directory != own {
            directories.0.push((self.really(&directory), location));
        }
        let key_mode = self
            .key_mode(&at.key("key-mode"), raw.key_mode)
            .or(shared.key_mode);
        let mode = self.mode(&at.key("mode"), raw.mode).or(shared.mode);
        outputs::Options {
            directory,
            owner: self
                .user(&at.key("owner"), raw.owner)
                .or_else(|| shared.owner.clone()),
            group: self
                .group(&at.key("group"), raw.group)
                .or_else(|| shared.group.clone()),
            with_key: true,
            key_mode: key_mode.unwrap_or(outputs::DEFAULT_KEY_MODE),
            mode: mode.unwrap_or(outputs::DEFAULT_MODE),
        }
    }

    /// Two certificates in one directory would take turns in `live`.
    pub(super) fn separate(&mut self, directories: &Directories) {
        let mut first = HashMap::new();
        for (path, location) in &directories.0 {
            if let Some(other) = first.insert(path.as_path(), location) {
                first.insert(path, other);
                let problem = OutputProblem::Twice(path.clone());
                self.findings
                    .conflict(location, other, "first used here", &problem);
            }
        }
        for (path, location) in &directories.0 {
            if first.get(path.as_path()) != Some(&location) {
                continue;
            }
            if let Some(outer) = path.ancestors().skip(1).find_map(|parent| first.get(parent)) {
                let problem = OutputProblem::Nested(path.clone());
                self.findings.conflict(location, outer, "the other one", &problem);
            }
        }
    }

    fn really(&self, directory: &Path) -> PathBuf {
        if self.looks() {
            resolved(directory)
        } else {
            directory.to_owned()
        }
    }

    fn key_mode(&mut self, location: &Location, mode: Option<FileMode>) -> Option<u32> {
        let FileMode(mode) = mode?;
        if mode & !0o640 != 0 {
            self.findings.value(location, &OutputProblem::KeyMode(mode));
        } else if mode & 0o400 == 0 {
            self.findings.value(location, &OutputProblem::OwnerReads(mode));
        }
        Some(mode)
    }

    fn mode(&mut self, location: &Location, mode: Option<FileMode>) -> Option<u32> {
        let FileMode(mode) = mode?;
        if mode & !0o664 != 0 {
            self.findings.value(location, &OutputProblem::Mode(mode));
        } else if mode & 0o400 == 0 {
            self.findings.value(location, &OutputProblem::OwnerReads(mode));
        }
        Some(mode)
    }
}
