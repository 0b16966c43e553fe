//! From a challenge name to the zone and servers that must show its record:
//! zone cut, aliases (RFC 8555 8.4 lets a CNAME lead away), delegations.

use std::{sync::Arc, time::Duration};

use super::{
    answer::Answer,
    authority::{self, Verdict},
    consult::first_usable,
    endpoint::Resolver,
    failure::Failure,
    location::{LocateError, Location, MAX_ALIASES, MAX_REFERRALS, Unfollowed},
    policy::Aliases,
    question::{Kind, Question},
    transport::Transport,
    visibility::Visibility,
    zone::{Zone, Zones, addresses_of},
};
use crate::{
    random::{Random, SystemRandom},
    types::DnsName,
};

/// Octets of a label of random digits that no sibling has by accident.
const SHORTEST_RANDOM: usize = 9;

/// Follows names to their zones.
#[derive(Debug)]
pub(super) struct Locator {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) zones: Zones,
    pub(super) vantage: Vec<Resolver>,
    pub(super) timeout: Duration,
}

/// Where one name of the chain ends.
enum Place {
    /// In this zone.
    Here(Zone, Option<Unfollowed>),
    /// At another name.
    Alias(DnsName),
}

impl Locator {
    pub(super) async fn locate(&self, challenge_name: &DnsName) -> Result<Location, LocateError> {
        let mut chain = Vec::new();
        let mut owner = challenge_name.clone();
        loop {
            match self.place(&owner).await? {
                Place::Here(zone, unfollowed) => {
                    let visibility = self.zones.visibility(&owner);
                    return Ok(Location {
                        visibility: visibility.map_or(Visibility::Authorities, |(_, visibility)| visibility),
                        agreement: self.zones.agreement(&owner),
                        challenge_name: challenge_name.clone(),
                        owner,
                        zone: zone.apex,
                        chain,
                        unfollowed,
                        servers: zone.servers,
                        unresolved: zone.unresolved,
                    });
                }
                Place::Alias(target) => {
                    chain.push(std::mem::replace(&mut owner, target));
                    let known = chain.contains(&owner);
                    if known || chain.len() > MAX_ALIASES {
                        chain.push(owner);
                        let error = if known {
                            LocateError::AliasLoop { chain }
                        } else {
                            LocateError::AliasChain { chain }
                        };
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Finds the zone of `name` and asks its authorities, not a resolver, whether
    /// `name` is an alias or delegated further.
    async fn place(&self, name: &DnsName) -> Result<Place, LocateError> {
        if let Some((configured, visibility)) = self.zones.visibility(name)
            && visibility.is_indirect()
        {
            // Whether the name is an alias stays open: a resolver that is asked would remember that there is
            // nothing, and hide the record from all who ask it until it forgets.
            let zone = self.zones.indirect(configured, visibility, name).await?;
            return Ok(Place::Here(zone, None));
        }
        let mut zone = self.zones.enclosing(name).await?;
        let start = zone.apex.clone();
        for _ in 0..=MAX_REFERRALS {
            let asked = zone.apex.clone();
            let judge = |answer: Answer| authority::read(&answer, &asked, name, zone.configured);
            match self.ask(&zone, name, Kind::Cname, judge).await? {
                Verdict::Here { apex } if apex == zone.apex || zone.configured => {
                    return Ok(Place::Here(Zone { apex, ..zone }, None));
                }
                Verdict::Here { apex } => {
                    let zone = self.child_on_same_server(&zone, apex, name).await?;
                    return Ok(Place::Here(zone, None));
                }
                Verdict::Delegated(referral) => {
                    zone = self.zones.delegated(referral.apex, referral.hosts, name).await?;
                }
                Verdict::Alias {
                    target: Err(target), ..
                } => {
                    return Err(LocateError::AliasTarget {
                        name: name.clone(),
                        target,
                    });
                }
                Verdict::Alias {
                    target: Ok(target),
                    by_dname,
                } => {
                    if !by_dname && self.is_wildcard(&zone, name, &target).await? {
                        return Ok(Place::Here(zone, Some(Unfollowed::Wildcard(target))));
                    }
                    let name = name.clone();
                    return match self.zones.aliases(&name) {
                        Aliases::Follow => Ok(Place::Alias(target)),
                        Aliases::Refuse => Err(LocateError::AliasRefused { name, target }),
                        Aliases::Plain if by_dname => Err(LocateError::BelowDname { name, target }),
                        Aliases::Plain => Ok(Place::Here(zone, Some(Unfollowed::Plain(target)))),
                    };
                }
            }
        }
        Err(LocateError::TooManyReferrals {
            zone: start,
            name: name.clone(),
        })
    }

    /// A server that serves a zone and its child answers from the child: its SOA
    /// shows the cut, and its NS set may still differ from the parent's.
    async fn child_on_same_server(
        &self,
        zone: &Zone,
        apex: DnsName,
        name: &DnsName,
    ) -> Result<Zone, LocateError> {
        let hosts = self
            .ask(zone, &apex, Kind::Ns, |answer| match answer.ns(&apex) {
                _ if !answer.is_conclusive() => Err(Failure::Rcode(answer.rcode)),
                hosts if hosts.is_empty() || !answer.authoritative => Err(Failure::NotAuthoritative),
                hosts => Ok(answer.with_glue(hosts, &zone.apex)),
            })
            .await?;
        self.zones.delegated(apex, hosts, name).await
    }

    /// True when a sibling that nobody can have created leads to the same target.
    async fn is_wildcard(&self, zone: &Zone, name: &DnsName, target: &DnsName) -> Result<bool, LocateError> {
        let Some(sibling) = sibling_of(name) else {
            return Ok(false);
        };
        self.ask(zone, &sibling, Kind::Cname, |answer| {
            match answer.cname(&sibling) {
                _ if !answer.is_conclusive() => Err(Failure::Rcode(answer.rcode)),
                Some(found) => Ok(found.as_ref() == Ok(target)),
                None => Ok(false),
            }
        })
        .await
    }

    /// What `judge` makes of the first answer of a server of `zone` that it accepts.
    pub(super) async fn ask<T>(
        &self,
        zone: &Zone,
        name: &DnsName,
        kind: Kind,
        judge: impl Fn(Answer) -> Result<T, Failure>,
    ) -> Result<T, LocateError> {
        let question = Question::authoritative(name.clone(), kind);
        first_usable(
            &*self.transport,
            &addresses_of(&zone.servers),
            &question,
            self.timeout,
            judge,
        )
        .await
        .map_err(|failures| LocateError::NoAuthority {
            zone: zone.apex.clone(),
            name: name.clone(),
            failures,
        })
    }
}

/// A name beside `name` that nobody has thought of. Near the longest name that there is it is no longer than `name`
/// itself, so that it fits; `None` where so short a name could be somebody's.
fn sibling_of(name: &DnsName) -> Option<DnsName> {
    let parent = name.parent()?;
    let random = SystemRandom.u64();
    let telling = parent.child(&format!("_dns01d-{random:016x}"));
    telling.ok().or_else(|| {
        let length = name.labels().next().map_or(0, str::len);
        let short = format!("_{random:016x}");
        let label = short.get(..length).filter(|_| length >= SHORTEST_RANDOM)?;
        parent.child(label).ok()
    })
}
