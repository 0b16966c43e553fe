//! Finding the zone of a name: as configured, or by asking for the name and its parents.

use std::collections::HashMap;

use dns01_plugin_api::Call;
use parking_lot::Mutex;
use reqwest::Method;
use serde::Deserialize;

use crate::api::{Api, NO_BODY, Request};
use crate::error::Error;
use crate::options::Given;

/// Most zones remembered; a daemon with more asks again.
const REMEMBERED: usize = 10_000;
/// What Cloudflare calls a zone that its name servers serve.
const ACTIVE: &str = "active";

/// A zone of the account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Zone {
    pub id: String,
    /// Unknown if the operator gave the id alone.
    pub name: Option<String>,
}

impl Zone {
    /// As an operator knows it.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// The zones of an instance.
#[derive(Debug)]
pub(crate) struct Zones {
    given: Given,
    found: Mutex<HashMap<String, Zone>>,
}

/// What was asked in one call already: names of one zone share their parents.
pub(crate) type Asked = HashMap<String, Option<Zone>>;

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
    #[serde(default)]
    status: String,
}

impl Zones {
    pub(crate) fn new(given: Given) -> Self {
        Self {
            given,
            found: Mutex::default(),
        }
    }

    /// The zones that the operator named.
    pub(crate) fn given(&self) -> Vec<Zone> {
        match &self.given {
            Given::None => Vec::new(),
            Given::One(id) => vec![Zone {
                id: id.clone(),
                name: None,
            }],
            Given::Named(zones) => zones
                .iter()
                .map(|(name, id)| Zone {
                    id: id.clone(),
                    name: Some(name.clone()),
                })
                .collect(),
        }
    }

    /// The zone of `fqdn`. `hint` is asked for first.
    pub(crate) fn find(
        &self,
        api: &Api,
        call: &Call<'_>,
        fqdn: &str,
        hint: &str,
        asked: &mut Asked,
    ) -> Result<Zone, Error> {
        match &self.given {
            Given::One(_) | Given::Named(_) => {
                let holding = self
                    .given()
                    .into_iter()
                    .filter(|zone| zone.name.as_deref().is_none_or(|name| is_within(fqdn, name)));
                holding
                    .max_by_key(|zone| zone.name.as_ref().map_or(0, String::len))
                    .ok_or_else(|| Error::OutsideZones {
                        fqdn: fqdn.to_owned(),
                    })
            }
            Given::None => {
                let hint = Some(hint).filter(|hint| !hint.is_empty() && is_within(fqdn, hint));
                for candidate in hint.into_iter().chain(candidates(fqdn)) {
                    if let Some(zone) = self.named(api, call, candidate, asked)? {
                        return Ok(zone);
                    }
                }
                Err(Error::NoZone {
                    fqdn: fqdn.to_owned(),
                })
            }
        }
    }

    /// It is not there after all, or not any more.
    pub(crate) fn forget(&self, zone: &Zone) {
        if let Some(name) = &zone.name {
            self.found.lock().remove(name);
        }
    }

    /// The zone of exactly this name, if the token sees one.
    fn named(
        &self,
        api: &Api,
        call: &Call<'_>,
        name: &str,
        asked: &mut Asked,
    ) -> Result<Option<Zone>, Error> {
        if let Some(known) = asked.get(name) {
            return Ok(known.clone());
        }
        let found = self.found.lock().get(name).cloned();
        let zone = match found {
            Some(zone) => Some(zone),
            None => {
                let zone = ask(api, call, name)?;
                if let Some(zone) = &zone {
                    let mut found = self.found.lock();
                    if found.len() >= REMEMBERED {
                        found.clear();
                    }
                    found.insert(name.to_owned(), zone.clone());
                }
                zone
            }
        };
        asked.insert(name.to_owned(), zone.clone());
        Ok(zone)
    }
}

fn ask(api: &Api, call: &Call<'_>, name: &str) -> Result<Option<Zone>, Error> {
    let doing = format!("find zone {name}");
    let request = Request {
        method: Method::GET,
        path: &["zones"],
        query: &[("name", name)],
        doing: &doing,
    };
    let mut zones = api.send::<Vec<Listed>>(call, &request, NO_BODY)?.result;
    // one with letters beyond ASCII may come back in either form
    zones.retain(|zone| zone.name.eq_ignore_ascii_case(name) || !zone.name.is_ascii());
    // several accounts may hold one name; one at most is active
    let best = zones.iter().find(|zone| zone.status == ACTIVE).or(zones.first());
    match best {
        None => Ok(None),
        Some(zone) if zone.status == ACTIVE => Ok(Some(Zone {
            id: zone.id.clone(),
            name: Some(name.to_owned()),
        })),
        Some(zone) => Err(Error::Inactive {
            zone: name.to_owned(),
            status: zone.status.clone(),
        }),
    }
}

/// The name and its parents, down to two labels: Cloudflare holds no top-level domain.
fn candidates(fqdn: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(fqdn), |name| name.split_once('.').map(|(_, parent)| parent))
        .filter(|name| name.contains('.'))
}

fn is_within(fqdn: &str, zone: &str) -> bool {
    fqdn == zone || fqdn.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_zones_by_label() {
        assert!(is_within("a.example.org", "example.org"));
        assert!(is_within("example.org", "example.org"));
        assert!(!is_within("anexample.org", "example.org"));
        assert!(!is_within("example.org", "a.example.org"));
        let asked: Vec<&str> = candidates("_acme-challenge.a.example.org").collect();
        assert_eq!(
            asked,
            ["_acme-challenge.a.example.org", "a.example.org", "example.org"]
        );
    }
}
