//! Where certificates of a CA are tried.

use super::{
    Builder,
    ca::{Ca, Cas},
    preset,
};
use crate::{
    config::{fault::Problem, findings::Location},
    types::CaName,
};

#[derive(Debug, thiserror::Error)]
enum TrialProblem {
    #[error("there is no CA `{0}` to try certificates at")]
    NoSuchCa(String),
    #[error("`{0}` cannot be its own trial")]
    Itself(String),
}

impl Problem for TrialProblem {
    fn help(&self) -> Option<String> {
        Some(match self {
            TrialProblem::NoSuchCa(_) => "write the name of a CA under `cas` that nobody trusts".into(),
            TrialProblem::Itself(_) => "name another CA, or leave `staging` out".into(),
        })
    }
}

/// What a CA's own trial is called, until all of them are known.
pub(super) enum Trial {
    Named(Location, String),
    Preset(&'static str),
}

impl Builder<'_> {
    /// The CA that is meant by the one that is called `own`.
    pub(super) fn trial(&mut self, cas: &Cas, own: &str, trial: Trial) -> Option<CaName> {
        let found = match &trial {
            Trial::Named(location, name) if own == name => {
                self.findings.value(location, &TrialProblem::Itself(name.clone()));
                return None;
            }
            Trial::Named(_, name) => cas.named(name),
            Trial::Preset(preset) => {
                let directory = preset::named(preset).and_then(|preset| preset.directory);
                let is_it = |ca: &&Ca| Some(ca.options.acme.directory.as_str()) == directory;
                cas.built.iter().find(is_it)
            }
        };
        if let (None, Trial::Named(location, name)) = (found, trial)
            && !cas.names.contains(&name)
            && !self.findings.incomplete
        {
            self.findings.value(&location, &TrialProblem::NoSuchCa(name));
        }
        found.map(|ca| ca.name().clone())
    }
}
