//! Addresses of name servers and resolvers, as operators write them.

use std::net::{IpAddr, SocketAddr};

use crate::{
    config::fault::Problem,
    dns::{Authority, Channel, Endpoint, Resolver},
    types::{DnsName, NameError},
};

/// The port of DNS (RFC 1035 4.2).
const DNS_PORT: u16 = 53;
/// The port of DNS over TLS (RFC 7858 3.1).
const TLS_PORT: u16 = 853;
const HTTPS_PORT: u16 = 443;
/// What nearly all resolvers have, and what RFC 8484 shows.
const USUAL_PATH: &str = "/dns-query";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EndpointProblem {
    #[error("`{0}` is not an IP address, with or without a port")]
    NotAnAddress(String),
    #[error("`{text}` is neither an IP address nor the name of a server: {error}")]
    NotAServer { text: String, error: NameError },
    #[error("`{0}` has no port that can be asked")]
    Port(String),
    #[error("`{0}` is a resolver given by name: DNS without encryption needs its address")]
    PlainName(String),
    #[error("`{0}` has a path that cannot be asked")]
    Path(String),
    #[error("`{0}` is no resolver")]
    Scheme(String),
}

impl Problem for EndpointProblem {
    fn help(&self) -> Option<String> {
        Some(match self {
            EndpointProblem::NotAnAddress(_) => {
                "write `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `\"[2001:db8::1]:5353\"`".into()
            }
            EndpointProblem::NotAServer { .. } => {
                "write `ns1.example.org`, `ns1.example.org:5353` or an IP address".into()
            }
            EndpointProblem::Port(_) => "write a port from 1 to 65535, or none for the usual one".into(),
            EndpointProblem::PlainName(_) => {
                "write its IP address, or `tls://NAME@ADDRESS` for one that has encryption".into()
            }
            EndpointProblem::Path(_) => "write it as in `https://dns.example/dns-query`, without `?` and `#`".into(),
            EndpointProblem::Scheme(_) => {
                "write an IP address, `tcp://ADDRESS`, `tls://NAME@ADDRESS` or `https://NAME@ADDRESS/dns-query`".into()
            }
        })
    }
}

/// An address with a port, 53 unless given.
pub(super) fn address(text: &str) -> Result<SocketAddr, EndpointProblem> {
    address_or(text, DNS_PORT)
}

fn address_or(text: &str, port: u16) -> Result<SocketAddr, EndpointProblem> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => Err(EndpointProblem::Port(text.to_owned())),
        Ok(address) => Ok(address),
        Err(_) => Err(EndpointProblem::NotAnAddress(text.to_owned())),
    }
}

/// An address or a host, with a port, 53 unless given.
pub(super) fn authority(text: &str) -> Result<Authority, EndpointProblem> {
    match address(text) {
        Ok(address) => return Ok(Authority::Address(address)),
        Err(problem @ EndpointProblem::Port(_)) => return Err(problem),
        Err(_) => {}
    }
    let (name, port) = host_or(text, DNS_PORT)?;
    Ok(Authority::Host(name, port))
}

fn host_or(text: &str, port: u16) -> Result<(DnsName, u16), EndpointProblem> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port: u16 = port.parse().map_err(|_| EndpointProblem::Port(text.to_owned()))?;
            (host, port)
        }
        None => (text, port),
    };
    if port == 0 {
        return Err(EndpointProblem::Port(text.to_owned()));
    }
    Ok((name(host, text)?, port))
}

fn name(host: &str, text: &str) -> Result<DnsName, EndpointProblem> {
    host.parse().map_err(|error| EndpointProblem::NotAServer {
        text: text.to_owned(),
        error,
    })
}

/// A recursive resolver: `192.0.2.1`, `tcp://192.0.2.1`, `tls://dns.example@192.0.2.1`,
/// `https://dns.example@192.0.2.1/dns-query`; an encrypted one also by address or name alone.
pub(super) fn resolver(text: &str) -> Result<Resolver, EndpointProblem> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return match address(text) {
            Err(EndpointProblem::NotAnAddress(_)) if text.parse::<DnsName>().is_ok() => {
                Err(EndpointProblem::PlainName(text.to_owned()))
            }
            other => other.map(Resolver::from),
        };
    };
    match scheme {
        "tcp" => Ok(Resolver::At(Endpoint {
            address: address(rest)?,
            channel: Channel::Tcp,
        })),
        "tls" => encrypted(rest, TLS_PORT, |name| Channel::Tls { name }),
        "https" => {
            // as resolvers publish it (RFC 8484 3)
            let rest = rest.strip_suffix("{?dns}").unwrap_or(rest);
            let (host, path) = match rest.find('/') {
                Some(slash) => rest.split_at(slash),
                None => (rest, USUAL_PATH),
            };
            let odd = |c: char| c.is_ascii_control() || !c.is_ascii() || " ?#{}\\\"<>".contains(c);
            if path.contains(odd) {
                return Err(EndpointProblem::Path(text.to_owned()));
            }
            encrypted(host, HTTPS_PORT, |name| Channel::Https {
                name,
                path: path.to_owned(),
            })
        }
        _ => Err(EndpointProblem::Scheme(text.to_owned())),
    }
}

/// `NAME@ADDRESS`, or one of the two.
fn encrypted(
    text: &str,
    port: u16,
    channel: impl Fn(Option<DnsName>) -> Channel,
) -> Result<Resolver, EndpointProblem> {
    if let Some((host, at)) = text.split_once('@') {
        return Ok(Resolver::At(Endpoint {
            address: address_or(at, port)?,
            channel: channel(Some(name(host, text)?)),
        }));
    }
    match address_or(text, port) {
        Ok(address) => Ok(Resolver::At(Endpoint {
            address,
            channel: channel(None),
        })),
        Err(EndpointProblem::NotAnAddress(_)) => {
            let (name, port) = host_or(text, port)?;
            Ok(Resolver::Named {
                channel: channel(Some(name.clone())),
                name,
                port,
            })
        }
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_server_is_understood() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
        ] {
            assert_eq!(address(text).expect("an address").to_string(), shown);
        }
        let host = "ns1.example.org".parse().expect("a name");
        assert_eq!(authority("ns1.example.org:5353"), Ok(Authority::Host(host, 5353)));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            ":53",
            "192.0.2.1:0",
            "ns1.example.org:x",
            "ns1.example.org:70000",
            "a b",
            "*.example",
        ] {
            assert!(authority(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_form_of_a_resolver_is_understood() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
            ("tcp://192.0.2.1", "tcp://192.0.2.1:53"),
            ("tls://192.0.2.1", "tls://192.0.2.1:853"),
            ("tls://[2001:db8::1]:8853", "tls://[2001:db8::1]:8853"),
            ("tls://dns.example@192.0.2.1", "tls://dns.example@192.0.2.1:853"),
            ("tls://dns.example", "tls://dns.example:853"),
            ("tls://dns.example:8853", "tls://dns.example:8853"),
            ("https://192.0.2.1/q", "https://192.0.2.1:443/q"),
            (
                "https://dns.example@2001:db8::1",
                "https://dns.example@[2001:db8::1]:443/dns-query",
            ),
            (
                "https://dns.example/dns-query{?dns}",
                "https://dns.example:443/dns-query",
            ),
        ] {
            assert_eq!(resolver(text).expect("a resolver").to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_resolver_is_refused() {
        for text in [
            "dns.example",
            "tcp://dns.example",
            "udp://192.0.2.1",
            "http://192.0.2.1/dns-query",
            "tls://",
            "tls://@192.0.2.1",
            "tls://dns.example@elsewhere.example",
            "tls://192.0.2.1:0",
            "https://dns.example/a?b",
            "https://dns.example/a b",
        ] {
            assert!(resolver(text).is_err(), "{text}");
        }
    }
}
