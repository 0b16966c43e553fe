//! What a zone looks like from different places: a split horizon shows here.

use std::{collections::BTreeSet, fmt, time::Duration};

use futures_util::future::{join, join_all, join3};
use hickory_proto::rr::RData;

use super::{
    Dns, Endpoint, Failure, Kind, QueryError, Question,
    answer::Answer,
    question::{domain_name, same_name},
    resolver::Found,
    zone::addresses_of,
};
use crate::types::DnsName;

/// A zone, as all kinds of servers that know it tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Views {
    /// The zone asked about.
    pub zone: DnsName,
    /// True when the configuration says whom to ask about this very zone: that it has two faces is known then.
    pub chosen: bool,
    /// The resolvers that are asked for zone cuts, one by one.
    pub resolvers: Vec<View>,
    /// True when these are the system's (resolv.conf), because no others are configured.
    pub of_system: bool,
    /// The servers of the zone above: to whom they delegate. They tell no SOA.
    pub parent: Vec<View>,
    /// The authoritative servers that are asked whether a record is visible, one by one for each address. None where
    /// they are not asked.
    pub authorities: Vec<View>,
}

/// What one server says of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who, as in a report: `192.0.2.1:53`, `tls://dns.example@192.0.2.1:853`.
    pub server: String,
    /// The name servers of the zone, sorted.
    pub name_servers: Vec<DnsName>,
    /// The primary that the SOA names, with the serial.
    pub start: Option<Start>,
    /// Why something is missing.
    pub failure: Option<String>,
}

/// From a zone's SOA.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// The MNAME, which need not be a name server of the zone.
    pub primary: String,
    /// The serial, by which servers of one primary lag, not differ.
    pub serial: u32,
}

/// What servers of one kind say of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Who they are: "its authorities".
    pub who: &'static str,
    /// What they say.
    pub says: String,
    /// True when it is something else than what the first face says.
    pub differs: bool,
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Face { who, says, .. } = self;
        write!(f, "{who}: {says}")
    }
}

impl Views {
    /// What each kind of servers says, those first whose word counts; without those of whom nothing was heard. A
    /// serial alone makes no difference: servers of one zone lag.
    pub fn faces(&self) -> Vec<Face> {
        let resolvers = match self.of_system {
            true => "the resolvers of this system",
            false => "the configured resolvers",
        };
        let mut sides = vec![
            ("its authorities", &self.authorities),
            (resolvers, &self.resolvers),
            ("the zone above", &self.parent),
        ];
        sides.retain(|(_, views)| views.iter().any(View::is_heard));
        let first = sides.first().map(|(_, views)| *views);
        let faces = sides.iter().map(|(who, views)| Face {
            who,
            says: said(views),
            differs: first.is_some_and(|first| differ(first, views)),
        });
        faces.collect()
    }
}

impl View {
    /// True when the server told all, be it that there is no such zone. Half an answer would look like another zone.
    fn is_heard(&self) -> bool {
        self.failure.is_none()
    }
}

fn differ(one: &[View], other: &[View]) -> bool {
    fn servers(views: &[View]) -> BTreeSet<&[DnsName]> {
        let heard = views.iter().filter(|view| view.is_heard());
        heard.map(|view| view.name_servers.as_slice()).collect()
    }
    fn primaries(views: &[View]) -> BTreeSet<&str> {
        let starts = views.iter().filter_map(|view| view.start.as_ref());
        starts.map(|start| start.primary.as_str()).collect()
    }
    let (one_primaries, other_primaries) = (primaries(one), primaries(other));
    let told = !one_primaries.is_empty() && !other_primaries.is_empty();
    servers(one) != servers(other) || told && one_primaries != other_primaries
}

fn said(views: &[View]) -> String {
    let faces: BTreeSet<String> = views.iter().filter(|view| view.is_heard()).map(face).collect();
    let faces: Vec<String> = faces.into_iter().collect();
    faces.join(", and also ")
}

fn face(view: &View) -> String {
    let servers: Vec<&str> = view.name_servers.iter().map(DnsName::as_str).collect();
    match (&view.start, servers.as_slice()) {
        (None, []) => "no such zone".into(),
        (None, servers) => servers.join(", "),
        (Some(start), []) => format!("no name server, primary {}", start.primary),
        (Some(start), servers) => format!("{}, primary {}", servers.join(", "), start.primary),
    }
}

impl Dns {
    /// What a zone looks like to the resolvers that are asked, to the zone above and to the authorities asked.
    /// Nothing at or below a challenge name is asked. Takes a few query timeouts at most; what fails is part of the
    /// views.
    pub async fn views(&self, zone: &DnsName) -> Views {
        let locator = &self.locator;
        // stands for every challenge name of the zone
        let off_limits = zone.child("_acme-challenge").unwrap_or_else(|_| zone.clone());
        let resolvers = locator.zones.resolvers();
        let own = resolvers.responsible(zone).await;
        let recursive = async {
            let Found { endpoints, failures } = resolvers.find(&own, &off_limits).await;
            let mut views = self.recursive_views(zone, endpoints).await;
            views.extend(failures.iter().map(unheard));
            views
        };
        let (resolvers, parent, authorities) = join3(
            recursive,
            self.parent_views(zone, &off_limits),
            self.authority_views(zone, &off_limits),
        )
        .await;
        Views {
            zone: zone.clone(),
            chosen: locator.zones.is_chosen(zone),
            resolvers,
            of_system: locator.zones.resolvers().are_of_system(zone),
            parent,
            authorities,
        }
    }

    async fn recursive_views(&self, zone: &DnsName, endpoints: Vec<Endpoint>) -> Vec<View> {
        join_all(endpoints.iter().map(|endpoint| self.view(zone, endpoint, true))).await
    }

    async fn authority_views(&self, zone: &DnsName, off_limits: &DnsName) -> Vec<View> {
        let zones = &self.locator.zones;
        if zones
            .visibility(off_limits)
            .is_some_and(|(_, visibility)| visibility.is_indirect())
        {
            return Vec::new();
        }
        match zones.holding(zone, off_limits).await {
            Ok(found) => {
                let endpoints = addresses_of(&found.servers);
                join_all(endpoints.iter().map(|endpoint| self.view(zone, endpoint, false))).await
            }
            Err(error) => vec![View {
                server: zone.to_string(),
                name_servers: Vec::new(),
                start: None,
                failure: Some(error.to_string()),
            }],
        }
    }

    async fn view(&self, zone: &DnsName, endpoint: &Endpoint, recursive: bool) -> View {
        let ask = |kind| {
            let question = match recursive {
                true => Question::recursive(zone.clone(), kind),
                false => Question::authoritative(zone.clone(), kind),
            };
            async move { self.ask(endpoint, &question).await }
        };
        let (servers, start) = join(ask(Kind::Ns), ask(Kind::Soa)).await;
        let failure = servers
            .as_ref()
            .err()
            .or(start.as_ref().err())
            .map(ToString::to_string);
        View {
            server: endpoint.to_string(),
            name_servers: servers.map(|answer| answer.ns(zone)).unwrap_or_default(),
            start: start.ok().and_then(|answer| begins(&answer, zone)),
            failure,
        }
    }

    /// What the servers of the zone above say of the cut.
    async fn parent_views(&self, zone: &DnsName, off_limits: &DnsName) -> Vec<View> {
        let zones = &self.locator.zones;
        let Some(above) = zone.parent() else {
            return Vec::new();
        };
        let found = async {
            let found = zones.holding(&above, off_limits).await;
            found.map(|zone| (zone.apex, addresses_of(&zone.servers)))
        };
        let (apex, endpoints) = match found.await {
            Ok(found) => found,
            // of a top-level domain, or of a zone that nobody delegates to: said by the other views
            Err(error) => {
                return vec![View {
                    server: "the zone above".into(),
                    name_servers: Vec::new(),
                    start: None,
                    failure: Some(error.to_string()),
                }];
            }
        };
        let question = Question::authoritative(zone.clone(), Kind::Ns);
        let (apex, question) = (&apex, &question);
        let views = endpoints.into_iter().map(|endpoint| async move {
            match self.ask(&endpoint, question).await {
                Ok(answer) => View {
                    server: endpoint.to_string(),
                    name_servers: delegated(&answer, apex, zone),
                    start: None,
                    failure: None,
                },
                Err(error) => unheard(&error),
            }
        });
        join_all(views).await
    }

    async fn ask(&self, endpoint: &Endpoint, question: &Question) -> Result<Answer, QueryError> {
        let timeout: Duration = self.locator.timeout;
        let answer = self.locator.transport.ask(endpoint, question, timeout).await?;
        if answer.is_conclusive() {
            return Ok(answer);
        }
        Err(QueryError {
            server: endpoint.clone(),
            question: question.clone(),
            failure: Failure::Rcode(answer.rcode),
        })
    }
}

fn unheard(error: &QueryError) -> View {
    View {
        server: error.server.to_string(),
        name_servers: Vec::new(),
        start: None,
        failure: Some(error.to_string()),
    }
}

/// The name servers of a referral to `zone`; or of its answer, where the server has both zones.
fn delegated(answer: &Answer, above: &DnsName, zone: &DnsName) -> Vec<DnsName> {
    match answer.referral(above, zone) {
        Some(referral) if referral.apex == *zone => {
            referral.hosts.into_iter().map(|(host, _)| host).collect()
        }
        _ => answer.ns(zone),
    }
}

fn begins(answer: &Answer, zone: &DnsName) -> Option<Start> {
    answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if same_name(&record.name, zone) => Some(Start {
            primary: domain_name(&soa.mname).map_or_else(|| soa.mname.to_ascii(), |name| name.to_string()),
            serial: soa.serial,
        }),
        _ => None,
    })
}
