//! How a question reaches a server: a seam, so that tests can be the servers.

mod https;
mod tcp;
mod tls;
mod udp;

use std::{fmt::Debug, net::SocketAddr, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    answer::{Answer, HEADER, Reading},
    endpoint::{Channel, Endpoint},
    failure::{Failure, Malformation, QueryError, Rcode},
    question::Question,
};

/// Carries one question to one server.
pub trait Transport: Debug + Send + Sync + 'static {
    /// The server's answer, whatever its response code. Takes no longer than
    /// `timeout`; cancelled by dropping.
    ///
    /// # Errors
    /// When nothing came that could be read as an answer to this question.
    fn ask<'a>(
        &'a self,
        server: &'a Endpoint,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>>;
}

/// The network, over every [`Channel`].
///
/// Without encryption, each exchange has a socket of its own, connected (the kernel drops what comes
/// from elsewhere), on a port that the kernel picks at random, with a random id:
/// who cannot see the question cannot forge the answer. UDP gets half of the time
/// and is sent twice in it; truncation, silence and garbage lead to TCP.
#[derive(Debug, Default)]
pub struct Network {
    tls: tls::Connections,
    https: https::Clients,
}

impl Network {
    /// Trusts the roots in `ca_file`, besides the system's, to certify encrypted resolvers. The file is read when
    /// the first of them is asked.
    pub fn new(ca_file: Option<PathBuf>) -> Self {
        Network {
            tls: tls::Connections::new(ca_file.clone()),
            https: https::Clients::new(ca_file),
        }
    }
}

impl Transport for Network {
    fn ask<'a>(
        &'a self,
        server: &'a Endpoint,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>> {
        Box::pin(async move {
            self.exchange(server, question, timeout)
                .await
                .map_err(|failure| QueryError {
                    server: server.clone(),
                    question: question.clone(),
                    failure,
                })
        })
    }
}

impl Network {
    async fn exchange(
        &self,
        server: &Endpoint,
        question: &Question,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let answer = self.carry(server, question, true, start, timeout).await?;
        // RFC 6891 7: servers from before EDNS
        let left = timeout.saturating_sub(start.elapsed());
        if matches!(answer.rcode, Rcode::FORM_ERR | Rcode::NOT_IMP | Rcode::BAD_VERS) && !left.is_zero() {
            return self.carry(server, question, false, Instant::now(), left).await;
        }
        Ok(answer)
    }

    async fn carry(
        &self,
        server: &Endpoint,
        question: &Question,
        edns: bool,
        start: Instant,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let within = async {
            match &server.channel {
                Channel::Plain => datagram_first(server.address, question, edns, start, timeout).await,
                Channel::Tcp => tcp::exchange(server.address, question, edns).await,
                Channel::Tls { name } => self.tls.exchange(server, name.as_ref(), question, edns).await,
                Channel::Https { name, path } => {
                    self.https
                        .exchange(server, name.as_ref(), path, question, edns)
                        .await
                }
            }
        };
        let silent = |_| Failure::Silent { waited: timeout };
        tokio::time::timeout_at(start + timeout, within)
            .await
            .map_err(silent)
            .flatten()
    }
}

/// UDP gets half of the time and is sent twice in it; truncation, silence and garbage lead to TCP.
async fn datagram_first(
    server: SocketAddr,
    question: &Question,
    edns: bool,
    start: Instant,
    timeout: Duration,
) -> Result<Answer, Failure> {
    let silent = |_| Failure::Silent { waited: timeout };
    let udp = match udp::exchange(server, question, edns, start, timeout / 2).await {
        Ok(Reading::Answer(answer)) => return Ok(answer),
        Ok(Reading::Truncated) => None,
        Ok(Reading::NotOurs) => Some(Failure::Silent { waited: timeout / 2 }),
        Ok(Reading::Malformed(what)) => Some(Failure::Malformed(what)),
        Err(Failure::Unreachable) => return Err(Failure::Unreachable),
        Err(failure) => Some(failure),
    };
    let tcp = tokio::time::timeout_at(start + timeout, tcp::exchange(server, question, edns));
    match (tcp.await.map_err(silent).flatten(), udp) {
        (Ok(answer), _) => Ok(answer),
        // silence tells least
        (Err(tcp @ (Failure::Malformed(_) | Failure::Silent { .. })), Some(Failure::Silent { .. })) => {
            Err(tcp)
        }
        // UDP is how servers are reached: its failure tells more
        (Err(_), Some(udp)) => Err(udp),
        (Err(tcp), None) => Err(Failure::Truncated { tcp: Box::new(tcp) }),
    }
}

/// Reads what came over a connection of one's own: an answer, whole, or nothing that could still become one.
fn undivided(octets: &[u8], id: u16, question: &Question) -> Result<Answer, Failure> {
    match Reading::of(octets, id, question) {
        Reading::Answer(answer) => Ok(answer),
        Reading::Truncated => Err(malformed(Malformation::TruncatedTcp)),
        Reading::NotOurs if octets.len() < HEADER => Err(malformed(Malformation::Undecodable)),
        Reading::NotOurs => Err(malformed(Malformation::Question)),
        Reading::Malformed(what) => Err(malformed(what)),
    }
}

/// A fresh message id.
fn random_id() -> u16 {
    use crate::random::{Random, SystemRandom};
    SystemRandom.u64() as u16
}

fn malformed(what: Malformation) -> Failure {
    Failure::Malformed(what)
}

#[cfg(test)]
mod tests;
