//! How a question reaches a server: a seam, so that tests can be the servers.

mod tcp;
mod udp;

use std::{fmt::Debug, net::SocketAddr, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    answer::{Answer, Reading},
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
        server: SocketAddr,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>>;
}

/// UDP, then TCP.
///
/// Each exchange has a socket of its own, connected (the kernel drops what comes
/// from elsewhere), on a port that the kernel picks at random, with a random id:
/// who cannot see the question cannot forge the answer. UDP gets half of the time
/// and is sent twice in it; truncation, silence and garbage lead to TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network;

impl Transport for Network {
    fn ask<'a>(
        &'a self,
        server: SocketAddr,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>> {
        Box::pin(async move {
            ask(server, question, timeout)
                .await
                .map_err(|failure| QueryError {
                    server,
                    question: question.clone(),
                    failure,
                })
        })
    }
}

async fn ask(server: SocketAddr, question: &Question, timeout: Duration) -> Result<Answer, Failure> {
    let start = Instant::now();
    let answer = exchange(server, question, true, start, timeout).await?;
    // RFC 6891 7: servers from before EDNS
    let left = timeout.saturating_sub(start.elapsed());
    if matches!(answer.rcode, Rcode::FORM_ERR | Rcode::NOT_IMP | Rcode::BAD_VERS) && !left.is_zero() {
        return exchange(server, question, false, Instant::now(), left).await;
    }
    Ok(answer)
}

async fn exchange(
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
        Ok(Reading::NotOurs) => Some(Failure::Silent { waited: timeout }),
        Ok(Reading::Malformed(what)) => Some(Failure::Malformed(what)),
        Err(Failure::Unreachable) => return Err(Failure::Unreachable),
        Err(failure) => Some(failure),
    };
    let tcp = tokio::time::timeout_at(start + timeout, tcp::exchange(server, question, edns));
    match (tcp.await.map_err(silent).flatten(), udp) {
        (Ok(answer), _) => Ok(answer),
        // UDP is how servers are reached: its failure tells more
        (Err(_), Some(udp)) => Err(udp),
        (Err(tcp), None) => Err(Failure::Truncated { tcp: Box::new(tcp) }),
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
