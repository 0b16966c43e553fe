//! Addresses of servers, as the operator writes them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dns01_plugin_api::{Call, Limit};

use crate::exchange::Fault;

/// Port of DNS.
const DNS: u16 = 53;
/// How often a wait without a descriptor looks whether it was cancelled.
const SLICE: Duration = Duration::from_millis(100);

/// A server: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`,
/// `ns1.example.org` or `ns1.example.org:5353`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

/// Text that names no server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// The part behind the colon.
    #[error("`{0}` has no port from 1 to 65535 behind its colon")]
    Port(String),
    /// The part before it.
    #[error(
        "`{0}` is no address and no host name: write 192.0.2.1:53, [2001:db8::1]:53 or ns1.example.org:53"
    )]
    Host(String),
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // a bare IPv6 address has colons of its own
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self {
                host: Host::Address(address),
                port: DNS,
            });
        }
        let bad_host = || ServerError::Host(text.to_owned());
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(bad_host)?;
            let address = IpAddr::V6(address.parse::<Ipv6Addr>().map_err(|_| bad_host())?);
            let port = match rest.strip_prefix(':') {
                Some(port) => parse_port(text, port)?,
                None if rest.is_empty() => DNS,
                None => return Err(bad_host()),
            };
            return Ok(Self {
                host: Host::Address(address),
                port,
            });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, parse_port(text, port)?),
            None => (text, DNS),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self {
                host: Host::Address(address),
                port,
            });
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        // digits and dots alone are an address with a slip
        let numeric = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if numeric || name.len() > 253 || !name.split('.').all(label_ok) {
            return Err(bad_host());
        }
        Ok(Self {
            host: Host::Name(name.to_owned()),
            port,
        })
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16, ServerError> {
    match port.parse() {
        Ok(0) | Err(_) => Err(ServerError::Port(text.to_owned())),
        Ok(port) => Ok(port),
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Server {
    /// Its addresses, from the system's resolver if it is a name.
    pub(crate) fn addresses(&self, call: &Call<'_>, limit: Limit) -> Result<Vec<SocketAddr>, Fault> {
        let name = match &self.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, self.port)]),
            Host::Name(name) => (name.clone(), self.port),
        };
        // getaddrinfo takes no deadline: a thread of its own waits for it, and ends by
        // itself when the resolver's own timeout does
        let (found, wait) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("resolve".to_owned())
            .spawn(move || {
                // nobody may be waiting any more
                let _ = found.send(name.to_socket_addrs().map(Vec::from_iter));
            })
            .map_err(|source| Fault::Io {
                doing: "start a thread",
                source,
            })?;
        loop {
            if call.is_cancelled() {
                return Err(Fault::Cancelled);
            }
            match wait.recv_timeout(limit.remaining().min(SLICE)) {
                Ok(Ok(addresses)) => return Ok(addresses),
                Ok(Err(source)) => {
                    return Err(Fault::Io {
                        doing: "look up its address",
                        source,
                    });
                }
                Err(mpsc::RecvTimeoutError::Timeout) if !limit.remaining().is_zero() => {}
                Err(_) => {
                    return Err(Fault::Silent {
                        doing: "look up its address",
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_every_usual_form() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
            ("ns1.example.org", "ns1.example.org:53"),
            ("ns1.example.org.:5353", "ns1.example.org:5353"),
            ("localhost:1", "localhost:1"),
        ] {
            assert_eq!(text.parse::<Server>().expect(text).to_string(), shown);
        }
    }

    #[test]
    fn slips_are_refused() {
        for text in [
            "",
            ":53",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.1:",
            "192.0.2",
            "192.0.2.256",
            "[192.0.2.1]:53",
            "[2001:db8::1",
            "[2001:db8::1]53",
            "2001:db8::1:65536x",
            "ns1..example.org",
            "https://ns1.example.org",
            "ns1.example.org:dns",
            "ns 1",
        ] {
            assert!(text.parse::<Server>().is_err(), "{text}");
        }
    }
}
