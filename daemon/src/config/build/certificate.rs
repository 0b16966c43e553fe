use std::{collections::HashMap, path::Path, time::Duration};

use super::{
    Builder, Entries,
    ca::{Ca, Cas},
    output::{Directories, SharedOutput},
    quoted,
    route::Routes,
};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        near::nearest,
        raw::{self, OneOrMore, Text},
    },
    deployment::HookOptions,
    engine::{self, DEFAULT_CHALLENGES, KeySource},
    pki::{ChainPreference, KeyType},
    types::{CaName, CertificateName, ChallengeMethod, IdError},
};

#[derive(Debug, thiserror::Error)]
enum CertificateProblem {
    #[error("the certificate's name {0}")]
    Name(IdError),
    #[error("a certificate is for the key of its request, or for one that is made here")]
    KeyAndRequest,
    #[error("no CA is configured")]
    NoCas,
    #[error("it is not said which CA issues `{0}`")]
    WhichCa(String, Vec<String>),
    #[error("`{text}` is no kind of key")]
    KeyType { text: String, near: Option<String> },
    #[error("`{0}` has the same names, kind of key and CA as another certificate")]
    Same(CertificateName),
    #[error("no certificate is configured")]
    Nothing,
}

impl Problem for CertificateProblem {
    fn help(&self) -> Option<String> {
        match self {
            CertificateProblem::KeyType { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            CertificateProblem::NoCas => Some("name one under `cas`".into()),
            CertificateProblem::WhichCa(_, known) => Some(format!(
                "write `ca:` and one of {}, here or under `defaults`",
                known.join(", ")
            )),
            CertificateProblem::KeyType { .. } => {
                let known: Vec<_> = KeyType::ALL.iter().map(|kind| format!("`{kind}`")).collect();
                Some(format!("write one of {}", known.join(", ")))
            }
            CertificateProblem::Same(_) => Some("a CA limits how often the same names are issued".into()),
            CertificateProblem::Nothing => Some("name one under `certificates`".into()),
            CertificateProblem::KeyAndRequest => {
                Some("remove `key`: the kind of the key is that of the request".into())
            }
            CertificateProblem::Name(_) => None,
        }
    }
}

/// What certificates are held against.
pub(super) struct Context<'a> {
    pub cas: &'a Cas,
    pub routes: &'a Routes,
    pub state_directory: &'a Path,
    pub defaults: Defaults,
}

/// What certificates share.
#[derive(Debug)]
pub(super) struct Defaults {
    cas: Option<Vec<CaName>>,
    challenges: Vec<ChallengeMethod>,
    standing_lifetime: Option<Duration>,
    chain: ChainPreference,
    key_type: KeyType,
    output: SharedOutput,
    hook: Option<HookOptions>,
    /// Its CA was refused: certificates without one are not to blame.
    ca_refused: bool,
}

impl Builder<'_> {
    pub(super) fn defaults(&mut self, at: &Location, raw: raw::Defaults, cas: &Cas) -> Defaults {
        let location = at.key("ca");
        let given = raw.ca.is_some() || self.findings.is_peeled(&location);
        let named = raw.ca.and_then(|names| self.cas_named(&location, names, cas));
        Defaults {
            ca_refused: given && named.is_none(),
            cas: named,
            challenges: raw
                .challenges
                .and_then(|texts| self.challenges(&at.key("challenges"), &texts))
                .unwrap_or_else(|| DEFAULT_CHALLENGES.into()),
            standing_lifetime: raw
                .standing_lifetime
                .map(|lifetime| self.standing_lifetime(&at.key("standing-lifetime"), lifetime)),
            chain: raw
                .chain
                .and_then(|chain| self.chain(&at.key("chain"), chain))
                .unwrap_or_default(),
            key_type: raw
                .key
                .and_then(|text| self.key_type(&at.key("key"), &text))
                .unwrap_or_default(),
            output: self.shared_output(&at.key("output"), raw.output),
            hook: raw.hook.and_then(|hook| self.hook(&at.key("hook"), hook)),
        }
    }

    pub(super) fn certificates(
        &mut self,
        entries: Entries<raw::Certificate>,
        context: Context<'_>,
        top: &Location,
    ) -> Vec<engine::Certificate> {
        let at = top.key("certificates");
        if entries.is_empty() && !self.findings.has_errors() {
            self.findings.warn(&at, &CertificateProblem::Nothing);
        }
        let ca_unknown = context.cas.names.is_empty();
        let cas_read = !self.findings.incomplete && !self.findings.is_peeled(&top.key("cas"));
        if !entries.is_empty() && ca_unknown && cas_read {
            self.findings.key(&at, &CertificateProblem::NoCas);
        }
        let mut directories = Directories::default();
        let mut seen = HashMap::new();
        let mut certificates = Vec::new();
        for (name, location, raw) in entries.into_each() {
            let Some(certificate) = self.certificate(&name, &location, raw, &context, &mut directories)
            else {
                continue;
            };
            let same = (
                certificate.identifiers.clone(),
                certificate.key.clone(),
                certificate.cas.clone(),
                certificate.profiles.clone(),
            );
            match seen.get(&same) {
                Some(first) => {
                    let problem = CertificateProblem::Same(certificate.name.clone());
                    self.findings
                        .warn_conflict(&location, first, "the other one", &problem);
                }
                None => {
                    seen.insert(same, location);
                }
            }
            certificates.push(certificate);
        }
        self.separate(&directories);
        certificates
    }

    fn certificate(
        &mut self,
        text: &str,
        location: &Location,
        raw: raw::Certificate,
        context: &Context<'_>,
        directories: &mut Directories,
    ) -> Option<engine::Certificate> {
        let name: Option<CertificateName> = match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.findings.key(location, &CertificateProblem::Name(error));
                None
            }
        };
        let challenges = match raw.challenges {
            Some(texts) => self.challenges(&location.key("challenges"), &texts),
            None => Some(context.defaults.challenges.clone()),
        };
        let standing_lifetime = raw.standing_lifetime.map(|lifetime| {
            let at = location.key("standing-lifetime");
            self.have_standing(&at, challenges.as_deref());
            self.standing_lifetime(&at, lifetime)
        });
        // a standing record may be published by hand, once
        let by_hand = challenges.as_deref() == Some(&[ChallengeMethod::DnsPersist01]);
        let routes = (!by_hand).then_some(context.routes);
        let csr = location.key("csr");
        let request = raw.csr.as_ref().map(|file| self.request(&csr, file));
        let asked_for = request
            .as_ref()
            .and_then(|request| request.as_ref()?.names.clone());
        let identifiers = match (&raw.names, &asked_for) {
            (Some(texts), _) => {
                let given = self.identifiers(text, &location.key("names"), texts, routes);
                if let Some(asked_for) = &asked_for {
                    self.compare_names(location, &given, asked_for);
                }
                given
            }
            (None, Some(asked_for)) => {
                let texts: Vec<_> = asked_for.iter().map(|name| Text(name.to_string())).collect();
                self.identifiers(text, &csr, &texts, routes)
            }
            // a request that cannot be read is reported already
            (None, None) if request.as_ref().is_some_and(Option::is_none) => Vec::new(),
            (None, None) => {
                self.no_names(location, text);
                Vec::new()
            }
        };
        let cas = self.cas_of(text, location, raw.ca, context);
        let profiles = cas
            .as_ref()
            .and_then(|asked| self.profiles(&location.key("profile"), raw.profile, asked, context.cas));
        let asked = cas.as_deref().unwrap_or_default();
        self.wildcards(location, &identifiers, asked, context.cas);
        let chain = match raw.chain {
            Some(chain) => self.chain(&location.key("chain"), chain),
            None => Some(context.defaults.chain.clone()),
        };
        if raw.key.is_some() && raw.csr.is_some() {
            let key = location.key("key");
            self.findings
                .key_conflict(&key, &csr, "the request", &CertificateProblem::KeyAndRequest);
        }
        let key = match (request, raw.key) {
            (Some(request), _) => request.map(|request| KeySource::Request(request.file)),
            (None, Some(text)) => self
                .key_type(&location.key("key"), &text)
                .map(KeySource::Generate),
            (None, None) => Some(KeySource::Generate(context.defaults.key_type)),
        };
        let hook = match raw.hook {
            Some(hook) => self.hook(&location.key("hook"), hook),
            None => context.defaults.hook.clone(),
        };
        let shared = &context.defaults.output;
        let mut output = self.output(
            location,
            name.as_ref(),
            raw.output,
            shared,
            context.state_directory,
            directories,
        );
        output.with_key = !matches!(key, Some(KeySource::Request(_)));
        Some(engine::Certificate {
            name: name?,
            identifiers,
            cas: cas?,
            profiles: profiles?,
            key: key?,
            standing_lifetime: standing_lifetime.or(context.defaults.standing_lifetime),
            challenges: challenges?,
            chain: chain?,
            lifetime: raw.lifetime.map(|raw::Duration(lifetime)| lifetime),
            output,
            hook,
        })
    }

    fn cas_of(
        &mut self,
        certificate: &str,
        location: &Location,
        names: Option<OneOrMore>,
        context: &Context<'_>,
    ) -> Option<Vec<CaName>> {
        let at = location.key("ca");
        if let Some(names) = names {
            return self.cas_named(&at, names, context.cas);
        }
        let Defaults { cas, ca_refused, .. } = &context.defaults;
        if cas.is_some() || *ca_refused {
            return cas.clone();
        }
        // one that is for trials of the other is none that a certificate could be of by default
        let cas = &context.cas.built;
        let is_for_trials = |ca: &Ca| cas.iter().any(|of| of.options.trial.as_ref() == Some(ca.name()));
        let mut proper = cas.iter().filter(|ca| !is_for_trials(ca));
        if let (Some(only), None) = (proper.next(), proper.next())
            && cas.len() == context.cas.names.len()
        {
            return Some(vec![only.name().clone()]);
        }
        if context.cas.names.len() > 1 && !self.findings.is_peeled(&at) {
            let known = quoted(&context.cas.names);
            self.findings.key(
                location,
                &CertificateProblem::WhichCa(certificate.to_owned(), known),
            );
        }
        None
    }

    fn key_type(&mut self, location: &Location, Text(text): &Text) -> Option<KeyType> {
        match text.parse() {
            Ok(kind) => Some(kind),
            Err(_) => {
                let near = nearest(text, KeyType::ALL.into_iter().map(KeyType::as_str)).map(str::to_owned);
                self.findings.value(
                    location,
                    &CertificateProblem::KeyType {
                        text: text.clone(),
                        near,
                    },
                );
                None
            }
        }
    }
}
