//! What is known of one zone, and whether the resolvers named can be found.

use std::{collections::BTreeMap, time::Duration};

use super::{Builder, Entries, dns::known, endpoint};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, Text},
    },
    dns::{self, Agreement, Aliases, Resolver, Visibility},
    types::{DnsName, NameError},
};

/// A worker waits as long.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
enum ZoneProblem {
    #[error("`{text}` is not the name of a zone: {error}")]
    Name { text: String, error: NameError },
    #[error("the zone {0} is given twice, in two spellings")]
    Twice(DnsName),
    #[error("nothing is said of the zone `{0}`")]
    Nothing(String),
    #[error("`authorities` are never asked with `visibility: {0}`")]
    NeverAsked(String),
    #[error("`vantage` resolvers are never asked with `visibility: {0}`")]
    NoVantage(String),
    #[error("`{key}` is never looked at with `visibility: {visibility}`")]
    NoPolicy { key: &'static str, visibility: String },
    #[error("`visibility: doh` needs `resolvers` with encryption")]
    NoEncryption,
    #[error("the wait is longer than an hour")]
    LongWait,
    #[error("nobody can look up the address of `{name}`: {}", match .zone {
        Some(zone) => format!("it lies in {zone}, whose resolvers are all given by name"),
        None => "all of `dns.resolvers` are given by name".into(),
    })]
    NoLookUp { name: DnsName, zone: Option<DnsName> },
}

impl Problem for ZoneProblem {
    fn help(&self) -> Option<String> {
        match self {
            ZoneProblem::Name {
                error: NameError::Wildcard,
                text,
            } => Some(format!(
                "a zone stands for all names in it: write `{}`",
                text.trim_start_matches("*.")
            )),
            ZoneProblem::Name { .. } => None,
            ZoneProblem::Twice(_) => Some("keep one of the two".into()),
            ZoneProblem::Nothing(_) => Some(
                "name the servers to ask, as in `authorities: [ns1.example.org]`, or remove the zone".into(),
            ),
            ZoneProblem::NeverAsked(_) | ZoneProblem::NoVantage(_) | ZoneProblem::NoPolicy { .. } => {
                Some("remove one of the two".into())
            }
            ZoneProblem::NoEncryption => Some(
                "name them here, as in `resolvers: [\"https://dns.example@192.0.2.53/dns-query\"]`".into(),
            ),
            ZoneProblem::LongWait => Some("write `1h` or less".into()),
            ZoneProblem::NoLookUp { name, .. } => Some(format!(
                "write the address of one of them, as in `tls://{name}@192.0.2.53`"
            )),
        }
    }
}

/// A zone, and where its resolvers are named.
pub(super) struct Zone {
    pub(super) options: dns::ZoneOptions,
    named: Vec<(Location, Resolver)>,
}

impl Builder<'_> {
    pub(super) fn zones(&mut self, entries: Entries<raw::Zone>) -> BTreeMap<DnsName, Zone> {
        let mut seen = BTreeMap::<DnsName, Location>::new();
        let mut zones = BTreeMap::new();
        for (text, location, raw) in entries.into_each() {
            let says_nothing = raw.authorities.is_empty()
                && raw.resolvers.is_empty()
                && raw.vantage.is_none()
                && raw.visibility.is_none()
                && raw.aliases.is_none()
                && raw.agreement.is_none()
                && !self.findings.has_peeled(&location);
            if says_nothing {
                let problem = ZoneProblem::Nothing(text.clone());
                self.findings.missing(&location, "authorities", &problem);
            }
            let zone = self.zone(&location, raw);
            let name: DnsName = match text.parse() {
                Ok(name) => name,
                Err(error) => {
                    self.findings.key(&location, &ZoneProblem::Name { text, error });
                    continue;
                }
            };
            if let Some(first) = seen.get(&name) {
                let problem = ZoneProblem::Twice(name);
                self.findings
                    .key_conflict(&location, first, "first given here", &problem);
                continue;
            }
            seen.insert(name.clone(), location.clone());
            zones.insert(name, zone);
        }
        zones
    }

    fn zone(&mut self, at: &Location, raw: raw::Zone) -> Zone {
        let authorities = self.authorities(&at.key("authorities"), &raw.authorities);
        let resolvers = self.resolvers(&at.key("resolvers"), &raw.resolvers);
        let vantage = raw
            .vantage
            .map(|texts| self.resolvers(&at.key("vantage"), &texts));
        let visibility = raw.visibility.map(|visibility| match visibility {
            raw::Visibility::Authorities => Visibility::Authorities,
            raw::Visibility::Doh => Visibility::Doh,
            raw::Visibility::ProviderSync => Visibility::ProviderSync,
            raw::Visibility::Wait(time) => Visibility::Wait(time),
        });
        let place = at.key("visibility");
        if let Some(visibility) = visibility.filter(|visibility| visibility.is_indirect()) {
            if !raw.authorities.is_empty() {
                let problem = ZoneProblem::NeverAsked(visibility.to_string());
                let other = at.key("authorities");
                self.findings.conflict(&place, &other, "given here", &problem);
            }
            for (key, given) in [
                ("aliases", raw.aliases.is_some()),
                ("agreement", raw.agreement.is_some()),
            ] {
                if given {
                    let visibility = visibility.to_string();
                    let problem = ZoneProblem::NoPolicy { key, visibility };
                    self.findings
                        .conflict(&place, &at.key(key), "given here", &problem);
                }
            }
            let asks_nobody = matches!(visibility, Visibility::ProviderSync | Visibility::Wait(_));
            if asks_nobody && vantage.as_ref().is_some_and(|vantage| !vantage.is_empty()) {
                let problem = ZoneProblem::NoVantage(visibility.to_string());
                let other = at.key("vantage");
                self.findings.conflict(&place, &other, "given here", &problem);
            }
        }
        // one that was refused has its fault already
        let all_read = resolvers.len() == raw.resolvers.len();
        let is_encrypted = |(_, resolver): &(Location, Resolver)| resolver.channel().is_encrypted();
        if visibility == Some(Visibility::Doh) && all_read && !resolvers.iter().any(is_encrypted) {
            self.findings.value(&place, &ZoneProblem::NoEncryption);
        }
        if matches!(visibility, Some(Visibility::Wait(time)) if time > LONGEST_WAIT) {
            self.findings.value(&place.key("wait"), &ZoneProblem::LongWait);
        }
        let named = resolvers
            .iter()
            .chain(vantage.iter().flatten())
            .cloned()
            .collect();
        Zone {
            options: dns::ZoneOptions {
                authorities,
                resolvers: known(resolvers),
                vantage: vantage.map(known),
                visibility,
                aliases: raw.aliases.map(|aliases| match aliases {
                    raw::Aliases::Follow => Aliases::Follow,
                    raw::Aliases::Refuse => Aliases::Refuse,
                    raw::Aliases::Plain => Aliases::Plain,
                }),
                agreement: raw.agreement.map(|agreement| match agreement {
                    raw::Agreement::All => Agreement::All,
                    raw::Agreement::Quorum => Agreement::Quorum,
                }),
            },
            named,
        }
    }

    fn authorities(&mut self, at: &Location, texts: &[Text]) -> Vec<dns::Authority> {
        let mut authorities = Vec::new();
        for (index, Text(text)) in texts.iter().enumerate() {
            match endpoint::authority(text) {
                Ok(authority) => authorities.push(authority),
                Err(problem) => self.findings.value(&at.index(index), &problem),
            }
        }
        authorities
    }

    /// A resolver given by name is looked up by those given by address that answer for its name: there must be one.
    pub(super) fn look_ups(
        &mut self,
        resolvers: &[(Location, Resolver)],
        complete: bool,
        vantage: &[(Location, Resolver)],
        zones: &BTreeMap<DnsName, Zone>,
    ) {
        let has_address = |resolver: &Resolver| matches!(resolver, Resolver::At(_));
        // a refused one may have been given by address
        let general =
            !complete || resolvers.is_empty() || resolvers.iter().any(|(_, each)| has_address(each));
        let of_zones = zones.values().flat_map(|zone| &zone.named);
        for (location, resolver) in resolvers.iter().chain(vantage).chain(of_zones) {
            let Resolver::Named { name, .. } = resolver else {
                continue;
            };
            let enclosing = zones
                .iter()
                .filter(|(apex, zone)| !zone.options.resolvers.is_empty() && name.is_within(apex))
                .max_by_key(|(apex, _)| apex.as_str().len());
            let can = enclosing.map_or(general, |(_, zone)| {
                zone.options.resolvers.iter().any(has_address)
            });
            if !can {
                let problem = ZoneProblem::NoLookUp {
                    name: name.clone(),
                    zone: enclosing.map(|(apex, _)| apex.clone()),
                };
                self.findings.value(location, &problem);
            }
        }
    }
}
