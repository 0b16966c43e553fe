//! Where a server is, and how it is spoken to.

use std::{fmt, net::SocketAddr};

use crate::types::DnsName;

/// A server at one address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub channel: Channel,
}

/// How a server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// UDP, and TCP where that does not do (RFC 1035 4.2). All authorities are spoken to so.
    Plain,
    /// TCP alone (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls {
        /// Whom the certificate must be for; `None`: the address.
        name: Option<DnsName>,
    },
    /// DNS over HTTPS (RFC 8484).
    Https {
        /// Whom the certificate must be for, and the host of the address asked; `None`: the IP address.
        name: Option<DnsName>,
        /// What stands behind host and port; begins with a slash.
        path: String,
    },
}

impl Channel {
    /// True when nobody between can read or change what is said.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Channel::Tls { .. } | Channel::Https { .. })
    }
}

/// A recursive resolver as an operator names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolver {
    /// At a known address.
    At(Endpoint),
    /// Encrypted, wherever its name leads. Those given by address that answer for the name are asked for that.
    Named {
        /// The host, which the certificate must be for.
        name: DnsName,
        /// The port.
        port: u16,
        /// How it is spoken to.
        channel: Channel,
    },
}

impl Resolver {
    /// How it is spoken to.
    pub fn channel(&self) -> &Channel {
        match self {
            Resolver::At(endpoint) => &endpoint.channel,
            Resolver::Named { channel, .. } => channel,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Endpoint {
            address,
            channel: Channel::Plain,
        }
    }
}

impl From<SocketAddr> for Resolver {
    fn from(address: SocketAddr) -> Self {
        Resolver::At(address.into())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = |name: &Option<DnsName>| name.as_ref().map_or_else(String::new, |name| format!("{name}@"));
        let address = self.address;
        match &self.channel {
            Channel::Plain => write!(f, "{address}"),
            Channel::Tcp => write!(f, "tcp://{address}"),
            Channel::Tls { name } => write!(f, "tls://{}{address}", whom(name)),
            Channel::Https { name, path } => write!(f, "https://{}{address}{path}", whom(name)),
        }
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resolver::At(endpoint) => endpoint.fmt(f),
            Resolver::Named { name, port, channel } => match channel {
                Channel::Https { path, .. } => write!(f, "https://{name}:{port}{path}"),
                _ => write!(f, "tls://{name}:{port}"),
            },
        }
    }
}
