//! Sockets: UDP and TCP on the same port of every address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket};

use super::DnsError;

/// Ports tried until UDP and TCP have the same one on each address.
const PORT_TRIES: usize = 64;

/// UDP and TCP on one address.
pub(super) struct SocketPair {
    pub(super) addr: SocketAddr,
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
}

/// `listen`, and the same port on the other family's loopback if asked for.
pub(super) fn addresses(listen: SocketAddr, both_families: bool) -> Vec<SocketAddr> {
    let other = match listen.ip() {
        IpAddr::V4(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
    };
    let mut addresses = vec![listen];
    if both_families {
        addresses.push(SocketAddr::new(other, listen.port()));
    }
    addresses
}

/// UDP and TCP on every address, all on one port.
pub(super) async fn bind(wanted: &[SocketAddr]) -> Result<Vec<SocketPair>, DnsError> {
    let mut tries = 0;
    loop {
        match try_bind(wanted).await {
            Ok(sockets) => return Ok(sockets),
            // somebody holds the port that the kernel gave us for TCP on another socket
            Err(_) if wanted[0].port() == 0 && tries < PORT_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn try_bind(wanted: &[SocketAddr]) -> Result<Vec<SocketPair>, DnsError> {
    let mut port = wanted[0].port();
    let mut sockets = Vec::new();
    for addr in wanted {
        let addr = SocketAddr::new(addr.ip(), port);
        let failed = |source| DnsError::Listen { addr, source };
        let tcp = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = tcp.local_addr().map_err(failed)?;
        let udp = UdpSocket::bind(addr).await.map_err(failed)?;
        port = addr.port();
        sockets.push(SocketPair { addr, udp, tcp });
    }
    Ok(sockets)
}
