//! Name servers without a network: zones in text, served as RFC 1034 4.3.2 says.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::NULL};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    Answer, Checking, Endpoint, ExtendedError, Failure, Kind, QueryError, Question, Rcode, Transport,
};

/// A small internet.
#[derive(Debug, Default)]
pub(crate) struct FakeNet {
    servers: Mutex<HashMap<SocketAddr, Server>>,
    /// Every question, in order.
    pub(crate) asked: Mutex<Vec<(SocketAddr, Question)>>,
    /// On their way, and the most that ever were at once.
    pub(crate) under_way: Mutex<(usize, usize)>,
}

#[derive(Debug, Clone, Default)]
struct Server {
    zones: Vec<Zone>,
    recursive: bool,
    /// What a recursive one remembers, and from when on; `None` for one that remembers nothing.
    memory: Option<HashMap<Question, (Instant, Answer)>>,
    mood: Mood,
}

/// How a server behaves.
#[derive(Debug, Clone, Default)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Nothing comes back.
    Silent,
    /// Nothing comes back of questions about this name.
    SilentAbout(&'static str),
    /// The question cannot even be asked.
    Fails(Failure),
    /// Every answer says this.
    Says(Rcode),
    /// Answers, but without authority.
    NotAuthoritative,
    /// A validating resolver that finds everything secure.
    Validates,
    /// A validating resolver that finds everything bogus.
    FindsBogus(ExtendedError),
}

#[derive(Debug, Clone)]
struct Zone {
    apex: String,
    records: Vec<(String, RData)>,
}

const TTL: u32 = 300;

impl FakeNet {
    /// An authority for the zone `apex`, with lines of `owner TYPE data`.
    pub(crate) fn serve(&self, server: &str, apex: &str, lines: &str) {
        let records = lines
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(record)
            .collect();
        let mut servers = self.servers.lock();
        let zones = &mut servers.entry(address(server)).or_default().zones;
        zones.retain(|zone| zone.apex != apex);
        zones.push(Zone {
            apex: apex.to_owned(),
            records,
        });
    }

    /// A recursive resolver that knows every zone.
    pub(crate) fn resolve(&self, server: &str) {
        self.servers.lock().entry(address(server)).or_default().recursive = true;
    }

    /// A recursive resolver that knows every zone, and gives an answer again until it is too old.
    pub(crate) fn resolve_and_remember(&self, server: &str) {
        self.resolve(server);
        let mut servers = self.servers.lock();
        servers.entry(address(server)).or_default().memory = Some(HashMap::new());
    }

    pub(crate) fn mood(&self, server: &str, mood: Mood) {
        self.servers.lock().entry(address(server)).or_default().mood = mood;
    }

    /// Adds one line to a zone on one server.
    pub(crate) fn publish(&self, server: &str, apex: &str, line: &str) {
        let mut servers = self.servers.lock();
        let zones = &mut servers.get_mut(&address(server)).expect("a server").zones;
        zones
            .iter_mut()
            .find(|zone| zone.apex == apex)
            .expect("a zone")
            .records
            .push(record(line));
    }

    /// Takes every record of a name out of a zone on one server.
    pub(crate) fn remove(&self, server: &str, apex: &str, owner: &str) {
        let mut servers = self.servers.lock();
        let zones = &mut servers.get_mut(&address(server)).expect("a server").zones;
        let zone = zones.iter_mut().find(|zone| zone.apex == apex).expect("a zone");
        zone.records.retain(|(name, _)| name != owner);
    }

    /// How often `server` was asked.
    pub(crate) fn count(&self, server: &str) -> usize {
        self.asked
            .lock()
            .iter()
            .filter(|(to, _)| *to == address(server))
            .count()
    }

    fn reply(&self, server: SocketAddr, question: &Question) -> Result<Answer, Failure> {
        let mut servers = self.servers.lock();
        let Some(here) = servers.get(&server).cloned() else {
            return Err(Failure::ConnectionRefused);
        };
        let remembered = here.memory.as_ref().and_then(|memory| memory.get(question));
        let mut answer = if let Some(answer) = remembered.and_then(|(since, answer)| aged(answer, *since)) {
            answer
        } else if here.recursive {
            let zones: Vec<_> = servers
                .values()
                .flat_map(|server| &server.zones)
                .cloned()
                .collect();
            let found = recurse(&zones, question);
            if let Some(memory) = servers.get_mut(&server).and_then(|here| here.memory.as_mut()) {
                memory.insert(question.clone(), (Instant::now(), found.clone()));
            }
            found
        } else {
            answer(&here.zones, question.name.as_str(), question.kind)
        };
        match &here.mood {
            Mood::Well | Mood::Silent | Mood::SilentAbout(_) => {}
            Mood::Fails(failure) => return Err(failure.clone()),
            Mood::Says(rcode) => {
                answer = Answer {
                    rcode: *rcode,
                    ..empty()
                }
            }
            Mood::NotAuthoritative => answer.authoritative = false,
            Mood::Validates => answer.authenticated = question.checking == Checking::Wanted,
            Mood::FindsBogus(_) if question.checking == Checking::Disabled => {}
            Mood::FindsBogus(why) => {
                answer = Answer {
                    rcode: Rcode::SERV_FAIL,
                    extended_error: Some(why.clone()),
                    ..empty()
                }
            }
        }
        Ok(answer)
    }
}

impl Transport for FakeNet {
    fn ask<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        question: &'a Question,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>> {
        Box::pin(async move {
            let server = endpoint.address;
            self.asked.lock().push((server, question.clone()));
            let _under_way = UnderWay::begin(&self.under_way);
            tokio::time::sleep(Duration::from_millis(1)).await;
            let silent = match self.servers.lock().get(&server).map(|server| &server.mood) {
                Some(Mood::Silent) => true,
                Some(Mood::SilentAbout(name)) => question.name.as_str() == *name,
                _ => false,
            };
            let result = if silent {
                tokio::time::sleep(timeout).await;
                Err(Failure::Silent { waited: timeout })
            } else {
                self.reply(server, question)
            };
            result.map_err(|failure| QueryError {
                server: endpoint.clone(),
                question: question.clone(),
                failure,
            })
        })
    }
}

struct UnderWay<'a>(&'a Mutex<(usize, usize)>);

impl<'a> UnderWay<'a> {
    fn begin(counts: &'a Mutex<(usize, usize)>) -> Self {
        let mut locked = counts.lock();
        locked.0 += 1;
        locked.1 = locked.1.max(locked.0);
        UnderWay(counts)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().0 -= 1;
    }
}

/// `host` alone means port 53.
pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse()
        .or_else(|_| text.parse().map(|ip: std::net::IpAddr| (ip, 53).into()))
        .expect("an address")
}

fn record(line: &str) -> (String, RData) {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().expect("owner TYPE data");
    let (owner, kind, data) = (word(), word(), word());
    let kind: RecordType = kind.parse().expect("a type");
    let data = match kind {
        // which hickory reads with cryptography of its own only
        RecordType::DS => RData::Unknown {
            code: kind,
            rdata: NULL::with(data.as_bytes().to_vec()),
        },
        kind => RData::try_from_str(kind, data).expect("record data"),
    };
    (owner.to_owned(), data)
}

fn empty() -> Answer {
    Answer {
        rcode: Rcode::NO_ERROR,
        authoritative: false,
        authenticated: false,
        extended_error: None,
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
    }
}

fn below(name: &str, above: &str) -> bool {
    name == above || name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

fn wire(owner: &str, data: &RData) -> Record {
    Record::from_rdata(
        Name::from_ascii(format!("{owner}.")).expect("a name"),
        TTL,
        data.clone(),
    )
}

fn answer(zones: &[Zone], name: &str, kind: Kind) -> Answer {
    let enclosing = zones.iter().filter(|zone| below(name, &zone.apex));
    let Some(zone) = enclosing.max_by_key(|zone| zone.apex.len()) else {
        return Answer {
            rcode: Rcode::REFUSED,
            ..empty()
        };
    };
    let at = |owner: &str| -> Vec<&RData> {
        zone.records
            .iter()
            .filter(|(name, _)| name == owner)
            .map(|(_, data)| data)
            .collect()
    };
    let is_cut = |owner: &str, data: &RData| owner != zone.apex && data.record_type() == RecordType::NS;
    let cut = zone
        .records
        .iter()
        .find(|(owner, data)| is_cut(owner, data) && below(name, owner));
    if let Some((cut, _)) = cut {
        let mut referral = empty();
        referral.authorities = at(cut).iter().map(|data| wire(cut, data)).collect();
        let glue = zone
            .records
            .iter()
            .filter(|(owner, data)| below(owner, cut) && data.ip_addr().is_some());
        referral.additionals = glue.map(|(owner, data)| wire(owner, data)).collect();
        return referral;
    }
    let exists = |owner: &str| owner == zone.apex || zone.records.iter().any(|(name, _)| below(name, owner));
    let mut source = name.to_owned();
    if !exists(name) {
        let mut encloser = name;
        while !exists(encloser) {
            encloser = encloser.split_once('.').expect("the apex exists").1;
        }
        source = format!("*.{encloser}");
    }
    let records = at(&source);
    let mut reply = Answer {
        authoritative: true,
        ..empty()
    };
    let wanted =
        |data: &&&RData| matches!(data.record_type(), t if t == kind.record_type() || t == RecordType::CNAME);
    reply.answers = records
        .iter()
        .filter(wanted)
        .map(|data| wire(name, data))
        .collect();
    let soa = RData::try_from_str(RecordType::SOA, "ns.invalid. admin.invalid. 7 3600 600 86400 60")
        .expect("an SOA");
    if kind == Kind::Soa && name == zone.apex {
        reply.answers.push(wire(name, &soa));
    }
    if reply.answers.is_empty() {
        reply.authorities.push(wire(&zone.apex, &soa));
        reply.rcode = if exists(name) || !records.is_empty() {
            Rcode::NO_ERROR
        } else {
            Rcode::NX_DOMAIN
        };
    }
    reply
}

/// An answer as a resolver gives it after a while; `None` when it is too old.
fn aged(answer: &Answer, since: Instant) -> Option<Answer> {
    let age = u32::try_from(since.elapsed().as_secs()).ok()?;
    let left = answer.memory().checked_sub(since.elapsed())?;
    let mut answer = answer.clone();
    for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
        record.ttl = record.ttl.saturating_sub(age).min(left.as_secs() as u32 + 1);
    }
    Some(answer)
}

fn recurse(zones: &[Zone], question: &Question) -> Answer {
    let mut name = question.name.as_str().to_owned();
    let mut answers = Vec::new();
    for _ in 0..16 {
        let mut found = answer(zones, &name, question.kind);
        let target = found.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if question.kind != Kind::Cname => Some(target.0.to_ascii()),
            _ => None,
        });
        answers.append(&mut found.answers);
        match target {
            Some(target) => name = target.trim_end_matches('.').to_owned(),
            None if found.rcode == Rcode::REFUSED => {
                return Answer {
                    rcode: Rcode::NX_DOMAIN,
                    ..empty()
                };
            }
            None => {
                return Answer {
                    answers,
                    authoritative: false,
                    ..found
                };
            }
        }
    }
    Answer {
        rcode: Rcode::SERV_FAIL,
        ..empty()
    }
}
