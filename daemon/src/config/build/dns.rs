use std::collections::BTreeMap;

use super::{Builder, Entries, endpoint};
use crate::{
    config::{
        fault::Problem,
        findings::Location,
        raw::{self, Text},
    },
    dns,
    types::{DnsName, NameError},
};

#[derive(Debug, thiserror::Error)]
enum ZoneProblem {
    #[error("`{text}` is not the name of a zone: {error}")]
    Name { text: String, error: NameError },
    #[error("the zone {0} is given twice, in two spellings")]
    Twice(DnsName),
    #[error("the zone `{0}` has no authorities")]
    NoAuthorities(String),
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
            ZoneProblem::NoAuthorities(_) => Some(
                "name the servers to ask, as in `authorities: [ns1.example.org]`, or remove the zone".into(),
            ),
        }
    }
}

impl Builder<'_> {
    pub(super) fn dns(
        &mut self,
        at: &Location,
        settings: raw::Dns,
        zones: Entries<raw::Zone>,
    ) -> dns::Options {
        let location = at.key("resolvers");
        let mut resolvers = Vec::new();
        for (index, Text(text)) in settings.resolvers.iter().enumerate() {
            match endpoint::address(text) {
                Ok(address) => resolvers.push(address),
                Err(problem) => self.findings.value(&location.index(index), &problem),
            }
        }
        dns::Options {
            resolvers,
            query_timeout: settings
                .query_timeout
                .map_or(dns::DEFAULT_QUERY_TIMEOUT, |raw::Duration(time)| time),
            propagation_timeout: settings.propagation_timeout.map(|raw::Duration(time)| time),
            name_server_port: settings
                .name_server_port
                .map_or(dns::NAME_SERVER_PORT, |raw::Port(port)| port),
            zones: self.zones(zones),
        }
    }

    fn zones(&mut self, entries: Entries<raw::Zone>) -> BTreeMap<DnsName, dns::ZoneOptions> {
        let mut seen = BTreeMap::<DnsName, Location>::new();
        let mut zones = BTreeMap::new();
        for (text, location, raw) in entries.into_each() {
            if raw.authorities.is_empty() {
                let problem = ZoneProblem::NoAuthorities(text.clone());
                self.findings.missing(&location, "authorities", &problem);
            }
            let authorities = self.authorities(&location.key("authorities"), &raw.authorities);
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
            zones.insert(name, dns::ZoneOptions { authorities });
        }
        zones
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
}
