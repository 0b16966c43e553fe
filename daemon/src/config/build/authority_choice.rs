//! Which CAs a certificate asks, and for which profile.

use std::collections::BTreeMap;

use super::{Builder, ca::Cas, quoted};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        near::nearest,
        raw::{self, OneOrMore, Text},
    },
    types::{CaName, Identifier},
};

/// draft-ietf-acme-profiles sets no limit; the names in use are a word.
const MAX_PROFILE: usize = 100;

#[derive(Debug, thiserror::Error)]
enum ChoiceProblem {
    #[error("there is no CA `{name}`")]
    NoSuchCa {
        name: String,
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("no CA is left to ask")]
    NoneLeft,
    #[error("`{0}` is listed twice")]
    Repeated(CaName),
    #[error("nobody trusts the certificates of `{staging}`, which is asked when `{trusted}` fails")]
    Staging { staging: CaName, trusted: CaName },
    #[error("`{0}` issues no wildcard through ACME, as far as its documentation tells")]
    NoWildcard(CaName),
    #[error("it is not said which CA's profile `{0}` is")]
    WhoseProfile(String, CaName),
    #[error("`{0}` is not asked for this certificate")]
    NotAsked(String),
    #[error("this is no name of a profile")]
    Profile,
}

impl Problem for ChoiceProblem {
    fn help(&self) -> Option<String> {
        match self {
            ChoiceProblem::NoSuchCa { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            ChoiceProblem::NoSuchCa { known, .. } => Some(format!("write one of {}", known.join(", "))),
            ChoiceProblem::NoneLeft => {
                Some("write one or more of those under `cas`, or leave `ca` out".into())
            }
            ChoiceProblem::Repeated(_) => Some("remove one of the two: the first is preferred".into()),
            ChoiceProblem::Staging { staging, .. } => Some(format!("remove `{staging}`, or ask it alone")),
            ChoiceProblem::NoWildcard(_) => Some("ask another CA first".into()),
            ChoiceProblem::WhoseProfile(profile, ca) => Some(format!(
                "several are asked; write `profile: {{ {ca}: {profile} }}`"
            )),
            ChoiceProblem::NotAsked(_) => {
                Some("add it to the `ca` of the certificate, or remove this".into())
            }
            ChoiceProblem::Profile => {
                Some("write one that the CA's directory lists under `meta.profiles`".into())
            }
        }
    }
}

impl Builder<'_> {
    /// The CAs that are named here; `None` for a fault.
    pub(super) fn cas_named(&mut self, at: &Location, names: OneOrMore, cas: &Cas) -> Option<Vec<CaName>> {
        let texts = match names {
            OneOrMore::One(text) => return self.known_ca(at, &text, cas).map(|ca| vec![ca]),
            OneOrMore::More(texts) => texts,
        };
        if texts.is_empty() && !self.findings.is_shortened(at) {
            self.findings.key(at, &ChoiceProblem::NoneLeft);
        }
        let mut known: Vec<(CaName, Location)> = Vec::new();
        let mut complete = !texts.is_empty();
        for (index, text) in texts.iter().enumerate() {
            let location = at.index(index);
            let Some(ca) = self.known_ca(&location, text, cas) else {
                complete = false;
                continue;
            };
            match known.iter().find(|(name, _)| *name == ca) {
                Some((_, first)) => {
                    let problem = ChoiceProblem::Repeated(ca);
                    self.findings
                        .conflict(&location, first, "first given here", &problem);
                }
                None => known.push((ca, location)),
            }
        }
        let staging = |ca: &CaName| cas.named(ca.as_str()).is_some_and(|ca| ca.options.staging);
        let trusted = known.iter().map(|(ca, _)| ca).find(|ca| !staging(ca)).cloned();
        for (ca, location) in known.iter().filter(|(ca, _)| staging(ca)) {
            if let Some(trusted) = &trusted {
                let problem = ChoiceProblem::Staging {
                    staging: ca.clone(),
                    trusted: trusted.clone(),
                };
                self.findings.warn(location, &problem);
            }
        }
        complete.then(|| known.into_iter().map(|(ca, _)| ca).collect())
    }

    fn known_ca(&mut self, location: &Location, Text(text): &Text, cas: &Cas) -> Option<CaName> {
        if let Some(ca) = cas.named(text) {
            return Some(ca.name().clone());
        }
        // a CA that is there and faulty is reported where it is
        let faulty = cas.names.contains(text)
            || self.findings.is_peeled(&Location::main().key("cas").key(text))
            || self.findings.incomplete;
        if !faulty && !cas.names.is_empty() {
            self.findings.value(location, &no_such_ca(text, cas));
        }
        None
    }

    /// What a wildcard among the names asks of the CA that comes first.
    pub(super) fn wildcards(&mut self, at: &Location, names: &[Identifier], asked: &[CaName], cas: &Cas) {
        let first = asked.first().and_then(|ca| cas.named(ca.as_str()));
        if let Some(ca) = first
            && !ca.wildcards
            && names.iter().any(Identifier::is_wildcard)
        {
            self.findings
                .warn(at, &ChoiceProblem::NoWildcard(ca.name().clone()));
        }
    }

    /// The profile to ask each of these CAs for; `None` for a fault.
    pub(super) fn profiles(
        &mut self,
        at: &Location,
        raw: Option<raw::Profile>,
        asked: &[CaName],
        cas: &Cas,
    ) -> Option<BTreeMap<CaName, String>> {
        let usual = |ca: &CaName| Some((ca.clone(), cas.named(ca.as_str())?.profile.clone()?));
        let mut profiles: BTreeMap<CaName, String> = asked.iter().filter_map(usual).collect();
        match (raw, asked) {
            (None, _) => {}
            (Some(raw::Profile::One(text)), [ca]) => {
                profiles.insert(ca.clone(), self.profile(at, text)?);
            }
            (Some(raw::Profile::One(Text(text))), [first, ..]) => {
                let problem = ChoiceProblem::WhoseProfile(text, first.clone());
                self.findings.value(at, &problem);
                return None;
            }
            // the fault is elsewhere
            (Some(raw::Profile::One(_)), []) => return None,
            (Some(raw::Profile::ByCa(by_ca)), _) => {
                for (name, text) in by_ca {
                    let location = at.key(&name);
                    let profile = self.profile(&location, text);
                    match (asked.iter().find(|ca| ca.as_str() == name), profile) {
                        (Some(ca), Some(profile)) => {
                            profiles.insert(ca.clone(), profile);
                        }
                        (Some(_), None) => {}
                        (None, _) if cas.names.contains(&name) => {
                            self.findings
                                .key(&location, &ChoiceProblem::NotAsked(name.clone()));
                        }
                        (None, _) => self.findings.key(&location, &no_such_ca(&name, cas)),
                    }
                }
            }
        }
        Some(profiles)
    }

    /// The name of a profile.
    pub(super) fn profile(&mut self, at: &Location, Text(text): Text) -> Option<String> {
        let good = (1..=MAX_PROFILE).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        if !good {
            self.findings.value(at, &ChoiceProblem::Profile);
        }
        good.then_some(text)
    }
}

fn no_such_ca(text: &str, cas: &Cas) -> ChoiceProblem {
    ChoiceProblem::NoSuchCa {
        name: text.to_owned(),
        near: nearest(text, cas.names.iter().map(String::as_str)).map(str::to_owned),
        known: quoted(&cas.names),
    }
}
