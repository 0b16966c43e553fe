//! The way to a name server, one for all waits of the process: however many orders wait for names of a zone, its
//! servers meet one client that asks about each name once, about few at a time, and does not insist where nobody
//! answers.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    dns::{
        answer::Answer,
        failure::{Failure, QueryError},
        question::{Kind, Question},
        transport::Transport,
    },
    types::DnsName,
};

/// Questions to one server on their way at once.
pub(super) const PER_SERVER: usize = 32;

type Outcome = Result<Answer, QueryError>;
type Asking = BoxFuture<'static, Outcome>;

/// Asks authorities for TXT records.
#[derive(Debug)]
pub(in crate::dns) struct Gate {
    transport: Arc<dyn Transport>,
    servers: Mutex<HashMap<SocketAddr, Arc<Server>>>,
}

struct Server {
    address: SocketAddr,
    slots: Semaphore,
    /// Held by the one question that goes to a silent server.
    probe: tokio::sync::Mutex<()>,
    voice: Mutex<Voice>,
    /// In line or on their way.
    asked: Mutex<HashMap<DnsName, (u64, WeakShared<Asking>)>>,
    tickets: AtomicU64,
}

/// Whether a server speaks at all.
#[derive(Debug, Default)]
struct Voice {
    /// Its last word, whatever it was about.
    heard: Option<Instant>,
    /// Since it was last heard: when a question ended without an answer, and how.
    silent: Option<(Instant, Failure)>,
    /// Names that took another's word for that. The next time each asks itself: it may be the other's name alone that
    /// this server does not speak about.
    deferred: HashSet<DnsName>,
}

impl Gate {
    pub(in crate::dns) fn new(transport: Arc<dyn Transport>) -> Self {
        Gate {
            transport,
            servers: Mutex::default(),
        }
    }

    /// Asks the server at `address` what stands at `owner`, or hears what another is told who asks it at this moment.
    /// `timeout` is for the question itself; the time in line comes before it, and is spent by the questions of others.
    ///
    /// # Errors
    /// As the transport. Of a server that did not speak to others while this question was in line, their failure.
    pub(super) async fn ask(&self, address: SocketAddr, owner: &DnsName, timeout: Duration) -> Outcome {
        let server = self.server(address);
        let asking = server.join(&self.transport, owner, timeout);
        asking.await
    }

    fn server(&self, address: SocketAddr) -> Arc<Server> {
        let mut servers = self.servers.lock();
        if let Some(server) = servers.get(&address) {
            return server.clone();
        }
        // those that nobody asks any more
        servers.retain(|_, server| Arc::strong_count(server) > 1);
        let server = Arc::new(Server {
            address,
            slots: Semaphore::new(PER_SERVER),
            probe: tokio::sync::Mutex::default(),
            voice: Mutex::default(),
            asked: Mutex::default(),
            tickets: AtomicU64::new(0),
        });
        servers.insert(address, server.clone());
        server
    }
}

impl Server {
    fn join(
        self: &Arc<Self>,
        transport: &Arc<dyn Transport>,
        owner: &DnsName,
        timeout: Duration,
    ) -> Shared<Asking> {
        let mut asked = self.asked.lock();
        if let Some(asking) = asked.get(owner).and_then(|(_, asking)| asking.upgrade()) {
            return asking;
        }
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let entry = Entry {
            server: self.clone(),
            owner: owner.clone(),
            ticket,
        };
        let transport = transport.clone();
        let asking = async move { entry.server.ask(&*transport, &entry.owner, timeout).await };
        let asking = asking.boxed().shared();
        if let Some(weak) = asking.downgrade() {
            asked.insert(owner.clone(), (ticket, weak));
        }
        asking
    }

    async fn ask(&self, transport: &dyn Transport, owner: &DnsName, timeout: Duration) -> Outcome {
        let question = Question::authoritative(owner.clone(), Kind::Txt);
        let endpoint = self.address.into();
        let entered = Instant::now();
        let _slot = self.slots.acquire().await;
        let probe = match self.is_silent() {
            true => Some(self.probe.lock().await),
            false => None,
        };
        if let Some(failure) = self.defer(owner, entered) {
            return Err(QueryError {
                server: endpoint,
                question,
                failure,
            });
        }
        // who held it before may have been answered: then all may ask
        let _probe = probe.filter(|_| self.is_silent());
        let sent = Instant::now();
        let outcome = transport.ask(&endpoint, &question, timeout).await;
        let mut voice = self.voice.lock();
        match &outcome {
            Err(QueryError {
                failure: failure @ Failure::Silent { .. },
                ..
            }) => {
                // one that speaks to others is only silent about this name
                if voice.heard.is_none_or(|heard| heard < sent) {
                    voice.silent = Some((Instant::now(), failure.clone()));
                }
            }
            _ => {
                *voice = Voice {
                    heard: Some(Instant::now()),
                    ..Voice::default()
                }
            }
        }
        outcome
    }

    fn is_silent(&self) -> bool {
        self.voice.lock().silent.is_some()
    }

    /// What a question ended with that found the server silent while this one was in line; once, and not again before
    /// `owner` has asked itself.
    fn defer(&self, owner: &DnsName, entered: Instant) -> Option<Failure> {
        let mut voice = self.voice.lock();
        let (found, failure) = voice.silent.clone()?;
        let takes_word = found > entered && !voice.deferred.remove(owner);
        takes_word.then(|| {
            voice.deferred.insert(owner.clone());
            failure
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("voice", &self.voice)
            .finish_non_exhaustive()
    }
}

/// A name that is asked about, as long as it is.
struct Entry {
    server: Arc<Server>,
    owner: DnsName,
    ticket: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut asked = self.server.asked.lock();
        if asked
            .get(&self.owner)
            .is_some_and(|(ticket, _)| *ticket == self.ticket)
        {
            asked.remove(&self.owner);
        }
    }
}

#[cfg(test)]
mod tests;
