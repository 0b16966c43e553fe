//! A certificate request whose key never comes here.

use std::{fs::File, io::Read as _, path::PathBuf};

use super::{Builder, paths::PathProblem};
use crate::{
    config::{fault::Problem, findings::Location, raw::Text},
    pki::{Csr, UnusableCsr},
    types::Identifier,
};

/// Beyond what is taken for a request, so that a longer file is refused for its length.
const MOST_READ: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used: {error}", file.display())]
struct RequestProblem {
    file: PathBuf,
    error: UnusableCsr,
}

impl Problem for RequestProblem {
    fn help(&self) -> Option<String> {
        None
    }
}

/// A request as far as it is known.
pub(super) struct Request {
    pub file: PathBuf,
    /// What it asks for; `None` for a configuration of another machine.
    pub names: Option<Vec<Identifier>>,
}

impl Builder<'_> {
    /// The request in a file; `None` for a fault.
    pub(super) fn request(&mut self, at: &Location, text: &Text) -> Option<Request> {
        let before = self.findings.count();
        let file = self.file(at, text)?;
        if self.findings.count() > before {
            return None;
        }
        if !self.looks() {
            return Some(Request { file, names: None });
        }
        let octets = File::open(&file).and_then(|file| {
            let mut octets = Vec::new();
            file.take(MOST_READ).read_to_end(&mut octets).map(|_| octets)
        });
        let octets = match octets {
            Ok(octets) => octets,
            Err(error) => {
                self.findings
                    .value(at, &PathProblem::Missing { path: file, error });
                return None;
            }
        };
        match Csr::parse(&octets) {
            Ok(request) => Some(Request {
                names: Some(request.identifiers().to_vec()),
                file,
            }),
            Err(error) => {
                self.findings.value(at, &RequestProblem { file, error });
                None
            }
        }
    }
}
