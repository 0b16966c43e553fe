use std::collections::BTreeMap;

use super::Builder;
use crate::{
    acme::MacAlgorithm,
    config::{fault::Problem, findings::Location, near::nearest, yaml::Tree},
    engine::ExternalAccount,
};

const KEYS: [&str; 3] = ["kid", "hmac-key", "algorithm"];

#[derive(Debug, thiserror::Error)]
enum ExternalAccountProblem {
    #[error("`{ca}` makes an account only for people who have one there already")]
    Needed { ca: String, origin: &'static str },
    #[error("something else than an external account stands here")]
    Key { near: Option<&'static str> },
    #[error("the external account has no `kid`, which names it at the CA")]
    NoKid(Option<&'static str>),
    #[error("a `kid` is printable text without spaces")]
    Kid,
    #[error("the external account has no `hmac-key`, which proves that it is yours")]
    NoKey(Option<&'static str>),
    #[error("the key of an external account is a secret and never stands in the configuration")]
    Inline,
    #[error("this is no algorithm of a MAC")]
    Algorithm { near: Option<&'static str> },
}

impl Problem for ExternalAccountProblem {
    fn help(&self) -> Option<String> {
        match self {
            ExternalAccountProblem::Needed { origin, .. } => Some(format!(
                "write `external-account: {{ kid: KID, hmac-key: {{ file: /path }} }}`;\n{origin}"
            )),
            ExternalAccountProblem::NoKid(origin) | ExternalAccountProblem::NoKey(origin) => {
                origin.map(str::to_owned)
            }
            ExternalAccountProblem::Kid => None,
            ExternalAccountProblem::Inline => Some(
                "keep it in a file that only the daemon can read and write `hmac-key: {file: /path}`;\n`{credential: NAME}` and `{command: [PROGRAM]}` work too"
                    .into(),
            ),
            ExternalAccountProblem::Key { near: Some(near) }
            | ExternalAccountProblem::Algorithm { near: Some(near) } => {
                Some(format!("did you mean `{near}`?"))
            }
            ExternalAccountProblem::Key { near: None } => {
                Some("write `{ kid: KID, hmac-key: { file: /path } }`".into())
            }
            ExternalAccountProblem::Algorithm { near: None } => {
                let known: Vec<_> = MacAlgorithm::ALL.iter().map(|one| format!("`{one}`")).collect();
                Some(format!("write one of {}", known.join(", ")))
            }
        }
    }
}

impl Builder<'_> {
    /// The external account of a CA; the outer `None` for a fault. `needed` says where it comes from at a CA
    /// that makes no account otherwise.
    pub(super) fn external_account(
        &mut self,
        ca: &str,
        at: &Location,
        raw: Option<BTreeMap<String, Tree>>,
        needed: Option<&'static str>,
    ) -> Option<Option<ExternalAccount>> {
        let Some(mut raw) = raw else {
            let Some(origin) = needed else { return Some(None) };
            let problem = ExternalAccountProblem::Needed {
                ca: ca.to_owned(),
                origin,
            };
            self.findings.missing(at, "external-account", &problem);
            return None;
        };
        let at = at.key("external-account");
        for key in raw.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            // the key itself may be the secret
            let near = nearest(key, KEYS);
            self.findings.key(&at, &ExternalAccountProblem::Key { near });
        }
        let kid = match raw.remove("kid") {
            Some(Tree::Text(kid)) if !kid.is_empty() && kid.chars().all(|c| c.is_ascii_graphic()) => {
                Some(kid)
            }
            Some(_) => {
                self.findings.value(&at.key("kid"), &ExternalAccountProblem::Kid);
                None
            }
            None => {
                self.findings
                    .missing(&at, "kid", &ExternalAccountProblem::NoKid(needed));
                None
            }
        };
        let location = at.key("hmac-key");
        let hmac_key = match raw.remove("hmac-key") {
            Some(tree @ Tree::Map(_)) => self.secret(&location, tree),
            Some(_) => {
                self.findings.value(&location, &ExternalAccountProblem::Inline);
                None
            }
            None => {
                self.findings
                    .missing(&at, "hmac-key", &ExternalAccountProblem::NoKey(needed));
                None
            }
        };
        let algorithm = match raw.remove("algorithm") {
            None => Some(MacAlgorithm::default()),
            Some(tree) => {
                let text = if let Tree::Text(text) = tree {
                    text
                } else {
                    String::new()
                };
                let algorithm = text.parse().ok();
                if algorithm.is_none() {
                    let near = nearest(&text, MacAlgorithm::ALL.map(MacAlgorithm::as_str));
                    self.findings
                        .value(&at.key("algorithm"), &ExternalAccountProblem::Algorithm { near });
                }
                algorithm
            }
        };
        Some(Some(ExternalAccount {
            kid: kid?,
            hmac_key: hmac_key?,
            algorithm: algorithm?,
        }))
    }
}
