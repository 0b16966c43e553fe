//! The names of a certificate.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, route::Routes};
use crate::{
    config::{fault::Problem, findings::Location, raw::Text},
    types::{DnsName, Identifier, NameError},
};

#[derive(Debug, thiserror::Error)]
enum NamesProblem {
    #[error("the certificate `{0}` has no names")]
    NoNames(String),
    #[error("`{text}` is not a DNS name: {error}")]
    Identifier { text: String, error: NameError },
    #[error("`{0}` is listed twice")]
    Repeated(Identifier),
    #[error("`{name}` is covered by `{wildcard}` already")]
    Covered { name: Identifier, wildcard: Identifier },
    #[error("`_acme-challenge.{0}` is longer than a DNS name can be")]
    NoRoom(DnsName),
    #[error("no provider serves {}", both_ways(.0))]
    NoProvider(DnsName),
    #[error("the request asks for {}", other_names(.missing, .surplus))]
    OfRequest {
        missing: Vec<Identifier>,
        surplus: Vec<Identifier>,
    },
}

impl Problem for NamesProblem {
    fn help(&self) -> Option<String> {
        match self {
            NamesProblem::NoNames(_) => {
                Some("write `names: [\"*.internal.example.org\", internal.example.org]`, for example".into())
            }
            NamesProblem::Repeated(_) => Some("remove one of the two".into()),
            NamesProblem::Covered { name, .. } => Some(format!(
                "Let's Encrypt refuses an order that holds both; remove `{name}`"
            )),
            NamesProblem::NoProvider(name) => Some(format!(
                "add `{name}` or a parent of it to the `zones` of a provider;\nif its `_acme-challenge` is a CNAME into another zone, that zone as well"
            )),
            NamesProblem::OfRequest { .. } => {
                Some("write the same names, or leave `names` out for those of the request".into())
            }
            NamesProblem::NoRoom(_) => {
                Some("no CA can look for its record: use a wildcard above it, or a shorter name".into())
            }
            NamesProblem::Identifier { .. } => None,
        }
    }
}

impl Builder<'_> {
    /// The certificate `name` has none.
    pub(super) fn no_names(&mut self, at: &Location, name: &str) {
        self.findings
            .missing(at, "names", &NamesProblem::NoNames(name.to_owned()));
    }

    /// What a request asks for must be what the certificate is for (RFC 8555 7.4).
    pub(super) fn compare_names(&mut self, at: &Location, given: &[Identifier], asked_for: &[Identifier]) {
        let (names, csr) = (at.key("names"), at.key("csr"));
        let given: BTreeSet<_> = given.iter().collect();
        let asked_for: BTreeSet<_> = asked_for.iter().collect();
        // a name that was refused may be the one that is missing
        if given == asked_for || given.is_empty() || self.findings.is_shortened(&names) {
            return;
        }
        let difference = |one: &BTreeSet<&Identifier>, other: &BTreeSet<&Identifier>| {
            one.difference(other).map(|name| (*name).clone()).collect()
        };
        let problem = NamesProblem::OfRequest {
            missing: difference(&asked_for, &given),
            surplus: difference(&given, &asked_for),
        };
        self.findings.conflict(&names, &csr, "the request", &problem);
    }

    /// The names here, sorted. With `routes`, a provider must serve each.
    pub(super) fn identifiers(
        &mut self,
        certificate: &str,
        at: &Location,
        texts: &[Text],
        routes: Option<&Routes>,
    ) -> Vec<Identifier> {
        if texts.is_empty() && !self.findings.is_shortened(at) {
            self.findings
                .key(at, &NamesProblem::NoNames(certificate.to_owned()));
        }
        let mut identifiers = BTreeMap::<Identifier, Location>::new();
        for (index, Text(text)) in texts.iter().enumerate() {
            let location = at.index(index);
            let identifier: Identifier = match text.parse() {
                Ok(identifier) => identifier,
                Err(error) => {
                    let problem = NamesProblem::Identifier {
                        text: text.clone(),
                        error,
                    };
                    self.findings.value(&location, &problem);
                    continue;
                }
            };
            // the shortest of what challenges put before a name
            if identifier.name().child("_acme-challenge").is_err() {
                let problem = NamesProblem::NoRoom(identifier.name().clone());
                self.findings.value(&location, &problem);
                continue;
            }
            if let Some(first) = identifiers.get(&identifier) {
                let problem = NamesProblem::Repeated(identifier);
                self.findings
                    .conflict(&location, first, "first given here", &problem);
                continue;
            }
            let unserved =
                routes.is_some_and(|routes| routes.serving(identifier.name()).is_none() && !routes.uncertain);
            if unserved && !self.findings.incomplete {
                let problem = NamesProblem::NoProvider(identifier.name().clone());
                self.findings.value(&location, &problem);
            }
            identifiers.insert(identifier, location);
        }
        for (name, location) in &identifiers {
            let wildcard: Option<Identifier> = name
                .name()
                .parent()
                .and_then(|parent| format!("*.{parent}").parse().ok());
            if let Some((wildcard, other)) =
                wildcard.and_then(|wildcard| identifiers.get_key_value(&wildcard))
                && !name.is_wildcard()
            {
                let problem = NamesProblem::Covered {
                    name: name.clone(),
                    wildcard: wildcard.clone(),
                };
                self.findings
                    .warn_conflict(location, other, "covers it", &problem);
            }
        }
        identifiers.into_keys().collect()
    }
}

/// As people write it, and as DNS has it where that differs.
fn both_ways(name: &DnsName) -> String {
    let unicode = name.unicode();
    if unicode == name.as_str() {
        format!("`{name}`")
    } else {
        format!("`{unicode}` ({name})")
    }
}

fn other_names(missing: &[Identifier], surplus: &[Identifier]) -> String {
    let list = |names: &[Identifier]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    match (missing, surplus) {
        (missing, []) => format!("{} too", list(missing)),
        ([], surplus) => format!("other names: not for {}", list(surplus)),
        (missing, surplus) => format!("{} too, and not for {}", list(missing), list(surplus)),
    }
}
