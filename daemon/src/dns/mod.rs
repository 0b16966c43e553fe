//! DNS as the CA will see it: who is authoritative, and does it show the record.
//!
//! [`Dns::locate`] finds where a challenge record belongs; [`Dns::wait_visible`]
//! waits until every authoritative server shows it. Recursive resolvers are
//! asked for zone cuts and server addresses only, and not at or below a challenge
//! name: they would remember that it does not exist. Only when a record is where
//! they look, [`Dns::wait_echoed`] asks those that must see it too.

mod answer;
mod authority;
pub mod caa;
mod cache;
mod consult;
mod dnssec;
mod endpoint;
mod extended_error;
mod failure;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod locate;
mod location;
mod options;
mod policy;
mod propagation;
mod question;
mod resolv_conf;
mod resolver;
mod transport;
mod views;
mod visibility;
mod volume;
mod zone;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::Instant;

pub use answer::Answer;
pub use dnssec::{Refused, Security, Unsure};
pub use endpoint::{Channel, Endpoint, Resolver};
pub use extended_error::ExtendedError;
pub use failure::{Failure, Malformation, QueryError, Rcode};
pub use location::{LocateError, Location, Retry, Server, Unfollowed, Unresolved};
pub use options::{
    Authority, DEFAULT_PROPAGATION_TIMEOUT, DEFAULT_QUERY_TIMEOUT, NAME_SERVER_PORT, Options, ZoneOptions,
};
pub use policy::{Agreement, Aliases};
pub use propagation::{
    DEFAULT_CAP, DEFAULT_FLOOR, Indirect, NotVisible, Pace, Patience, Progress, Report, SHOWN, Sighting,
    Standing, Wanted, Witness,
};
pub use question::{Checking, Kind, Question};
pub use resolver::ResolverError;
pub use transport::{Network, Transport};
pub use views::{Face, Start, View, Views};
pub use visibility::Visibility;
pub use volume::Volume;

use crate::types::DnsName;
use caa::Policies;
use locate::Locator;
use propagation::{Echo, Gate};
use resolver::{Found, Resolvers};

/// Query timeouts that one look may take in all: a walk up the tree,
/// name servers, addresses, aliases and their zones, with some of them dead.
const LOCATE_TIMEOUTS: u32 = 8;

/// Answers questions about challenge records. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dns {
    locator: Arc<Locator>,
    gate: Arc<Gate>,
}

/// Why the options cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// No answer can arrive in no time.
    #[error("query-timeout is zero; answers take time: use 1s or more")]
    NoTime,
    /// A server on port 0.
    #[error("the server {0} has port 0; DNS servers listen on 53")]
    NoPort(SocketAddr),
}

/// What one server shows at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTxt {
    /// The server's name; `None` when it is configured by address.
    pub server: Option<DnsName>,
    /// The address asked.
    pub address: SocketAddr,
    /// Its TXT values, each with its strings joined, octets outside printable
    /// ASCII as `\DDD`.
    pub values: Result<Vec<String>, QueryError>,
}

impl Dns {
    /// Over the network.
    ///
    /// # Errors
    /// When the options cannot work, whatever the network does. Nothing is asked yet.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let network = Network::new(options.ca_file.clone());
        Dns::over(Arc::new(network), options)
    }

    /// Over another transport: the seam for tests.
    ///
    /// # Errors
    /// As [`Dns::new`].
    pub fn over(transport: Arc<dyn Transport>, options: Options) -> Result<Self, SetupError> {
        if options.query_timeout.is_zero() {
            return Err(SetupError::NoTime);
        }
        let configured = options.zones.values().flat_map(|zone| &zone.authorities);
        let authorities = configured.filter_map(|authority| match authority {
            Authority::Address(address) => Some(*address),
            Authority::Host(..) => None,
        });
        let of_zones = options.zones.values();
        let of_zones = of_zones.flat_map(|zone| zone.resolvers.iter().chain(zone.vantage.iter().flatten()));
        let resolvers = options.resolvers.iter().chain(&options.vantage).chain(of_zones);
        let resolvers = resolvers.filter_map(|resolver| match resolver {
            Resolver::At(endpoint) => Some(endpoint.address),
            Resolver::Named { .. } => None,
        });
        if let Some(address) = authorities.chain(resolvers).find(|address| address.port() == 0) {
            return Err(SetupError::NoPort(address));
        }
        let timeout = options.query_timeout;
        let own = options.zones.iter();
        let own = own.map(|(apex, zone)| (apex.clone(), zone.resolvers.clone()));
        let resolvers = Resolvers::new(Arc::clone(&transport), options.resolvers, own, timeout);
        let zones = zone::Zones::new(resolvers, options.zones, options.name_server_port);
        Ok(Dns {
            gate: Arc::new(Gate::new(Arc::clone(&transport))),
            locator: Arc::new(Locator {
                transport,
                zones,
                vantage: options.vantage,
                timeout,
            }),
        })
    }

    /// Finds the zone and servers for the record that the CA will look up at
    /// `challenge_name`. Zone cuts and server addresses are remembered for their
    /// TTL and at most a minute; aliases and delegations of the name itself never.
    ///
    /// # Errors
    /// When the place cannot be told for sure; within 8 query timeouts.
    pub async fn locate(&self, challenge_name: &DnsName) -> Result<Location, LocateError> {
        let waited = self.patience();
        let location = tokio::time::timeout(waited, self.locator.locate(challenge_name))
            .await
            .unwrap_or_else(|_| {
                Err(LocateError::Deadline {
                    name: challenge_name.clone(),
                    waited,
                })
            })?;
        for host in &location.unresolved {
            let (zone, server) = (&location.zone, &host.name);
            tracing::warn!(%zone, %server, error = %host, "a name server cannot be asked");
        }
        Ok(location)
    }

    /// Waits until every authoritative server of every location shows every value,
    /// twice in a row, on every address that can be reached at all. Calls
    /// `on_progress` at each change. Cancelled by dropping.
    ///
    /// # Errors
    /// When that has not happened by `deadline`; names each server that lags.
    pub async fn wait_visible(
        &self,
        wanted: &[Wanted],
        pace: Pace,
        deadline: Instant,
        on_progress: impl FnMut(Progress) + Send,
    ) -> Result<Report, NotVisible> {
        let timeout = self.locator.timeout;
        propagation::wait_visible(&self.gate, timeout, wanted, pace, deadline, on_progress).await
    }

    /// The CAA policies of names, for one attempt.
    pub fn policies(&self) -> Policies {
        Policies::new(Arc::clone(&self.locator))
    }

    /// What validating resolvers make of `zone`; they do not hear of what is at or below `off_limits`.
    pub async fn security(&self, zone: &DnsName, off_limits: &DnsName) -> Security {
        dnssec::security(self.locator.zones.resolvers(), zone, off_limits).await
    }

    /// What stands at a challenge's owner name.
    ///
    /// # Errors
    /// When no server of its zone tells.
    pub async fn volume(&self, location: &Location) -> Result<Volume, LocateError> {
        let Locator {
            transport, timeout, ..
        } = &*self.locator;
        volume::volume(&**transport, location, *timeout).await
    }

    /// Longest that one look into the DNS may take in all.
    pub fn patience(&self) -> Duration {
        self.locator.timeout * LOCATE_TIMEOUTS
    }

    /// Waits until the resolvers that have a say show every value: those of zones whose visibility is
    /// [`Visibility::Doh`], and then the vantage resolvers. They remember what they do not find, so call it when the
    /// records are where resolvers look: when the authorities agree, or the provider says so, or what it takes has
    /// passed.
    ///
    /// # Errors
    /// When one of them does not show a value in time, or says that it will not; names each that lags, and until
    /// when it remembers.
    pub async fn wait_echoed(
        &self,
        wanted: &[Wanted],
        patience: Patience,
        mut on_progress: impl FnMut(Progress) + Send,
    ) -> Result<Vec<Sighting>, NotVisible> {
        let mut seen = Vec::new();
        for witness in [Witness::Resolver, Witness::Vantage] {
            let echoes = self.echoes(wanted, &witness).await?;
            let Locator {
                transport, timeout, ..
            } = &*self.locator;
            let more =
                propagation::wait_echoed(&**transport, *timeout, echoes, patience, &mut on_progress).await?;
            seen.extend(more);
        }
        Ok(seen)
    }

    /// Who has a say, as `witness`, for each record.
    async fn echoes(&self, wanted: &[Wanted], witness: &Witness) -> Result<Vec<Echo>, NotVisible> {
        let resolvers = self.locator.zones.resolvers();
        let mut echoes: Vec<Echo> = Vec::new();
        for Wanted { location, values } in wanted {
            let owner = &location.owner;
            let list = match (witness, location.visibility) {
                (Witness::Resolver, Visibility::Doh) => {
                    let mut own = resolvers.responsible(owner).await;
                    own.retain(|resolver| resolver.channel().is_encrypted());
                    own
                }
                (Witness::Vantage, Visibility::Authorities | Visibility::Doh) => {
                    let own = self.locator.zones.vantage(owner);
                    own.unwrap_or(&self.locator.vantage).to_vec()
                }
                _ => continue,
            };
            let Found { endpoints, failures } = resolvers.find(&list, owner).await;
            // one whose address is not found shows nothing
            if let Some(failure) = failures.into_iter().next() {
                return Err(NotVisible {
                    waited: Duration::ZERO,
                    sightings: vec![Sighting {
                        witness: witness.clone(),
                        endpoint: failure.server,
                        owner: failure.question.name,
                        standing: Standing::Failed(failure.failure),
                    }],
                });
            }
            for endpoint in endpoints {
                let known = echoes
                    .iter_mut()
                    .find(|echo| echo.endpoint == endpoint && echo.owner == *owner);
                match known {
                    Some(echo) => echo.values.extend(values.iter().cloned()),
                    None => echoes.push(Echo {
                        witness: witness.clone(),
                        endpoint,
                        owner: owner.clone(),
                        values: values.clone(),
                    }),
                }
            }
        }
        Ok(echoes)
    }

    /// What each authoritative server shows at the owner name now, asked once.
    pub async fn txt(&self, location: &Location) -> Vec<ServerTxt> {
        let Locator {
            transport, timeout, ..
        } = &*self.locator;
        let question = &Question::authoritative(location.owner.clone(), Kind::Txt);
        let asked = location
            .servers
            .iter()
            .flat_map(|server| server.addresses.iter().map(move |at| (server, *at)));
        join_all(asked.map(|(server, address)| async move {
            let values = txt_at(&**transport, &address.into(), question, *timeout).await;
            ServerTxt {
                server: server.name.clone(),
                address,
                values,
            }
        }))
        .await
    }
}

async fn txt_at(
    transport: &dyn Transport,
    server: &Endpoint,
    question: &Question,
    timeout: Duration,
) -> Result<Vec<String>, QueryError> {
    let answer = transport.ask(server, question, timeout).await?;
    let failure = match answer.authoritative {
        _ if !answer.is_conclusive() => Failure::Rcode(answer.rcode),
        false => Failure::NotAuthoritative,
        true => {
            let values = answer.txt(&question.name);
            return Ok(values.iter().map(|value| propagation::printable(value)).collect());
        }
    };
    Err(QueryError {
        server: server.clone(),
        question: question.clone(),
        failure,
    })
}

#[cfg(test)]
mod tests;
