use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, RData, Record, rdata};
use parking_lot::Mutex;

use crate::{
    dns::{
        Answer, Authority, Dns, Endpoint, Failure, LocateError, Options, QueryError, Question, Rcode,
        Transport, ZoneOptions,
        location::{MAX_ALIASES, MAX_REFERRALS, MAX_SERVERS},
    },
    types::DnsName,
};

const CHALLENGE: &str = "_acme-challenge.a.b.example.org";
/// Names that the servers speak of: above, at, below and beside the challenge.
const NAMES: [&str; 16] = [
    "org",
    "example.org",
    "b.example.org",
    "a.b.example.org",
    CHALLENGE,
    "x._acme-challenge.a.b.example.org",
    "_acme-challenge.c.b.example.org",
    "ns.example.org",
    "ns.b.example.org",
    "net",
    "example.net",
    "_acme-challenge.example.net",
    "d.e.f.g.example.net",
    "ns.example.net",
    "",
    "not a name.example.org",
];
const RESOLVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Addresses of one server, as [`crate::dns::zone`] takes them: both families, from one answer each.
const ADDRESSES: usize = 32;
/// Questions that one name of a chain may take: every server of a zone in vain, at each referral, for the alias, a
/// sibling and a child's servers, and what resolvers are asked for.
const AT_ONE_NAME: usize = (MAX_REFERRALS + 2) * (3 * MAX_SERVERS * ADDRESSES + 4 * MAX_SERVERS) + 1000;

/// A look for a challenge name among servers that say whatever the octets make of each question, for ever.
pub(crate) fn walk(octets: &[u8]) {
    let Some((options, script)) = octets.split_first().filter(|(_, script)| !script.is_empty()) else {
        return;
    };
    let servers = Arc::new(Servers {
        script: script.to_vec(),
        state: Mutex::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let name: DnsName = CHALLENGE.parse().expect("a name");
    let dns =
        Dns::over(Arc::clone(&servers) as Arc<dyn Transport>, options_of(*options)).expect("good options");
    let found = runtime.block_on(dns.locate(&name));
    let state = servers.state.lock();
    assert!(
        state.asked <= (MAX_ALIASES + 1) * AT_ONE_NAME,
        "{} questions",
        state.asked
    );
    match found {
        Ok(location) => {
            assert!(location.chain.len() <= MAX_ALIASES);
            assert!(!location.servers.is_empty());
            assert!(location.servers.iter().all(|server| !server.addresses.is_empty()));
            assert!(location.owner.is_within(&location.zone), "{location:?}");
            assert!(
                !location.chain.is_empty() || !state.resolver_heard,
                "{location:?}"
            );
        }
        Err(error) => {
            // an answer comes at once here
            assert!(!matches!(error, LocateError::Deadline { .. }), "{error}");
            assert!(!error.to_string().chars().any(char::is_control), "{error}");
        }
    }
}

fn options_of(choice: u8) -> Options {
    let configured = ZoneOptions {
        authorities: vec![Authority::Address(RESOLVER)],
        ..ZoneOptions::default()
    };
    let zones = match choice & 3 {
        0 => BTreeMap::from([("b.example.org".parse().expect("a name"), configured)]),
        _ => BTreeMap::new(),
    };
    Options {
        resolvers: vec![RESOLVER.into()],
        query_timeout: Duration::from_secs(3600),
        zones,
        ..Options::default()
    }
}

#[derive(Debug)]
struct Servers {
    script: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at: usize,
    asked: usize,
    /// A resolver was asked at or below the challenge name.
    resolver_heard: bool,
}

impl Transport for Servers {
    fn ask<'a>(
        &'a self,
        server: &'a Endpoint,
        question: &'a Question,
        _: Duration,
    ) -> BoxFuture<'a, Result<Answer, QueryError>> {
        let result = self.reply(question).map_err(|failure| QueryError {
            server: server.clone(),
            question: question.clone(),
            failure,
        });
        Box::pin(std::future::ready(result))
    }
}

impl Servers {
    fn reply(&self, question: &Question) -> Result<Answer, Failure> {
        let mut state = self.state.lock();
        state.asked += 1;
        let challenge: DnsName = CHALLENGE.parse().expect("a name");
        state.resolver_heard |= question.recursive && question.name.is_within(&challenge);
        let mut octet = || {
            let octet = self.script[state.at % self.script.len()];
            state.at += 1;
            octet
        };
        let header = octet();
        let mut answer = Answer {
            rcode: match header & 7 {
                0..=4 => Rcode::NO_ERROR,
                5 => Rcode::NX_DOMAIN,
                6 => Rcode::SERV_FAIL,
                _ => return Err(Failure::ConnectionRefused),
            },
            authoritative: header & 8 != 0,
            authenticated: header & 16 != 0,
            extended_error: None,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        };
        for _ in 0..header >> 5 {
            let (place, data) = (octet(), octet());
            let owner = match place & 0x0f {
                0 => question.name.as_str(),
                other => NAMES[usize::from(other)],
            };
            let record = Record::from_rdata(named(owner), u32::from(data), self.data(place >> 6, data));
            match place >> 4 & 3 {
                0 | 3 => answer.answers.push(record),
                1 => answer.authorities.push(record),
                _ => answer.additionals.push(record),
            }
        }
        Ok(answer)
    }

    fn data(&self, kind: u8, data: u8) -> RData {
        let target = named(NAMES[usize::from(data & 0x0f)]);
        match kind {
            0 => RData::NS(rdata::NS(target)),
            1 => RData::CNAME(rdata::CNAME(target)),
            2 => RData::A(rdata::A::new(192, 0, 2, data)),
            _ => RData::SOA(rdata::SOA::new(
                target.clone(),
                target,
                1,
                1,
                1,
                1,
                u32::from(data),
            )),
        }
    }
}

fn named(text: &str) -> Name {
    let labels = text
        .split('.')
        .filter(|label| !label.is_empty())
        .map(str::as_bytes);
    Name::from_labels(labels).expect("a name")
}
