//! Zone cuts and name servers, as the recursive resolvers and the configuration tell them.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use futures_util::future::{join, join_all};

use super::{
    cache::{Cache, Timed},
    endpoint::{Endpoint, Resolver},
    location::{LocateError, MAX_SERVERS, Server, Unresolved},
    options::{Authority, ZoneOptions},
    policy::{Agreement, Aliases},
    question::{Kind, Question},
    resolver::{ResolverError, Resolvers},
    visibility::Visibility,
};
use crate::types::DnsName;

/// How long a cut is remembered when the answer that showed it had no TTL of its own.
const NO_TTL: Duration = Duration::from_secs(5);
/// Addresses of one family taken from one answer; root servers have one.
const MAX_ADDRESSES: usize = 16;

/// A zone and who serves it.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) apex: DnsName,
    pub(super) servers: Vec<Server>,
    pub(super) unresolved: Vec<Unresolved>,
    /// The servers come from the configuration, and so are right whatever NS records say.
    pub(super) configured: bool,
}

/// Every address of every server, first addresses first, so that trying them in order tries another server next.
pub(super) fn addresses_of(servers: &[Server]) -> Vec<Endpoint> {
    let depth = servers.iter().map(|server| server.addresses.len()).max();
    let mut addresses: Vec<Endpoint> = Vec::new();
    for place in 0..depth.unwrap_or(0) {
        for address in servers.iter().filter_map(|server| server.addresses.get(place)) {
            let endpoint = Endpoint::from(*address);
            if !addresses.contains(&endpoint) {
                addresses.push(endpoint);
            }
        }
    }
    addresses
}

/// Finds zones.
#[derive(Debug)]
pub(super) struct Zones {
    resolvers: Arc<Resolvers>,
    configured: BTreeMap<DnsName, ZoneOptions>,
    /// Port of servers found by name; 53 but in a lab.
    port: u16,
    /// Apex by the name where the search began.
    cuts: Cache<DnsName, DnsName, LocateError>,
    /// Name server names by apex.
    hosts: Cache<DnsName, Vec<DnsName>, LocateError>,
    /// Addresses by name server name.
    addresses: Cache<DnsName, Vec<IpAddr>, ResolverError>,
}

impl Zones {
    pub(super) fn new(resolvers: Resolvers, configured: BTreeMap<DnsName, ZoneOptions>, port: u16) -> Self {
        Zones {
            resolvers: Arc::new(resolvers),
            configured,
            port,
            cuts: Cache::new(),
            hosts: Cache::new(),
            addresses: Cache::new(),
        }
    }

    /// By whose word records at `owner` are visible, and the zone for which that is configured.
    pub(super) fn visibility(&self, owner: &DnsName) -> Option<(&DnsName, Visibility)> {
        let says = |options: &ZoneOptions| match options.visibility {
            None if !options.authorities.is_empty() => Some(Visibility::Authorities),
            said => said,
        };
        let enclosing = self
            .configured
            .iter()
            .filter(|(apex, _)| owner.is_within(apex))
            .filter_map(|(apex, options)| Some((apex, says(options)?)));
        enclosing.max_by_key(|(apex, _)| apex.as_str().len())
    }

    /// What becomes of an alias at `owner`.
    pub(super) fn aliases(&self, owner: &DnsName) -> Aliases {
        self.nearest(owner, |options| options.aliases).unwrap_or_default()
    }

    /// How many of the servers must show a record at `owner`.
    pub(super) fn agreement(&self, owner: &DnsName) -> Agreement {
        self.nearest(owner, |options| options.agreement)
            .unwrap_or_default()
    }

    /// What the nearest zone around `name` says that says anything.
    fn nearest<'a, T>(&'a self, name: &DnsName, says: impl Fn(&'a ZoneOptions) -> Option<T>) -> Option<T> {
        let enclosing = self
            .configured
            .iter()
            .filter(|(apex, _)| name.is_within(apex))
            .filter_map(|(apex, options)| Some((apex, says(options)?)));
        let nearest = enclosing.max_by_key(|(apex, _)| apex.as_str().len());
        nearest.map(|(_, said)| said)
    }

    /// The vantage resolvers of the nearest zone that names some, or none.
    pub(super) fn vantage(&self, owner: &DnsName) -> Option<&[Resolver]> {
        self.nearest(owner, |options| options.vantage.as_deref())
    }

    /// The zone of `owner` where its authorities are not asked. By resolvers where they can be asked at all; else the
    /// configured zone, which the operator names rightly.
    pub(super) async fn indirect(
        &self,
        configured: &DnsName,
        visibility: Visibility,
        owner: &DnsName,
    ) -> Result<Zone, LocateError> {
        let apex = match (visibility, owner.parent()) {
            (Visibility::Doh, Some(above)) => self.cut(above, owner).await?,
            _ => configured.clone(),
        };
        Ok(Zone {
            apex,
            servers: Vec::new(),
            unresolved: Vec::new(),
            configured: true,
        })
    }

    /// The zone that `owner` lies in, as far as it can be told without asking any
    /// resolver about `owner` itself: authorities may still refer further down.
    pub(super) async fn enclosing(&self, owner: &DnsName) -> Result<Zone, LocateError> {
        if let Some(zone) = self.configured(owner, owner).await? {
            return Ok(zone);
        }
        let above = owner
            .parent()
            .ok_or_else(|| LocateError::NoZone { name: owner.clone() })?;
        self.found(above, owner).await
    }

    /// The zone that `name` lies in, about which resolvers may be asked; not so about what is `off_limits` below it.
    pub(super) async fn holding(&self, name: &DnsName, off_limits: &DnsName) -> Result<Zone, LocateError> {
        match self.configured(name, off_limits).await? {
            Some(zone) => Ok(zone),
            None => self.found(name.clone(), off_limits).await,
        }
    }

    /// True when the operator says who serves `name`.
    pub(super) fn is_configured(&self, name: &DnsName) -> bool {
        self.enclosing_options(name).is_some()
    }

    /// True when the nearest zone that is configured around `name` says whom to ask, be it authorities or resolvers.
    pub(super) fn is_chosen(&self, name: &DnsName) -> bool {
        let says = |zone: &ZoneOptions| {
            let is_asked = !zone.authorities.is_empty() || !zone.resolvers.is_empty();
            (is_asked || zone.visibility.is_some()).then_some(is_asked)
        };
        self.nearest(name, says).unwrap_or_default()
    }

    /// Those that tell what is not asked of authorities.
    pub(super) fn resolvers(&self) -> &Resolvers {
        &self.resolvers
    }

    /// The zone that the resolvers know `name` to lie in.
    async fn found(&self, name: DnsName, off_limits: &DnsName) -> Result<Zone, LocateError> {
        let apex = self.cut(name, off_limits).await?;
        let hosts = self.hosts_of(&apex, off_limits).await?;
        self.delegated(
            apex,
            hosts.into_iter().map(|host| (host, Vec::new())).collect(),
            off_limits,
        )
        .await
    }

    /// The zone delegated to `hosts`, with the glue that came along.
    pub(super) async fn delegated(
        &self,
        apex: DnsName,
        hosts: Vec<(DnsName, Vec<IpAddr>)>,
        off_limits: &DnsName,
    ) -> Result<Zone, LocateError> {
        if hosts.len() > MAX_SERVERS {
            return Err(LocateError::TooManyServers {
                zone: apex,
                count: hosts.len(),
            });
        }
        let found = hosts
            .iter()
            .map(|(host, glue)| self.server(host, glue, self.port, off_limits));
        assemble(apex, join_all(found).await)
    }

    /// What is configured for the zone with the longest name that encloses `name`.
    fn enclosing_options(&self, name: &DnsName) -> Option<(&DnsName, &ZoneOptions)> {
        self.configured
            .iter()
            .filter(|(apex, options)| !options.authorities.is_empty() && name.is_within(apex))
            .max_by_key(|(apex, _)| apex.as_str().len())
    }

    /// The configured zone that encloses `name`.
    async fn configured(&self, name: &DnsName, off_limits: &DnsName) -> Result<Option<Zone>, LocateError> {
        let Some((apex, options)) = self.enclosing_options(name) else {
            return Ok(None);
        };
        let found = join_all(options.authorities.iter().map(|authority| async move {
            match authority {
                Authority::Address(address) => Ok(Server {
                    name: None,
                    addresses: vec![*address],
                }),
                Authority::Host(host, port) => self.server(host, &[], *port, off_limits).await,
            }
        }));
        let zone = assemble(apex.clone(), found.await)?;
        Ok(Some(Zone {
            configured: true,
            ..zone
        }))
    }

    async fn server(
        &self,
        host: &DnsName,
        glue: &[IpAddr],
        port: u16,
        off_limits: &DnsName,
    ) -> Result<Server, Unresolved> {
        let addresses = match glue {
            [] => self.addresses_of(host, off_limits).await,
            glue => Ok(glue.to_vec()),
        };
        let unresolved = |failure| Unresolved {
            name: host.clone(),
            failure,
        };
        match addresses {
            Ok(addresses) if addresses.is_empty() => Err(unresolved(None)),
            Ok(addresses) => Ok(Server {
                name: Some(host.clone()),
                addresses: addresses
                    .into_iter()
                    .take(2 * MAX_ADDRESSES)
                    .map(|address| (address, port).into())
                    .collect(),
            }),
            Err(failure) => Err(unresolved(Some(failure))),
        }
    }

    /// The apex of the zone that encloses `start`.
    async fn cut(&self, start: DnsName, off_limits: &DnsName) -> Result<DnsName, LocateError> {
        let (resolvers, name, off_limits) = (Arc::clone(&self.resolvers), start.clone(), off_limits.clone());
        self.cuts
            .get(start, || {
                Box::pin(async move { find_cut(&resolvers, name, &off_limits).await })
            })
            .await
    }

    async fn hosts_of(&self, apex: &DnsName, off_limits: &DnsName) -> Result<Vec<DnsName>, LocateError> {
        let (resolvers, apex, off_limits) = (Arc::clone(&self.resolvers), apex.clone(), off_limits.clone());
        let key = apex.clone();
        self.hosts
            .get(key, || {
                Box::pin(async move { find_hosts(&resolvers, apex, &off_limits).await })
            })
            .await
    }

    async fn addresses_of(&self, host: &DnsName, off_limits: &DnsName) -> Result<Vec<IpAddr>, ResolverError> {
        // before the cache: another challenge may have other limits
        if host.is_within(off_limits) {
            let question = Question::recursive(host.clone(), Kind::A);
            return Err(ResolverError::OffLimits {
                question,
                off_limits: off_limits.clone(),
            });
        }
        let (resolvers, name, off_limits) = (Arc::clone(&self.resolvers), host.clone(), off_limits.clone());
        self.addresses
            .get(host.clone(), || {
                Box::pin(async move { find_addresses(&resolvers, name, &off_limits).await })
            })
            .await
    }
}

fn assemble(apex: DnsName, found: Vec<Result<Server, Unresolved>>) -> Result<Zone, LocateError> {
    let mut zone = Zone {
        apex,
        servers: Vec::new(),
        unresolved: Vec::new(),
        configured: false,
    };
    for server in found {
        match server {
            Ok(server) => zone.servers.push(server),
            Err(host) => zone.unresolved.push(host),
        }
    }
    if zone.servers.is_empty() {
        return Err(LocateError::NoAddresses {
            zone: zone.apex,
            unresolved: zone.unresolved,
        });
    }
    Ok(zone)
}

/// Walks up from `start` until an SOA tells the apex. Most often the first
/// answer does: a negative one carries the SOA of the zone it comes from.
async fn find_cut(
    resolvers: &Resolvers,
    start: DnsName,
    off_limits: &DnsName,
) -> Result<Timed<DnsName>, LocateError> {
    let mut name = Some(start.clone());
    while let Some(candidate) = name {
        let question = Question::recursive(candidate.clone(), Kind::Soa);
        let answer = match resolvers.ask(&question, off_limits).await {
            Ok(answer) => answer,
            // its target's zone is broken, which says nothing about the zone that it lies in
            Err(_) if is_alias(resolvers, &candidate, off_limits).await => {
                name = candidate.parent();
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let ttl = Some(answer.ttl()).filter(|ttl| !ttl.is_zero()).unwrap_or(NO_TTL);
        if answer.is_apex(&candidate) {
            return Ok((candidate, ttl));
        }
        if let Some(apex) = answer.enclosing_apex(&candidate) {
            return Ok((apex, ttl));
        }
        name = candidate.parent();
    }
    Err(LocateError::NoZone { name: start })
}

/// True where resolvers know `name` for an alias, and so for no apex. They follow it for any type but CNAME (RFC 1034
/// 3.6.2), and then fail if its target does.
async fn is_alias(resolvers: &Resolvers, name: &DnsName, off_limits: &DnsName) -> bool {
    let question = Question::recursive(name.clone(), Kind::Cname);
    let answer = resolvers.ask(&question, off_limits).await;
    answer.is_ok_and(|answer| answer.cname(name).is_some())
}

async fn find_hosts(
    resolvers: &Resolvers,
    zone: DnsName,
    off_limits: &DnsName,
) -> Result<Timed<Vec<DnsName>>, LocateError> {
    let answer = resolvers
        .ask(&Question::recursive(zone.clone(), Kind::Ns), off_limits)
        .await?;
    match answer.ns(&zone) {
        hosts if hosts.is_empty() => Err(LocateError::NoNameServers { zone }),
        hosts => Ok((hosts, answer.ttl())),
    }
}

/// Both families; one that could not be asked about is a failure only if the
/// other has nothing either.
async fn find_addresses(
    resolvers: &Resolvers,
    host: DnsName,
    off_limits: &DnsName,
) -> Result<Timed<Vec<IpAddr>>, ResolverError> {
    let (a, aaaa) = (
        Question::recursive(host.clone(), Kind::A),
        Question::recursive(host.clone(), Kind::Aaaa),
    );
    let (v4, v6) = join(resolvers.ask(&a, off_limits), resolvers.ask(&aaaa, off_limits)).await;
    let mut found = (Vec::new(), Duration::MAX);
    for answer in [&v4, &v6].into_iter().flatten() {
        let mut addresses = answer.addresses(&host);
        addresses.truncate(MAX_ADDRESSES);
        found.1 = found.1.min(answer.ttl());
        found.0.append(&mut addresses);
    }
    match (v4.and(v6), found.0.is_empty()) {
        (Err(error), true) => Err(error),
        // half an answer: not to be remembered
        (Err(_), false) => Ok((found.0, Duration::ZERO)),
        (Ok(_), _) => Ok(found),
    }
}
