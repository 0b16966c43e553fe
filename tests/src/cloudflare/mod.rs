//! A strict double of the part of Cloudflare's API that changes DNS records.
//!
//! It keeps zones, records and tokens, validates every request down to unknown fields, and answers with
//! Cloudflare's own codes and words. Where the real API is lenient or its limit is not known, it is the
//! stricter of the two. `tests/lab_cloudflare.rs` shows that it serves Cloudflare's own Python SDK unchanged.
//!
//! Records are kept as given: TXT content with or without quotes, as the real API does. It has no name servers of its
//! own: [`Cloudflare::serve_at`] has the lab's show its zones.

mod answer;
mod batch;
mod filter;
mod http;
mod knobs;
mod record;
mod records;
mod served;
mod token;
mod zone;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ca::ServerIdentity;
use crate::dns::DnsServer;
use crate::knobs::KnobCell;
use crate::service::Service;

pub use knobs::{Fault, Knobs, RateLimit};
pub use record::Record;
pub use token::{Rights, Token, TokenStatus};
pub use zone::{Plan, Zone};

use record::new_id;

/// A running double. It ends when dropped.
#[derive(Debug)]
pub struct Cloudflare {
    shared: Arc<Shared>,
    service: Service,
}

/// What requests see.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    knobs: KnobCell<Knobs>,
}

#[derive(Debug, Default)]
struct State {
    zones: Vec<Zone>,
    tokens: Vec<Token>,
    requests: Vec<RequestSeen>,
    /// Shows the zones, where a test has it so.
    server: Option<Arc<DnsServer>>,
}

/// A request that was answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestSeen {
    /// `GET`, `POST`, ..
    pub method: String,
    /// Path and query below `/client/v4`.
    pub target: String,
    /// Status of the answer.
    pub status: u16,
    /// Who sent it, by its own words.
    pub user_agent: String,
}

impl Cloudflare {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port is left.
    pub async fn start() -> io::Result<Self> {
        Self::serve((Ipv4Addr::LOCALHOST, 0).into(), None).await
    }

    /// Starts one on a free port of ::1.
    ///
    /// # Errors
    /// No port is left, or this machine has no IPv6.
    pub async fn start_ipv6() -> io::Result<Self> {
        Self::serve((Ipv6Addr::LOCALHOST, 0).into(), None).await
    }

    /// Starts one on a free port of 127.0.0.1 that speaks TLS.
    ///
    /// # Errors
    /// No port is left, or OpenSSL refuses the identity.
    pub async fn start_tls(identity: &ServerIdentity) -> io::Result<Self> {
        Self::serve((Ipv4Addr::LOCALHOST, 0).into(), Some(identity)).await
    }

    async fn serve(addr: SocketAddr, identity: Option<&ServerIdentity>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let service = Service::listen(addr, http::router(shared.clone()), identity).await?;
        Ok(Self { shared, service })
    }

    /// What a client is configured with.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.service.url(), http::BASE)
    }

    /// An active zone of the Free plan, without records. Gives its id.
    pub fn add_zone(&self, name: &str) -> String {
        self.add_zone_as(name, "active", Plan::Free)
    }

    /// A zone in any state. Gives its id.
    pub fn add_zone_as(&self, name: &str, status: &str, plan: Plan) -> String {
        let zone = Zone::new(name, status, plan);
        let id = zone.id.clone();
        let mut state = self.shared.state.lock();
        state.zones.push(zone);
        state.show(&id);
        id
    }

    /// Registers a token. Gives its secret, 40 characters.
    pub fn add_token(&self, rights: Rights) -> String {
        self.add_token_as(rights, TokenStatus::Active, false)
    }

    /// A token in any state; one of an account is not known to `user/tokens/verify`.
    pub fn add_token_as(&self, rights: Rights, status: TokenStatus, of_account: bool) -> String {
        let token = Token::new(rights, status, of_account);
        let secret = token.secret.clone();
        self.shared.state.lock().tokens.push(token);
        secret
    }

    /// A record that somebody else made. Gives its id.
    ///
    /// # Panics
    /// If there is no such zone.
    pub fn add_record(&self, zone: &str, kind: &str, name: &str, content: &str) -> String {
        let record = Record::foreign(kind, name, content);
        let id = record.id.clone();
        let mut state = self.shared.state.lock();
        let found = state.zones.iter_mut().find(|it| it.id == zone);
        found.expect("a zone of this double").records.push(record);
        state.show(zone);
        id
    }

    /// Gives every record of a zone another id, as an import of the zone does.
    pub fn renumber(&self, zone: &str) {
        let mut state = self.shared.state.lock();
        for zone in state.zones.iter_mut().filter(|it| it.id == zone) {
            zone.records.iter_mut().for_each(|record| record.id = new_id());
        }
    }

    /// Changes the content of a record under its id, as a person in the dashboard does.
    pub fn edit(&self, zone: &str, record: &str, content: &str) {
        let mut state = self.shared.state.lock();
        let zones = state.zones.iter_mut().filter(|it| it.id == zone);
        for record in zones
            .flat_map(|zone| &mut zone.records)
            .filter(|it| it.id == record)
        {
            record.content = content.to_owned();
        }
        state.show(zone);
    }

    /// All records of a zone, oldest first.
    pub fn records(&self, zone: &str) -> Vec<Record> {
        let state = self.shared.state.lock();
        let zone = state.zones.iter().find(|it| it.id == zone);
        zone.map(|zone| zone.records.clone()).unwrap_or_default()
    }

    /// TXT values at a name in any zone as DNS would serve them, sorted.
    pub fn txt(&self, name: &str) -> Vec<String> {
        let state = self.shared.state.lock();
        let records = state.zones.iter().flat_map(|zone| &zone.records);
        let mut values: Vec<String> = records
            .filter(|record| record.kind == "TXT" && record.name == name)
            .map(|record| record::served(&record.content))
            .collect();
        values.sort();
        values
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.shared.state.lock().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.state.lock().requests.clear();
    }

    /// Faults and habits.
    pub fn knobs(&self) -> &KnobCell<Knobs> {
        &self.shared.knobs
    }
}
