//! The system's recursive resolvers, as resolv.conf(5) lists them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::Path,
};

/// Where the system keeps them.
pub(super) const PATH: &str = "/etc/resolv.conf";
/// resolv.conf(5) knows three; some systems list more.
const MAX_RESOLVERS: usize = 8;
const PORT: u16 = 53;

/// The resolvers listed in the file at `path`. As in the C library, a file that
/// is missing or lists none means a resolver on this machine.
pub(super) async fn read(path: &Path) -> Vec<SocketAddr> {
    let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
    let listed = parse(&text, interface_index);
    if listed.is_empty() {
        vec![(Ipv4Addr::LOCALHOST, PORT).into()]
    } else {
        listed
    }
}

fn parse(text: &str, index_of: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver"))
                .then(|| words.next())
                .flatten()
        })
        .filter_map(|address| match address.split_once('%') {
            Some((address, scope)) => {
                let scope = scope.parse().ok().or_else(|| index_of(scope))?;
                let address: Ipv6Addr = address.parse().ok()?;
                Some(SocketAddrV6::new(address, PORT, 0, scope).into())
            }
            None => Some((address.parse::<IpAddr>().ok()?, PORT).into()),
        })
        .take(MAX_RESOLVERS)
        .collect()
}

/// A link-local resolver names its interface.
fn interface_index(name: &str) -> Option<u32> {
    if name.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nameserver_lines_are_found_among_comments_options_and_nonsense() {
        let text = "# nameserver 192.0.2.9\n; nameserver 192.0.2.8\nsearch example.org\n\
                    nameserver 192.0.2.1\nnameserver\t2001:db8::1 # trailing\nnameserver fe80::1%eth7\n\
                    nameserver fe80::2%3\nnameserver nonsense\nnameserver\noptions edns0\n";
        let found: Vec<_> = parse(text, |name| (name == "eth7").then_some(7))
            .iter()
            .map(SocketAddr::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "192.0.2.1:53",
                "[2001:db8::1]:53",
                "[fe80::1%7]:53",
                "[fe80::2%3]:53"
            ]
        );
    }

    #[tokio::test]
    async fn a_missing_file_means_this_machine() {
        assert_eq!(
            read(Path::new("/nonexistent/resolv.conf")).await,
            ["127.0.0.1:53".parse().expect("an address")]
        );
    }
}
