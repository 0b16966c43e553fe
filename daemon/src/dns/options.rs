use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    endpoint::Resolver,
    policy::{Agreement, Aliases},
    visibility::Visibility,
};
use crate::types::DnsName;

/// How DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Recursive resolvers; empty means those of `/etc/resolv.conf`.
    pub resolvers: Vec<Resolver>,
    /// Resolvers that must show a record too, once the authorities of its zone agree.
    pub vantage: Vec<Resolver>,
    /// Trust roots for encrypted resolvers, PEM, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for one answer from one server.
    pub query_timeout: Duration,
    /// What is known better than DNS tells, by zone apex.
    pub zones: BTreeMap<DnsName, ZoneOptions>,
    /// Port of the name servers that NS records name: 53, except in a lab that
    /// may not bind it.
    pub name_server_port: u16,
    /// How long all servers together may take to show a record. `None`:
    /// [`DEFAULT_PROPAGATION_TIMEOUT`], or what the provider knows to be typical if that is longer.
    pub propagation_timeout: Option<Duration>,
}

/// What is known of one zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneOptions {
    /// Ask these instead of the name servers in the zone's NS set: for hidden
    /// primaries, split horizon and ports other than 53.
    pub authorities: Vec<Authority>,
    /// Asked for names in this zone instead of [`Options::resolvers`].
    pub resolvers: Vec<Resolver>,
    /// Instead of [`Options::vantage`], for records in this zone.
    pub vantage: Option<Vec<Resolver>>,
    /// By whose word a record in this zone is visible; `None`: as in the zone around it.
    pub visibility: Option<Visibility>,
    /// What becomes of aliases at challenge names in this zone; `None`: as in the zone around it.
    pub aliases: Option<Aliases>,
    /// How many of its servers must show a record; `None`: as in the zone around it.
    pub agreement: Option<Agreement>,
}

/// An authoritative server to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Authority {
    /// An address and port.
    Address(SocketAddr),
    /// A host name, asked on all its addresses, and a port.
    Host(DnsName, u16),
}

/// RFC 1035 4.2.1 lets clients retry after 5 s; two tries then fit into common zone look-up deadlines.
pub const DEFAULT_QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// RFC 1035 4.2.
pub const NAME_SERVER_PORT: u16 = 53;
/// Hosts that update their servers once a minute exist in number; two rounds and a little.
pub const DEFAULT_PROPAGATION_TIMEOUT: Duration = Duration::from_secs(180);

impl Default for Options {
    fn default() -> Self {
        Options {
            resolvers: Vec::new(),
            vantage: Vec::new(),
            ca_file: None,
            query_timeout: DEFAULT_QUERY_TIMEOUT,
            zones: BTreeMap::new(),
            name_server_port: NAME_SERVER_PORT,
            propagation_timeout: None,
        }
    }
}
