//! How the CA looks into the DNS: from every configured server, without any cache.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::dns::{AskError, DnsError, DnsServer, ask_name, fqdn, plain, txt_at};

/// Aliases followed; Unbound stops at 11.
const MAX_ALIASES: usize = 11;

/// The servers that the CA asks: authorities, or resolvers.
#[derive(Clone, Debug)]
pub(super) struct Vantage {
    servers: Vec<SocketAddr>,
    /// Asked without a network instead of them.
    within: Option<Arc<DnsServer>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    #[error(transparent)]
    Name(#[from] DnsError),
    #[error("{code} looking up TXT for {name} at {server}")]
    Code {
        name: String,
        server: SocketAddr,
        code: ResponseCode,
    },
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("every server refuses to answer for {0}")]
    Nobody(String),
    #[error("{server} refuses to answer for {name}")]
    Refused { name: String, server: SocketAddr },
    #[error("more than {MAX_ALIASES} aliases from {0}")]
    Aliases(String),
}

/// What one server says about a name.
enum Said {
    Values(Vec<String>),
    /// The name is an alias, and the target is for others to say.
    Alias(Name),
    /// Not its zone.
    NotMine,
}

impl Vantage {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Vantage {
            servers,
            within: None,
        }
    }

    /// From within the server itself.
    pub(super) fn within(server: Arc<DnsServer>) -> Self {
        Vantage {
            servers: vec![server.addr()],
            within: Some(server),
        }
    }

    async fn ask(&self, server: SocketAddr, owner: &Name) -> Result<Message, AskError> {
        match &self.within {
            Some(server) => server.ask(owner, RecordType::TXT),
            None => ask_name(server, owner, RecordType::TXT).await,
        }
    }

    /// The TXT values that each server gives. All servers are asked, as a CA looks from several places. Where an
    /// alias leads to another zone each may refuse what is not its own, but one that refuses all of it has lost its
    /// zone: a resolver would pass over it and hide that.
    pub(super) async fn txt(&self, name: &str) -> Result<Vec<(SocketAddr, Vec<String>)>, LookupError> {
        let mut answers = Vec::new();
        let mut silent: BTreeSet<SocketAddr> = self.servers.iter().copied().collect();
        let mut asked = BTreeSet::new();
        let mut to_ask = VecDeque::from([fqdn(name)?]);
        while let Some(owner) = to_ask.pop_front() {
            if !asked.insert(owner.clone()) {
                continue;
            }
            if asked.len() > MAX_ALIASES {
                return Err(LookupError::Aliases(name.to_owned()));
            }
            let asking = self.servers.iter().map(|server| self.ask(*server, &owner));
            for (server, response) in self.servers.iter().zip(join_all(asking).await) {
                match read(*server, &owner, &response?)? {
                    Said::Values(values) => answers.push((*server, values)),
                    Said::Alias(target) => to_ask.push_back(target),
                    Said::NotMine => continue,
                }
                silent.remove(server);
            }
        }
        match silent.pop_first() {
            _ if answers.is_empty() => Err(LookupError::Nobody(name.to_owned())),
            Some(server) => Err(LookupError::Refused {
                name: name.to_owned(),
                server,
            }),
            None => Ok(answers),
        }
    }
}

fn read(server: SocketAddr, name: &Name, response: &Message) -> Result<Said, LookupError> {
    match response.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::Refused | ResponseCode::NotAuth => return Ok(Said::NotMine),
        code => {
            return Err(LookupError::Code {
                name: plain(name),
                server,
                code,
            });
        }
    }
    let mut owner = name.clone();
    for _ in &response.answers {
        let target = response.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == owner => Some(target.0.clone()),
            _ => None,
        });
        match target {
            Some(target) => owner = target,
            None => break,
        }
    }
    let values = txt_at(response, &owner);
    if values.is_empty() && owner != *name {
        return Ok(Said::Alias(owner));
    }
    Ok(Said::Values(values))
}
