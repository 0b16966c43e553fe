//! One question to one server, and its answer as it is: no cache, no recursion of our own.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{DnsError, fqdn};

/// One try; a server on loopback answers in microseconds, and a knob may slow it.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries before the server counts as silent.
const TRIES: usize = 3;

/// Why a server's answer was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The question itself is none.
    #[error(transparent)]
    Name(#[from] DnsError),
    /// It gave no answer, or the port is closed.
    #[error("{server} does not answer for {name}")]
    Silent {
        /// Who was asked.
        server: SocketAddr,
        /// What for.
        name: Name,
    },
    /// What came over TCP is no answer.
    #[error("unusable answer from {server} over TCP: {reason}")]
    Unusable {
        /// Who was asked.
        server: SocketAddr,
        /// What was wrong.
        reason: String,
    },
}

/// Asks over UDP, and over TCP if that answer is cut.
///
/// # Errors
/// [`AskError`]; an answer with an error code is an answer.
pub async fn ask(server: SocketAddr, name: &str, record_type: RecordType) -> Result<Message, AskError> {
    ask_name(server, &fqdn(name)?, record_type).await
}

/// The TXT values in the answer of one server at exactly this name, sorted.
///
/// # Errors
/// As [`ask`].
pub async fn ask_txt(server: SocketAddr, name: &str) -> Result<Vec<String>, AskError> {
    let response = ask(server, name, RecordType::TXT).await?;
    let owner = fqdn(name)?;
    let mut values = txt_at(&response, &owner);
    values.sort();
    Ok(values)
}

pub(crate) fn txt_at(response: &Message, owner: &Name) -> Vec<String> {
    let at_owner = response.answers.iter().filter(|record| record.name == *owner);
    at_owner
        .filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        })
        .collect()
}

pub(crate) async fn ask_name(
    server: SocketAddr,
    name: &Name,
    record_type: RecordType,
) -> Result<Message, AskError> {
    let mut query = Message::query();
    // the server may be a resolver; an authority ignores it
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    query.set_edns(edns);
    let unusable = |reason: String| AskError::Unusable { server, reason };
    let request = query.to_vec().map_err(|error| unusable(error.to_string()))?;
    for _ in 0..TRIES {
        match timeout(TRY_TIMEOUT, over_udp(server, &request, &query)).await {
            Ok(Ok(response)) if !response.metadata.truncation => return Ok(response),
            Ok(Ok(_)) => match timeout(TRY_TIMEOUT, over_tcp(server, &request)).await {
                Ok(Ok(bytes)) => {
                    return Message::from_vec(&bytes).map_err(|error| unusable(error.to_string()));
                }
                Ok(Err(error)) => return Err(unusable(error.to_string())),
                Err(_) => break,
            },
            // the port is closed; the server may be starting
            Ok(Err(_)) => tokio::time::sleep(TRY_TIMEOUT / 20).await,
            Err(_) => {}
        }
    }
    Err(AskError::Silent {
        server,
        name: name.clone(),
    })
}

async fn over_udp(server: SocketAddr, request: &[u8], query: &Message) -> std::io::Result<Message> {
    let local = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    socket.send(request).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // whatever does not answer this question is somebody else's or a late one
        if let Ok(response) = Message::from_vec(&buffer[..length])
            && response.metadata.id == query.metadata.id
            && response.queries == query.queries
        {
            return Ok(response);
        }
    }
}

async fn over_tcp(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(request.len()).map_err(std::io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), request].concat())
        .await?;
    let mut response = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut response).await?;
    Ok(response)
}
