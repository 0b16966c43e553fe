use std::collections::BTreeMap;

use super::{Builder, provider::Providers};
use crate::{
    challenge::Route,
    config::{fault::Problem, findings::Location},
    types::{DnsName, InstanceName},
};

#[derive(Debug, thiserror::Error)]
enum RouteProblem {
    #[error("the providers `{0}` and `{1}` both serve every name that no other serves")]
    TwoDefaults(InstanceName, InstanceName),
    #[error("the zone {zone} is served by `{first}` already")]
    Twice { zone: DnsName, first: InstanceName },
    #[error("the zone {0} is listed twice")]
    Repeated(DnsName),
}

impl Problem for RouteProblem {
    fn help(&self) -> Option<String> {
        Some(match self {
            RouteProblem::TwoDefaults(..) => "name the zones of one of the two under `zones`".into(),
            RouteProblem::Twice { .. } | RouteProblem::Repeated(_) => "remove one of the two".into(),
        })
    }
}

/// The routes of all providers.
pub(super) struct Routes {
    pub routes: Vec<Route>,
    /// A provider could not be read: what looks unserved may be served.
    pub uncertain: bool,
}

impl Routes {
    /// Who serves `name`: the longest suffix wins.
    pub fn serving(&self, name: &DnsName) -> Option<&InstanceName> {
        serving(&self.routes, name)
    }
}

/// Who serves `name`: the longest suffix wins.
pub(in crate::config) fn serving<'r>(routes: &'r [Route], name: &DnsName) -> Option<&'r InstanceName> {
    routes
        .iter()
        .filter(|route| route.suffix.as_ref().is_none_or(|suffix| name.is_within(suffix)))
        .max_by_key(|route| route.suffix.as_ref().map_or(0, |suffix| suffix.as_str().len()))
        .map(|route| &route.instance)
}

impl Builder<'_> {
    pub(super) fn routes(&mut self, providers: &Providers) -> Routes {
        let mut routes = Vec::new();
        let mut seen = BTreeMap::<Option<DnsName>, (InstanceName, Location)>::new();
        for provider in &providers.built {
            let instance = &provider.config.options.instance;
            let suffixes: Vec<_> = match &provider.zones {
                None => vec![(provider.location.clone(), None)],
                Some(zones) => zones
                    .iter()
                    .map(|(at, zone)| (at.clone(), Some(zone.clone())))
                    .collect(),
            };
            for (location, suffix) in suffixes {
                match (seen.get(&suffix), suffix) {
                    (Some((first, other)), None) => {
                        let problem = RouteProblem::TwoDefaults(first.clone(), instance.clone());
                        self.findings
                            .key_conflict(&location, other, "the other one", &problem);
                    }
                    (Some((first, other)), Some(zone)) => {
                        let problem = if first == instance {
                            RouteProblem::Repeated(zone)
                        } else {
                            RouteProblem::Twice {
                                zone,
                                first: first.clone(),
                            }
                        };
                        self.findings
                            .conflict(&location, other, "first given here", &problem);
                    }
                    (None, suffix) => {
                        seen.insert(suffix.clone(), (instance.clone(), location));
                        routes.push(Route {
                            suffix,
                            instance: instance.clone(),
                        });
                    }
                }
            }
        }
        Routes {
            routes,
            uncertain: providers.uncertain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_suffix_serves_a_name() {
        let route = |suffix: Option<&str>, instance: &str| Route {
            suffix: suffix.map(|suffix| suffix.parse().expect("a name")),
            instance: instance.parse().expect("a name"),
        };
        let routes = [
            route(Some("example.org"), "org"),
            route(None, "rest"),
            route(Some("a.example.org"), "a"),
        ];
        let serving = |name: &str| serving(&routes, &name.parse().expect("a name")).map(InstanceName::as_str);
        assert_eq!(serving("x.a.example.org"), Some("a"));
        assert_eq!(serving("a.example.org"), Some("a"));
        assert_eq!(serving("ba.example.org"), Some("org"));
        assert_eq!(serving("example.net"), Some("rest"));
        assert_eq!(
            super::serving(&routes[..1], &"example.net".parse().expect("a name")),
            None
        );
    }
}
