//! One question over UDP (RFC 1035 4.2.1).

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::UdpSocket, time::Instant};

use super::{Failure, Malformation, Question, Reading, malformed, random_id};

/// More than [`super::super::question::UDP_PAYLOAD`] asks for; what is longer arrives cut and goes to TCP.
const BUFFER: usize = 2048;
/// Datagrams that are not ours, after which someone is guessing and TCP is safer.
const MAX_STRANGERS: usize = 64;

/// Asks twice within `timeout`, at its start and in its middle. `NotOurs` means silence.
pub(super) async fn exchange(
    server: SocketAddr,
    question: &Question,
    edns: bool,
    start: Instant,
    timeout: Duration,
) -> Result<Reading, Failure> {
    let id = random_id();
    let message = question.encode(id, edns).map_err(malformed)?;
    let socket = connect(server)
        .await
        .map_err(|error| Failure::of_socket(&error))?;
    let mut buffer = vec![0; BUFFER];
    let mut strangers = 0;
    for until in [start + timeout / 2, start + timeout] {
        send(&socket, &message)
            .await
            .map_err(|error| Failure::of_socket(&error))?;
        while let Ok(received) = tokio::time::timeout_at(until, socket.recv(&mut buffer)).await {
            let length = received.map_err(|error| Failure::of_socket(&error))?;
            match Reading::of(buffer.get(..length).unwrap_or_default(), id, question) {
                Reading::NotOurs if strangers < MAX_STRANGERS => strangers += 1,
                Reading::NotOurs => return Ok(Reading::Malformed(Malformation::Flood)),
                reading => return Ok(reading),
            }
        }
    }
    Ok(Reading::NotOurs)
}

async fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    Ok(socket)
}

async fn send(socket: &UdpSocket, message: &[u8]) -> io::Result<()> {
    match socket.send(message).await {
        // an ICMP error of an earlier datagram is delivered once, instead of sending
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            socket.send(message).await.map(drop)
        }
        other => other.map(drop),
    }
}
