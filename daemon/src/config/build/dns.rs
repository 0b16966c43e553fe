use super::{Builder, Entries, endpoint};
use crate::{
    config::{
        findings::Location,
        raw::{self, Text},
    },
    dns::{self, Resolver},
};

impl Builder<'_> {
    pub(super) fn dns(
        &mut self,
        at: &Location,
        settings: raw::Dns,
        zones: Entries<raw::Zone>,
    ) -> dns::Options {
        let ca_file = settings
            .ca_file
            .and_then(|text| self.roots(&at.key("ca-file"), &text));
        let resolvers = self.resolvers(&at.key("resolvers"), &settings.resolvers);
        let vantage = self.resolvers(&at.key("vantage"), &settings.vantage);
        let zones = self.zones(zones);
        let complete =
            resolvers.len() == settings.resolvers.len() && !self.findings.is_shortened(&at.key("resolvers"));
        self.look_ups(&resolvers, complete, &vantage, &zones);
        dns::Options {
            resolvers: known(resolvers),
            vantage: known(vantage),
            ca_file,
            query_timeout: settings
                .query_timeout
                .map_or(dns::DEFAULT_QUERY_TIMEOUT, |raw::Duration(time)| time),
            propagation_timeout: settings.propagation_timeout.map(|raw::Duration(time)| time),
            name_server_port: settings
                .name_server_port
                .map_or(dns::NAME_SERVER_PORT, |raw::Port(port)| port),
            zones: zones
                .into_iter()
                .map(|(name, zone)| (name, zone.options))
                .collect(),
        }
    }

    /// Each resolver with its place.
    pub(super) fn resolvers(&mut self, at: &Location, texts: &[Text]) -> Vec<(Location, Resolver)> {
        let mut resolvers = Vec::new();
        for (index, Text(text)) in texts.iter().enumerate() {
            let location = at.index(index);
            match endpoint::resolver(text) {
                Ok(resolver) => resolvers.push((location, resolver)),
                Err(problem) => self.findings.value(&location, &problem),
            }
        }
        resolvers
    }
}

/// Without their places.
pub(super) fn known(resolvers: Vec<(Location, Resolver)>) -> Vec<Resolver> {
    resolvers.into_iter().map(|(_, resolver)| resolver).collect()
}
