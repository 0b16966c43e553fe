//! The recursive resolvers, and the names they must not hear of.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::{join, join_all};

use super::{
    answer::Answer,
    cache::{Cache, Timed},
    consult::{conclusive, first_usable},
    endpoint::{Endpoint, Resolver},
    failure::{Failure, QueryError, Rcode},
    question::{Checking, Kind, Question},
    resolv_conf,
    transport::Transport,
};
use crate::types::DnsName;

/// Addresses of one resolver that are asked.
const MAX_ADDRESSES: usize = 4;

/// Asks recursive resolvers: those of the zone that a name lies in, else those for all names.
///
/// They cache "no such name": one question too early about a challenge name
/// makes them, and perhaps a CA behind them, blind to the record for the zone's
/// negative TTL. So each look-up says which name, with all below it, is off limits.
#[derive(Debug)]
pub(super) struct Resolvers {
    transport: Arc<dyn Transport>,
    /// Of zones that have their own, the longest name first.
    zones: Vec<(DnsName, Vec<Resolver>)>,
    general: Source,
    timeout: Duration,
    /// Where resolvers given by name are.
    addresses: Cache<DnsName, Vec<IpAddr>, Vec<QueryError>>,
}

#[derive(Clone, Debug)]
enum Source {
    Given(Vec<Resolver>),
    /// Read anew for each look-up: it changes when the network does.
    File(PathBuf),
}

/// Why no resolver told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// None gave a usable answer.
    #[error("no resolver answers: {}{}", join_texts(.0), closed(.0))]
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

fn closed(failures: &[QueryError]) -> &'static str {
    let dropped = |error: &QueryError| error.failure.is_silence() && !error.server.channel.is_encrypted();
    if failures.is_empty() || !failures.iter().all(dropped) {
        return "";
    }
    "; if port 53 is closed from here, name encrypted resolvers, as in `resolvers: [\"tls://NAME@ADDRESS\"]`"
}

/// One line of what several servers did.
pub(super) fn join_texts<T: ToString>(failures: &[T]) -> String {
    failures.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}

/// Resolvers where they are, and what became of looking for the others.
pub(super) struct Found {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) failures: Vec<QueryError>,
}

impl Resolvers {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        general: Vec<Resolver>,
        zones: impl IntoIterator<Item = (DnsName, Vec<Resolver>)>,
        timeout: Duration,
    ) -> Self {
        let mut zones: Vec<_> = zones.into_iter().filter(|(_, own)| !own.is_empty()).collect();
        zones.sort_by_key(|(apex, _)| std::cmp::Reverse(apex.as_str().len()));
        Resolvers {
            transport,
            zones,
            general: if general.is_empty() {
                Source::File(resolv_conf::PATH.into())
            } else {
                Source::Given(general)
            },
            timeout,
            addresses: Cache::new(),
        }
    }

    /// Those that answer for `name`, where they are now, in order.
    pub(super) async fn servers(&self, name: &DnsName, off_limits: &DnsName) -> Found {
        self.find(&self.responsible(name).await, off_limits).await
    }

    /// What one of them answers, whatever its response code.
    pub(super) async fn ask_one(&self, server: &Endpoint, question: &Question) -> Result<Answer, QueryError> {
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
        let Found {
            endpoints,
            mut failures,
        } = self.servers(&question.name, off_limits).await;
        let answered = match self.first(&endpoints, question).await {
            Ok(answer) => return Ok(answer),
            Err(failures) => failures,
        };
        let failed: Vec<Endpoint> = answered
            .iter()
            .filter(|error| error.failure == Failure::Rcode(Rcode::SERV_FAIL))
            .map(|error| error.server.clone())
            .collect();
        failures.extend(answered);
        let unchecked = question.clone().checked(Checking::Disabled);
        let found = self.first(&failed, &unchecked).await;
        found.map_err(|_| ResolverError::NoAnswer(failures))
    }

    async fn first(&self, servers: &[Endpoint], question: &Question) -> Result<Answer, Vec<QueryError>> {
        first_usable(&*self.transport, servers, question, self.timeout, conclusive).await
    }

    /// Those that answer for `name`.
    pub(super) async fn responsible(&self, name: &DnsName) -> Vec<Resolver> {
        if let Some((_, own)) = self.zones.iter().find(|(apex, _)| name.is_within(apex)) {
            return own.clone();
        }
        match &self.general {
            Source::Given(resolvers) => resolvers.clone(),
            Source::File(path) => {
                let listed = resolv_conf::read(path).await;
                listed.into_iter().map(Resolver::from).collect()
            }
        }
    }

    /// True when those that answer for `name` are the system's.
    pub(super) fn are_of_system(&self, name: &DnsName) -> bool {
        let own = self.zones.iter().any(|(apex, _)| name.is_within(apex));
        !own && matches!(self.general, Source::File(_))
    }

    /// Where they are. No resolver hears of `off_limits` or what is below it.
    pub(super) async fn find(&self, list: &[Resolver], off_limits: &DnsName) -> Found {
        let mut found = Found {
            endpoints: Vec::new(),
            failures: Vec::new(),
        };
        let each = list.iter().map(|resolver| async move {
            match resolver {
                Resolver::At(endpoint) => Ok(vec![endpoint.clone()]),
                Resolver::Named { name, port, channel } => {
                    let addresses = self.addresses_of(name, off_limits).await?;
                    let endpoint = |address| Endpoint {
                        address: (address, *port).into(),
                        channel: channel.clone(),
                    };
                    Ok::<_, Vec<QueryError>>(addresses.into_iter().map(endpoint).collect())
                }
            }
        });
        for result in join_all(each).await {
            match result {
                Ok(endpoints) => found.endpoints.extend(endpoints),
                Err(failures) => found.failures.extend(failures),
            }
        }
        found
    }

    /// The addresses of a resolver, as those tell that need no look-up themselves.
    async fn addresses_of(
        &self,
        host: &DnsName,
        off_limits: &DnsName,
    ) -> Result<Vec<IpAddr>, Vec<QueryError>> {
        let known: Vec<Endpoint> = self
            .responsible(host)
            .await
            .into_iter()
            .filter_map(|resolver| match resolver {
                Resolver::At(endpoint) => Some(endpoint),
                Resolver::Named { .. } => None,
            })
            .collect();
        if host.is_within(off_limits) {
            let refused = known.into_iter().map(|server| QueryError {
                server,
                question: Question::recursive(host.clone(), Kind::A),
                failure: Failure::OffLimits,
            });
            return Err(refused.collect());
        }
        let (transport, timeout, name) = (Arc::clone(&self.transport), self.timeout, host.clone());
        let look_up = || Box::pin(async move { look_up(&*transport, &known, name, timeout).await }) as _;
        self.addresses.get(host.clone(), look_up).await
    }
}

async fn look_up(
    transport: &dyn Transport,
    servers: &[Endpoint],
    host: DnsName,
    timeout: Duration,
) -> Result<Timed<Vec<IpAddr>>, Vec<QueryError>> {
    let (a, aaaa) = (
        Question::recursive(host.clone(), Kind::A),
        Question::recursive(host, Kind::Aaaa),
    );
    let of = |question| {
        first_usable(transport, servers, question, timeout, |answer| {
            match (answer.is_conclusive(), answer.addresses(&question.name)) {
                (false, _) => Err(Failure::Rcode(answer.rcode)),
                (true, addresses) if addresses.is_empty() => Err(Failure::NoAddress),
                (true, addresses) => Ok((addresses, answer.ttl())),
            }
        })
    };
    match join(of(&a), of(&aaaa)).await {
        (Ok((mut v4, ttl4)), Ok((mut v6, ttl6))) => {
            v4.truncate(MAX_ADDRESSES / 2);
            v6.truncate(MAX_ADDRESSES / 2);
            v4.append(&mut v6);
            Ok((v4, ttl4.min(ttl6)))
        }
        (Ok((mut addresses, ttl)), Err(_)) | (Err(_), Ok((mut addresses, ttl))) => {
            addresses.truncate(MAX_ADDRESSES);
            Ok((addresses, ttl))
        }
        (Err(mut failures), Err(more)) => {
            failures.extend(more);
            Err(failures)
        }
    }
}
