use super::Route;
use crate::types::{DnsName, InstanceName};

/// Decides who serves a name: the longest matching suffix wins.
#[derive(Clone, Debug, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// Takes the configured routes.
    pub fn new(mut routes: Vec<Route>) -> Self {
        // most labels first, the catch-all last
        routes.sort_by_key(|route| {
            std::cmp::Reverse(route.suffix.as_ref().map_or(0, |name| name.labels().count()))
        });
        Routes(routes)
    }

    /// The instance that serves `name`.
    pub fn instance(&self, name: &DnsName) -> Option<&InstanceName> {
        self.0
            .iter()
            .find(|route| route.suffix.as_ref().is_none_or(|suffix| name.is_within(suffix)))
            .map(|route| &route.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(suffix: Option<&str>, instance: &str) -> Route {
        Route {
            suffix: suffix.map(|name| name.parse().unwrap()),
            instance: instance.parse().unwrap(),
        }
    }

    #[test]
    fn the_longest_suffix_wins() {
        let routes = Routes::new(vec![
            route(None, "rest"),
            route(Some("example.org"), "outer"),
            route(Some("internal.example.org"), "inner"),
        ]);
        for (name, instance) in [
            ("_acme-challenge.a.internal.example.org", "inner"),
            ("_acme-challenge.example.org", "outer"),
            ("_acme-challenge.notexample.org", "rest"),
        ] {
            assert_eq!(
                routes.instance(&name.parse().unwrap()).unwrap().as_str(),
                instance
            );
        }
        assert!(Routes::default().instance(&"a.test".parse().unwrap()).is_none());
    }
}
