use super::{Builder, digest::fingerprint};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, Text},
    },
    pki::ChainPreference,
};

#[derive(Debug, thiserror::Error)]
enum ChainProblem {
    #[error("a chain is recognised by one thing, and here are {0}")]
    Marks(usize),
    #[error("a common name has at least one character")]
    Empty,
    #[error("this is no SHA-256")]
    Digest,
}

impl Problem for ChainProblem {
    fn help(&self) -> Option<String> {
        match self {
            ChainProblem::Marks(_) => Some(
                "write one of `{root: COMMON NAME}`, `{issuer: COMMON NAME}` and `{root-sha256: DIGEST}`".into(),
            ),
            ChainProblem::Empty => None,
            ChainProblem::Digest => Some(
                "write the 64 hexadecimal digits that `openssl x509 -noout -fingerprint -sha256 -in ROOT.pem` prints"
                    .into(),
            ),
        }
    }
}

impl Builder<'_> {
    /// Which chain is wanted; `None` for a fault.
    pub(super) fn chain(&mut self, at: &Location, raw: raw::Chain) -> Option<ChainPreference> {
        let of = match raw {
            raw::Chain::Default => return Some(ChainPreference::Default),
            raw::Chain::Shortest => return Some(ChainPreference::Shortest),
            raw::Chain::Of(of) => of,
        };
        match (of.root, of.issuer, of.root_sha256) {
            (Some(Text(name)), None, None) => {
                self.common_name(&at.key("root"), name).map(ChainPreference::Root)
            }
            (None, Some(Text(name)), None) => self
                .common_name(&at.key("issuer"), name)
                .map(ChainPreference::Issuer),
            (None, None, Some(Text(text))) => {
                let digest = fingerprint(&text);
                if digest.is_none() {
                    self.findings.value(&at.key("root-sha256"), &ChainProblem::Digest);
                }
                digest.map(ChainPreference::RootSha256)
            }
            (root, issuer, digest) => {
                let given = [root.is_some(), issuer.is_some(), digest.is_some()];
                let count = given.into_iter().filter(|given| *given).count();
                // what was refused already is not missing
                if !self.findings.has_peeled(at) {
                    self.findings.key(at, &ChainProblem::Marks(count));
                }
                None
            }
        }
    }

    fn common_name(&mut self, at: &Location, name: String) -> Option<String> {
        if name.is_empty() {
            self.findings.value(at, &ChainProblem::Empty);
            return None;
        }
        Some(name)
    }
}
