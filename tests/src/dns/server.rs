//! The server: sockets, tasks and the handle that tests hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::catalog::{Catalog, Timeline};
use super::history::{History, QuerySeen, UpdateSeen};
use super::knobs::DnsKnobs;
use super::respond::{Transport, respond};
use super::sockets::{addresses, bind};
use super::{AskError, DnsError, RecordSeen, TsigKey, UpdatePolicy, Zone, fqdn, plain};
use crate::knobs::KnobCell;

/// Requests worked on at once; more wait in the kernel's buffers.
const IN_FLIGHT: usize = 512;

/// A TCP connection that says nothing for this long is closed.
const TCP_IDLE: Duration = Duration::from_secs(30);

/// What to serve.
#[derive(Debug)]
pub struct DnsOptions {
    /// Where to listen, UDP and TCP. Port 0 takes a free one, the same for all addresses.
    pub listen: SocketAddr,
    /// Whether the other family's loopback address listens as well, on the same port.
    pub both_families: bool,
    /// The zones.
    pub zones: Vec<Zone>,
    /// Keys that may update. Without any, unsigned updates are taken.
    pub keys: Vec<TsigKey>,
    /// What updates may change.
    pub policy: UpdatePolicy,
}

impl DnsOptions {
    /// The zones on a free port of 127.0.0.1, updates unsigned, TXT below `_acme-challenge` only.
    pub fn new(zones: Vec<Zone>) -> Self {
        DnsOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            both_families: false,
            zones,
            keys: Vec::new(),
            policy: UpdatePolicy::default(),
        }
    }
}

/// What a primary and its secondaries have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) zones: Mutex<Timeline>,
    pub(super) keys: Vec<TsigKey>,
    pub(super) policy: UpdatePolicy,
}

/// What each server has of its own.
#[derive(Debug, Default)]
pub(super) struct Role {
    pub(super) is_secondary: bool,
    pub(super) knobs: KnobCell<DnsKnobs>,
    pub(super) history: Mutex<History>,
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct DnsServer {
    shared: Arc<Shared>,
    role: Arc<Role>,
    addrs: Vec<SocketAddr>,
    _stop: DropGuard,
}

impl DnsServer {
    /// Starts a primary. It answers when this returns.
    ///
    /// # Errors
    /// [`DnsError::Listen`].
    pub async fn start(options: DnsOptions) -> Result<Self, DnsError> {
        let shared = Arc::new(Shared {
            zones: Mutex::new(Timeline::new(Catalog::new(options.zones))),
            keys: options.keys,
            policy: options.policy,
        });
        Self::serve(
            shared,
            Role::default(),
            addresses(options.listen, options.both_families),
        )
        .await
    }

    /// Starts one more server of the same zones, on a free port of 127.0.0.1, with knobs and a memory of
    /// its own. It takes no updates.
    ///
    /// # Errors
    /// [`DnsError::Listen`].
    pub async fn secondary(&self) -> Result<Self, DnsError> {
        let role = Role {
            is_secondary: true,
            ..Role::default()
        };
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::serve(self.shared.clone(), role, addresses(listen, false)).await
    }

    /// A server without a socket, for time that stands still: whoever calls [`DnsServer::answer`] is its network.
    /// Its address is one at which nobody listens.
    pub fn offline(zones: Vec<Zone>) -> Self {
        DnsServer {
            shared: Arc::new(Shared {
                zones: Mutex::new(Timeline::new(Catalog::new(zones))),
                keys: Vec::new(),
                policy: UpdatePolicy::default(),
            }),
            role: Arc::default(),
            addrs: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 1))],
            _stop: CancellationToken::new().drop_guard(),
        }
    }

    /// The answer to a message, as over TCP; `None` where a client would wait in vain.
    pub fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let knobs = self.role.knobs.current();
        respond(&self.shared, &self.role, &knobs, request, Transport::Tcp)
    }

    /// Asks without a network.
    pub(crate) fn ask(&self, name: &Name, record_type: RecordType) -> Result<Message, AskError> {
        let server = self.addr();
        let mut query = Message::query();
        query.add_query(Query::query(name.clone(), record_type));
        let unusable = |reason: String| AskError::Unusable { server, reason };
        let request = query.to_vec().map_err(|error| unusable(error.to_string()))?;
        let answer = self.answer(&request).ok_or_else(|| AskError::Silent {
            server,
            name: name.clone(),
        })?;
        Message::from_vec(&answer).map_err(|error| unusable(error.to_string()))
    }

    async fn serve(shared: Arc<Shared>, role: Role, wanted: Vec<SocketAddr>) -> Result<Self, DnsError> {
        let sockets = bind(&wanted).await?;
        let addrs = sockets.iter().map(|pair| pair.addr).collect();
        let stop = CancellationToken::new();
        let service = Service {
            shared: shared.clone(),
            role: Arc::new(role),
            stop: stop.clone(),
        };
        let role = service.role.clone();
        for pair in sockets {
            tokio::spawn(service.clone().serve_udp(pair.udp));
            tokio::spawn(service.clone().serve_tcp(pair.tcp));
        }
        Ok(DnsServer {
            shared,
            role,
            addrs,
            _stop: stop.drop_guard(),
        })
    }

    /// Its first address, for UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// All its addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Its faults.
    pub fn knobs(&self) -> &KnobCell<DnsKnobs> {
        &self.role.knobs
    }

    /// Every record of every zone as it stands, without any lag.
    pub fn records(&self) -> Vec<RecordSeen> {
        self.shared
            .zones
            .lock()
            .current()
            .zones()
            .flat_map(Zone::records)
            .collect()
    }

    /// The TXT values at exactly this name as they stand, sorted.
    ///
    /// # Errors
    /// `name` is not a domain name.
    pub fn txt(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let name = plain(&fqdn(name)?);
        let mut values: Vec<String> = self
            .records()
            .into_iter()
            .filter(|record| record.record_type == "TXT" && record.name == name)
            .map(|record| record.value)
            .collect();
        values.sort();
        Ok(values)
    }

    /// The updates that this server was asked for, oldest first.
    pub fn updates(&self) -> Vec<UpdateSeen> {
        self.role.history.lock().updates.clone()
    }

    /// The questions that this server was asked, oldest first.
    pub fn queries(&self) -> Vec<QuerySeen> {
        self.role.history.lock().queries.iter().cloned().collect()
    }

    /// Adds a TXT value to the zone that holds the name, or takes it away; what is so already stays. No policy, no
    /// history.
    ///
    /// # Errors
    /// `name` is not a domain name, or inside no zone.
    pub fn set_txt(&self, name: &str, value: &str, present: bool) -> Result<(), DnsError> {
        let owner = fqdn(name)?;
        let mut zones = self.shared.zones.lock();
        let Some(zone) = zones.current().holding(&owner) else {
            return Err(DnsError::OutsideZone {
                name: name.to_owned(),
                zone: "any".to_owned(),
            });
        };
        let mut zone = Zone::clone(zone);
        if zone.set_txt(owner, value, present) {
            zone.bump_serial();
            zones.advance(zone);
        }
        Ok(())
    }

    /// Replaces or adds a zone, as an operator would: no policy, no history.
    pub fn put_zone(&self, zone: Zone) {
        self.shared.zones.lock().advance(zone);
    }
}

#[derive(Clone)]
struct Service {
    shared: Arc<Shared>,
    role: Arc<Role>,
    stop: CancellationToken,
}

impl Service {
    async fn serve_udp(self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        let tasks = TaskTracker::new();
        let mut buffer = vec![0; usize::from(u16::MAX)];
        while let Ok(permit) = permits.clone().acquire_owned().await {
            let received = tokio::select! {
                () = self.stop.cancelled() => return,
                received = socket.recv_from(&mut buffer) => received,
            };
            // an ICMP error of an earlier answer; the socket lives on
            let Ok((length, peer)) = received else { continue };
            let request = buffer[..length].to_vec();
            let (service, socket) = (self.clone(), socket.clone());
            tasks.spawn(async move {
                let _permit = permit;
                if let Some(answer) = service.answer(&request, Transport::Udp).await
                    && let Err(error) = socket.send_to(&answer, peer).await
                {
                    tracing::debug!(%error, "cannot send a DNS answer");
                }
            });
        }
    }

    async fn serve_tcp(self, listener: TcpListener) {
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        let tasks = TaskTracker::new();
        while let Ok(permit) = permits.clone().acquire_owned().await {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let service = self.clone();
            tasks.spawn(async move {
                let _permit = permit;
                let stop = service.stop.clone();
                tokio::select! {
                    () = stop.cancelled() => {}
                    // a client that hangs up in the middle is its own business
                    _ = service.serve_connection(stream) => {}
                }
            });
        }
    }

    async fn serve_connection(self, mut stream: TcpStream) -> std::io::Result<()> {
        if self.role.knobs.current().refuse_tcp {
            return Ok(());
        }
        loop {
            let length = tokio::time::timeout(TCP_IDLE, stream.read_u16()).await??;
            let mut request = vec![0; usize::from(length)];
            tokio::time::timeout(TCP_IDLE, stream.read_exact(&mut request)).await??;
            let Some(answer) = self.answer(&request, Transport::Tcp).await else {
                continue;
            };
            let mut framed = Vec::with_capacity(answer.len() + 2);
            framed.extend_from_slice(&u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes());
            framed.extend_from_slice(&answer);
            stream.write_all(&framed).await?;
        }
    }

    async fn answer(&self, request: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let knobs = self.role.knobs.current();
        if !knobs.answer_delay.is_zero() {
            tokio::time::sleep(knobs.answer_delay).await;
        }
        respond(&self.shared, &self.role, &knobs, request, transport)
    }
}
