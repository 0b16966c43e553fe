//! One zone: its records and their order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde::Serialize;

use super::text::txt;
use super::{DnsError, fqdn, plain};

/// Seconds. Short, because everything in the lab changes.
const DEFAULT_TTL: u32 = 5;

/// A zone's records. Names are kept in the canonical order of RFC 4034 section 6.1, in which everything
/// below a name follows it directly.
#[derive(Clone, Debug)]
pub struct Zone {
    pub(super) origin: Name,
    pub(super) nodes: BTreeMap<Name, Node>,
}

/// The record sets at one name.
pub(super) type Node = BTreeMap<RecordType, RrSet>;

/// Records of one name and type: one TTL (RFC 2181 section 5.2), no duplicates.
#[derive(Clone, Debug)]
pub(super) struct RrSet {
    pub(super) ttl: u32,
    pub(super) data: Vec<RData>,
}

/// A record as a test wants to see it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RecordSeen {
    /// The owner, lower case, no final dot.
    pub name: String,
    /// Its type: `TXT`.
    pub record_type: String,
    /// Its value; TXT strings are joined.
    pub value: String,
}

impl Zone {
    /// A zone with an SOA and one name server `ns1` on 127.0.0.1 and ::1.
    ///
    /// # Errors
    /// `origin` is not a domain name.
    pub fn new(origin: &str) -> Result<Self, DnsError> {
        let origin = fqdn(origin)?;
        let ns1 = within(&origin, "ns1")?;
        let soa = SOA::new(
            ns1.clone(),
            within(&origin, "hostmaster")?,
            1,
            3600,
            600,
            86400,
            1,
        );
        let mut zone = Zone {
            origin: origin.clone(),
            nodes: BTreeMap::new(),
        };
        zone.insert(origin.clone(), DEFAULT_TTL, RData::SOA(soa));
        zone.insert(origin, DEFAULT_TTL, RData::NS(NS(ns1.clone())));
        zone.insert(ns1.clone(), DEFAULT_TTL, RData::A(A(Ipv4Addr::LOCALHOST)));
        zone.insert(ns1, DEFAULT_TTL, RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)));
        Ok(zone)
    }

    /// The zone with one more record; `name` is absolute.
    ///
    /// # Errors
    /// `name` is no name, or outside this zone.
    pub fn with(mut self, name: &str, ttl: u32, data: RData) -> Result<Self, DnsError> {
        let name = fqdn(name)?;
        if !self.origin.zone_of(&name) {
            return Err(DnsError::OutsideZone {
                name: plain(&name),
                zone: plain(&self.origin),
            });
        }
        self.insert(name, ttl, data);
        Ok(self)
    }

    /// One more address.
    ///
    /// # Errors
    /// As [`Zone::with`].
    pub fn with_address(self, name: &str, address: IpAddr) -> Result<Self, DnsError> {
        let data = match address {
            IpAddr::V4(v4) => RData::A(A(v4)),
            IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
        };
        self.with(name, DEFAULT_TTL, data)
    }

    /// One more TXT value.
    ///
    /// # Errors
    /// As [`Zone::with`].
    pub fn with_txt(self, name: &str, value: &str) -> Result<Self, DnsError> {
        self.with(name, DEFAULT_TTL, RData::TXT(txt(value)))
    }

    /// An alias; `name` may be a wildcard.
    ///
    /// # Errors
    /// As [`Zone::with`], also for `target`.
    pub fn with_cname(self, name: &str, target: &str) -> Result<Self, DnsError> {
        let target = fqdn(target)?;
        self.with(name, DEFAULT_TTL, RData::CNAME(CNAME(target)))
    }

    /// One more name server: at a name below the origin this is a delegation.
    ///
    /// # Errors
    /// As [`Zone::with`], also for `server`.
    pub fn with_ns(self, name: &str, server: &str) -> Result<Self, DnsError> {
        let server = fqdn(server)?;
        self.with(name, DEFAULT_TTL, RData::NS(NS(server)))
    }

    pub(super) fn insert(&mut self, name: Name, ttl: u32, data: RData) {
        let set = self
            .nodes
            .entry(name)
            .or_default()
            .entry(data.record_type())
            .or_insert(RrSet {
                ttl,
                data: Vec::new(),
            });
        set.ttl = ttl;
        if !set.data.contains(&data) {
            set.data.push(data);
        }
    }

    /// True if that changed something.
    pub(super) fn set_txt(&mut self, name: Name, value: &str, present: bool) -> bool {
        let data = RData::TXT(txt(value));
        let is_there = self
            .set(&name, RecordType::TXT)
            .is_some_and(|set| set.data.contains(&data));
        match (is_there, present) {
            (false, true) => self.insert(name, DEFAULT_TTL, data),
            (true, false) => {
                let node = self.nodes.entry(name.clone()).or_default();
                if let Some(set) = node.get_mut(&RecordType::TXT) {
                    set.data.retain(|there| *there != data);
                }
                node.retain(|_, set| !set.data.is_empty());
                if node.is_empty() {
                    self.nodes.remove(&name);
                }
            }
            (true, true) | (false, false) => return false,
        }
        true
    }

    pub(super) fn set(&self, name: &Name, record_type: RecordType) -> Option<&RrSet> {
        self.nodes.get(name)?.get(&record_type)
    }

    /// Whether the name exists: it has records, or something below it has (RFC 8020).
    pub(super) fn exists(&self, name: &Name) -> bool {
        self.nodes
            .range(name.clone()..)
            .next()
            .is_some_and(|(found, _)| name.zone_of(found))
    }

    pub(super) fn soa(&self) -> Option<(&SOA, u32)> {
        let set = self.set(&self.origin, RecordType::SOA)?;
        match set.data.first() {
            Some(RData::SOA(soa)) => Some((soa, set.ttl)),
            _ => None,
        }
    }

    pub(super) fn bump_serial(&mut self) {
        let set = self
            .nodes
            .get_mut(&self.origin)
            .and_then(|node| node.get_mut(&RecordType::SOA));
        if let Some(RData::SOA(soa)) = set.and_then(|set| set.data.first_mut()) {
            // RFC 1982: it wraps; 0 is avoided as RFC 2136 section 7.11 advises
            soa.serial = soa.serial.wrapping_add(1).max(1);
        }
    }

    /// Every record, in canonical order of names.
    pub fn records(&self) -> Vec<RecordSeen> {
        self.nodes
            .iter()
            .flat_map(|(name, node)| {
                node.iter().flat_map(move |(kind, set)| {
                    set.data.iter().map(move |data| RecordSeen {
                        name: plain(name),
                        record_type: kind.to_string(),
                        value: shown(data),
                    })
                })
            })
            .collect()
    }
}

impl RrSet {
    pub(super) fn records(&self, owner: &Name) -> impl Iterator<Item = Record> {
        self.data
            .iter()
            .map(|data| Record::from_rdata(owner.clone(), self.ttl, data.clone()))
    }
}

/// A value as a test compares it.
pub(super) fn shown(data: &RData) -> String {
    match data {
        RData::TXT(txt) => String::from_utf8_lossy(&txt.txt_data.concat()).into_owned(),
        other => other.to_string(),
    }
}

fn within(origin: &Name, label: &str) -> Result<Name, DnsError> {
    origin.prepend_label(label).map_err(|error| DnsError::Name {
        name: format!("{label}.{origin}"),
        reason: error.to_string(),
    })
}
