//! Finding the hosted zone of a name.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_route53::Client;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::aws::{self, LIST_ZONES};
use crate::error::Error;
use crate::name::{is_within, last_labels, plain};

/// Most zones of one page (Route 53's own limit).
const PAGE: i32 = 100;
/// How long a list is believed. A zone that is made or deleted meanwhile is an event of which
/// the operator knows; asking each time would eat into five requests a second.
const BELIEVED: Duration = Duration::from_secs(300);
/// Most lists remembered.
const REMEMBERED: usize = 1_000;

/// A hosted zone.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Zone {
    /// Without the `/hostedzone/` before it.
    pub id: String,
    /// Without the trailing dot; empty if only the id is known.
    pub name: String,
}

impl Zone {
    /// For messages.
    pub(crate) fn shown(&self) -> String {
        match self.name.as_str() {
            "" => self.id.clone(),
            name => format!("{name} ({})", self.id),
        }
    }
}

/// The zones of the account, as far as they were looked at.
#[derive(Debug)]
pub(crate) struct Zones {
    private: bool,
    /// By name: the zones at it and below it.
    lists: Mutex<BTreeMap<String, (Instant, Vec<Zone>)>>,
}

impl Zones {
    pub(crate) fn new(private: bool) -> Self {
        Self {
            private,
            lists: Mutex::default(),
        }
    }

    /// The zone to write `fqdn` to: the one that public DNS names as its apex (`hint`), if the
    /// account has it; otherwise the one with the longest name that the name ends with.
    pub(crate) async fn find(&self, client: &Client, fqdn: &str, hint: &str) -> Result<Zone, Error> {
        let hint = Some(hint).filter(|hint| !hint.is_empty() && is_within(fqdn, hint));
        // Route 53 lists a zone and all below it in one go. What is registered has two labels
        // at least, so a list from there has every zone of the name; a zone for a whole
        // top-level domain is asked for only where that finds nothing
        let starts = [hint, last_labels(fqdn, 2), last_labels(fqdn, 1)];
        let mut asked = None;
        for start in starts.into_iter().flatten() {
            if asked.replace(start) == Some(start) {
                continue;
            }
            let whole = start.contains('.') || hint == Some(start);
            let zones = self.list(client, start, whole).await?;
            let exact = hint.filter(|hint| zones.iter().any(|zone| zone.name == **hint));
            let holding = zones.iter().filter(|zone| is_within(fqdn, &zone.name));
            let Some(name) = exact.or_else(|| {
                let names = holding.map(|zone| zone.name.as_str());
                names.max_by_key(|name| name.len())
            }) else {
                continue;
            };
            let mut named = zones.iter().filter(|zone| zone.name == name);
            return match (named.next(), named.next()) {
                (Some(zone), None) => Ok(zone.clone()),
                _ => {
                    let ids = zones
                        .iter()
                        .filter(|zone| zone.name == name)
                        .map(|zone| &*zone.id);
                    Err(Error::Ambiguous {
                        zone: name.to_owned(),
                        ids: ids.collect::<Vec<_>>().join(", "),
                        kind: self.kind(),
                    })
                }
            };
        }
        Err(Error::NoZone {
            fqdn: fqdn.to_owned(),
            kind: self.kind(),
        })
    }

    /// A zone turned out not to be there any more.
    pub(crate) fn forget(&self, zone: &Zone) {
        self.lists.lock().retain(|_, (_, zones)| !zones.contains(zone));
    }

    /// `public` or `private`: those that count.
    pub(crate) fn kind(&self) -> &'static str {
        if self.private { "private" } else { "public" }
    }

    /// The zones named `start`, with those below it if `whole`.
    async fn list(&self, client: &Client, start: &str, whole: bool) -> Result<Vec<Zone>, Error> {
        if let Some((since, zones)) = self.lists.lock().get(start)
            && since.elapsed() < BELIEVED
        {
            return Ok(zones.clone());
        }
        let mut zones = Vec::new();
        let mut next = (start.to_owned(), None);
        'pages: loop {
            let page = client
                .list_hosted_zones_by_name()
                .dns_name(&next.0)
                .set_hosted_zone_id(next.1)
                .max_items(PAGE)
                .send()
                .await
                .map_err(|error| aws::failure(&error, LIST_ZONES, "the account"))?;
            for zone in page.hosted_zones() {
                let name = plain(zone.name());
                let counts = if whole {
                    is_within(&name, start)
                } else {
                    name == start
                };
                if !counts {
                    break 'pages;
                }
                if zone.config().is_some_and(|config| config.private_zone()) == self.private {
                    let id = zone.id().trim_start_matches("/hostedzone/").to_owned();
                    zones.push(Zone { id, name });
                }
            }
            match (page.is_truncated(), page.next_dns_name()) {
                (true, Some(name)) => {
                    next = (name.to_owned(), page.next_hosted_zone_id().map(str::to_owned));
                }
                _ => break,
            }
        }
        let mut lists = self.lists.lock();
        if lists.len() >= REMEMBERED {
            lists.clear();
        }
        lists.insert(start.to_owned(), (Instant::now(), zones.clone()));
        Ok(zones)
    }
}
