//! Addresses of name servers, as operators write them.

use std::net::{IpAddr, SocketAddr};

use crate::{
    config::fault::Problem,
    dns::Authority,
    types::{DnsName, NameError},
};

/// The port of DNS (RFC 1035 4.2).
const DNS_PORT: u16 = 53;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EndpointProblem {
    #[error("`{0}` is not an IP address, with or without a port")]
    NotAnAddress(String),
    #[error("`{text}` is neither an IP address nor the name of a server: {error}")]
    NotAServer { text: String, error: NameError },
    #[error("`{0}` has no port that can be asked")]
    Port(String),
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
            EndpointProblem::Port(_) => "write a port from 1 to 65535, or none for 53".into(),
        })
    }
}

/// An address with a port, 53 unless given.
pub(super) fn address(text: &str) -> Result<SocketAddr, EndpointProblem> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, DNS_PORT));
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
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port: u16 = port.parse().map_err(|_| EndpointProblem::Port(text.to_owned()))?;
            (host, port)
        }
        None => (text, DNS_PORT),
    };
    if port == 0 {
        return Err(EndpointProblem::Port(text.to_owned()));
    }
    let name: DnsName = host.parse().map_err(|error| EndpointProblem::NotAServer {
        text: text.to_owned(),
        error,
    })?;
    Ok(Authority::Host(name, port))
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
}
