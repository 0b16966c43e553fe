//! Which names and certificates are looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    control::AskError,
    engine::{Certificate, World},
    types::{CertificateName, DnsName},
};

/// A name to prove.
#[derive(Clone, Debug)]
pub(in crate::app) struct Name {
    pub name: DnsName,
    /// Those that it is of, which the look is about.
    pub certificates: BTreeSet<CertificateName>,
    /// What stands before it where its challenge records go; `None`: a canary would tell nothing.
    pub prefix: Option<String>,
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Scope {
    pub certificates: BTreeSet<CertificateName>,
    pub names: Vec<Name>,
}

impl Scope {
    /// Of these wishes: names of certificates, and names in them. All certificates without a wish.
    pub async fn of(world: &World, wishes: &[String]) -> Result<Self, AskError> {
        let mut chosen: BTreeMap<DnsName, BTreeSet<CertificateName>> = BTreeMap::new();
        let mut choose = |certificate: &Certificate, only: Option<&DnsName>| {
            let names = certificate.identifiers.iter().map(|one| one.name());
            for name in names.filter(|name| only.is_none_or(|only| only == *name)) {
                let of = chosen.entry(name.clone()).or_default();
                of.insert(certificate.name.clone());
            }
        };
        if wishes.is_empty() {
            for certificate in world.certificates.values() {
                choose(certificate, None);
            }
        }
        for wish in wishes {
            let called = wish
                .parse()
                .ok()
                .and_then(|name: CertificateName| world.certificates.get(&name));
            if let Some(certificate) = called {
                choose(certificate, None);
                continue;
            }
            let name = wish.trim_start_matches("*.").parse::<DnsName>().ok();
            let of = |certificate: &&Certificate| {
                let mut names = certificate.identifiers.iter().map(|one| one.name());
                names.any(|one| Some(one) == name.as_ref())
            };
            let holders: Vec<&Certificate> = world.certificates.values().filter(of).collect();
            if holders.is_empty() {
                return Err(AskError::UnknownName(wish.clone()));
            }
            for certificate in holders {
                choose(certificate, name.as_ref());
            }
        }
        let mut scope = Scope::default();
        for (name, certificates) in chosen {
            let mut prefix = None;
            for certificate in certificates
                .iter()
                .filter_map(|name| world.certificates.get(name))
            {
                if prefix.is_none() {
                    prefix = world.challenge_prefix(certificate).await;
                }
            }
            scope.certificates.extend(certificates.iter().cloned());
            scope.names.push(Name {
                name,
                certificates,
                prefix,
            });
        }
        Ok(scope)
    }
}
