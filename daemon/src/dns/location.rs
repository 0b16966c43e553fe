//! Where a challenge record belongs, and who must show it.

use std::{fmt, net::SocketAddr, time::Duration};

use super::{
    failure::QueryError,
    policy::Agreement,
    resolver::{ResolverError, join_texts},
    visibility::Visibility,
};
use crate::types::DnsName;

/// Where the record of one challenge name belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The name the CA looks up.
    pub challenge_name: DnsName,
    /// The name that holds the record: the challenge name, or where its CNAMEs lead.
    pub owner: DnsName,
    /// The apex of the zone that `owner` lies in.
    pub zone: DnsName,
    /// The aliases followed, from the challenge name on; empty if there are none.
    pub chain: Vec<DnsName>,
    /// A CNAME that covers `owner`, and was not followed.
    pub unfollowed: Option<Unfollowed>,
    /// By whose word a record here is visible.
    pub visibility: Visibility,
    /// How many of the servers must show it.
    pub agreement: Agreement,
    /// The authoritative servers of `zone`; at least one, each with at least one address. None where they are not
    /// asked.
    pub servers: Vec<Server>,
    /// Name servers of `zone` whose addresses are not known.
    pub unresolved: Vec<Unresolved>,
}

/// Why a CNAME was not followed, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfollowed {
    /// It is a wildcard's, and gone when the record is there.
    Wildcard(DnsName),
    /// [`super::Aliases::Plain`] says so.
    Plain(DnsName),
}

impl fmt::Display for Unfollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfollowed::Wildcard(target) => write!(
                f,
                "a wildcard's CNAME to {target} covers it until the record stands; it is not followed"
            ),
            Unfollowed::Plain(target) => write!(
                f,
                "a CNAME to {target} stands there and is not followed (`aliases: plain`); it hides the record unless it \
                 goes when the record comes"
            ),
        }
    }
}

/// An authoritative server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name in the NS set; `None` for one configured by address.
    pub name: Option<DnsName>,
    /// All its addresses; at least one.
    pub addresses: Vec<SocketAddr>,
}

/// A name server that nobody can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Its name in the NS set.
    pub name: DnsName,
    /// `None`: the name has no address. Else why that could not be told.
    pub failure: Option<ResolverError>,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            None => write!(f, "{} has no address", self.name),
            Some(failure) => write!(f, "{}: {failure}", self.name),
        }
    }
}

/// Why the place of a challenge record is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// No resolver told.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// No zone was found above the name.
    #[error(
        "no zone holds {name}: not even its top-level domain exists for the resolver; \
             if the zone is internal, list its `authorities`"
    )]
    NoZone {
        /// The name whose zone was sought.
        name: DnsName,
    },
    /// The zone has no usable NS records.
    #[error("ns of {zone}: the resolver knows no name servers for this zone; list its `authorities`")]
    NoNameServers {
        /// The apex.
        zone: DnsName,
    },
    /// No name server of the zone has a known address.
    #[error("no name server of {zone} has an address: {}", join_texts(unresolved))]
    NoAddresses {
        /// The apex.
        zone: DnsName,
        /// What was found instead.
        unresolved: Vec<Unresolved>,
    },
    /// An NS set beyond every sensible size.
    #[error("{zone} has {count} name servers; more than {MAX_SERVERS} are not asked")]
    TooManyServers {
        /// The apex.
        zone: DnsName,
        /// The size of the set.
        count: usize,
    },
    /// No server of the zone answered with authority.
    #[error(
        "no name server of {zone} answers for {name}: {}{}",
        join_texts(failures),
        closed(failures)
    )]
    NoAuthority {
        /// The apex.
        zone: DnsName,
        /// The name asked about.
        name: DnsName,
        /// What each server did instead.
        failures: Vec<QueryError>,
    },
    /// Referrals that lead on and on.
    #[error("more than {MAX_REFERRALS} referrals below {zone} for {name}")]
    TooManyReferrals {
        /// The apex where they began.
        zone: DnsName,
        /// The name asked about.
        name: DnsName,
    },
    /// Aliases that lead back to a name already seen.
    #[error("cname loop: {}", arrows(chain))]
    AliasLoop {
        /// The names in order; the last one is also an earlier one.
        chain: Vec<DnsName>,
    },
    /// More aliases than any resolver of a CA follows.
    #[error("more than {MAX_ALIASES} cnames in a row: {}", arrows(chain))]
    AliasChain {
        /// The names in order.
        chain: Vec<DnsName>,
    },
    /// An alias to something that is not a host or challenge name.
    #[error("cname of {name} leads to `{target}`, which cannot hold a challenge record")]
    AliasTarget {
        /// The alias.
        name: DnsName,
        /// Its target, in zone file form.
        target: String,
    },
    /// An alias where the operator wants none.
    #[error(
        "{name} is an alias of {target}, and `aliases` is `refuse` there: remove the alias, or set `aliases: follow` for \
         `{name}` under `dns.zones`"
    )]
    AliasRefused {
        /// The alias.
        name: DnsName,
        /// Where it leads.
        target: DnsName,
    },
    /// No record can stand at the name itself (RFC 6672 2.4).
    #[error(
        "{name} lies below a DNAME and so is {target}: no record can stand there, whatever `aliases: plain` says; set \
         `aliases: follow` for it under `dns.zones`"
    )]
    BelowDname {
        /// The name.
        name: DnsName,
        /// Where it leads.
        target: DnsName,
    },
    /// The servers together were too slow.
    #[error("the zone of {name} was not found within {waited:?}")]
    Deadline {
        /// The challenge name.
        name: DnsName,
        /// How long we tried.
        waited: Duration,
    },
}

/// Aliases followed in a row; unbound follows 11, BIND 16, and sane zones have one or two.
pub(super) const MAX_ALIASES: usize = 8;
/// Referrals followed below one zone.
pub(super) const MAX_REFERRALS: usize = 8;
/// The root and most top-level domains have 13 at most.
pub(super) const MAX_SERVERS: usize = 32;

/// What helps against a failure of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Time: a server or the network was not in the mood.
    Backoff,
    /// A change in the zone or in our configuration.
    Never,
}

impl LocateError {
    /// What helps.
    pub fn retry(&self) -> Retry {
        match self {
            LocateError::Resolver(ResolverError::NoAnswer(_))
            | LocateError::NoAuthority { .. }
            | LocateError::Deadline { .. } => Retry::Backoff,
            LocateError::NoAddresses { unresolved, .. } => {
                let unsure = unresolved.iter().any(|host| host.failure.is_some());
                if unsure { Retry::Backoff } else { Retry::Never }
            }
            LocateError::Resolver(ResolverError::OffLimits { .. })
            | LocateError::NoZone { .. }
            | LocateError::NoNameServers { .. }
            | LocateError::TooManyServers { .. }
            | LocateError::TooManyReferrals { .. }
            | LocateError::AliasLoop { .. }
            | LocateError::AliasChain { .. }
            | LocateError::AliasTarget { .. }
            | LocateError::AliasRefused { .. }
            | LocateError::BelowDname { .. } => Retry::Never,
        }
    }
}

/// What may help where port 53 seems to be closed.
pub(super) const CLOSED: &str = "; if port 53 is closed from here, set `visibility` of the zone under `dns.zones` to \
                                 `doh`, `provider-sync` or `{wait: DURATION}`";

fn closed(failures: &[QueryError]) -> &'static str {
    let silent = failures.iter().all(|error| error.failure.is_silence());
    if silent && !failures.is_empty() {
        CLOSED
    } else {
        ""
    }
}

fn arrows(chain: &[DnsName]) -> String {
    chain.iter().map(DnsName::as_str).collect::<Vec<_>>().join(" -> ")
}
