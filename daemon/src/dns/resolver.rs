//! The recursive resolvers, and the names they must not hear of.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use super::{
    answer::Answer,
    consult::{conclusive, first_usable},
    failure::{Failure, QueryError, Rcode},
    question::{Checking, Question},
    resolv_conf,
    transport::Transport,
};
use crate::types::DnsName;

/// Asks recursive resolvers.
///
/// They cache "no such name": one question too early about a challenge name
/// makes them, and perhaps a CA behind them, blind to the record for the zone's
/// negative TTL. So each look-up says which name, with all below it, is off limits.
#[derive(Clone, Debug)]
pub(super) struct Resolvers {
    transport: Arc<dyn Transport>,
    source: Source,
    timeout: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    Given(Vec<SocketAddr>),
    /// Read anew for each look-up: it changes when the network does.
    File(PathBuf),
}

/// Why no resolver told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// None gave a usable answer.
    #[error("no resolver answers: {}", join(.0))]
    NoAnswer(Vec<QueryError>),
    /// The question lies at or below the challenge name, so no resolver was asked.
    #[error("{question}: not asked of a resolver, because it lies below the challenge name {off_limits}")]
    OffLimits {
        /// What was not asked.
        question: Question,
        /// The name that no resolver may hear of yet.
        off_limits: DnsName,
    },
}

/// One line of what several servers did.
pub(super) fn join<T: ToString>(failures: &[T]) -> String {
    failures.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}

impl Resolvers {
    pub(super) fn new(transport: Arc<dyn Transport>, given: &[SocketAddr], timeout: Duration) -> Self {
        let source = match given {
            [] => Source::File(resolv_conf::PATH.into()),
            given => Source::Given(given.to_vec()),
        };
        Resolvers {
            transport,
            source,
            timeout,
        }
    }

    /// Who they are now, in order; at least one.
    pub(super) async fn servers(&self) -> Vec<SocketAddr> {
        match &self.source {
            Source::Given(servers) => servers.clone(),
            Source::File(path) => resolv_conf::read(path).await,
        }
    }

    /// What one of them answers, whatever its response code.
    pub(super) async fn ask_one(
        &self,
        server: SocketAddr,
        question: &Question,
    ) -> Result<Answer, QueryError> {
        self.transport.ask(server, question, self.timeout).await
    }

    /// A NOERROR or NXDOMAIN answer from the first resolver that gives one. Where a zone is bogus, so that those that
    /// validate fail, it is one that nobody has checked: it leads to the zone's servers, and what a CA makes of the
    /// signatures is told by [`super::Dns::security`].
    pub(super) async fn ask(
        &self,
        question: &Question,
        off_limits: &DnsName,
    ) -> Result<Answer, ResolverError> {
        if question.name.is_within(off_limits) {
            return Err(ResolverError::OffLimits {
                question: question.clone(),
                off_limits: off_limits.clone(),
            });
        }
        let servers = self.servers().await;
        let failures = match self.first(&servers, question).await {
            Ok(answer) => return Ok(answer),
            Err(failures) => failures,
        };
        let failed: Vec<SocketAddr> = failures
            .iter()
            .filter(|error| error.failure == Failure::Rcode(Rcode::SERV_FAIL))
            .map(|error| error.server)
            .collect();
        let unchecked = question.clone().checked(Checking::Disabled);
        let found = self.first(&failed, &unchecked).await;
        found.map_err(|_| ResolverError::NoAnswer(failures))
    }

    async fn first(&self, servers: &[SocketAddr], question: &Question) -> Result<Answer, Vec<QueryError>> {
        first_usable(&*self.transport, servers, question, self.timeout, conclusive).await
    }
}
