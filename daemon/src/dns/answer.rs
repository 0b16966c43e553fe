//! What a server said, read once and cautiously.

use std::{net::IpAddr, time::Duration};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RData, Record, RecordType},
    serialize::binary::{BinDecodable, BinDecoder, DecodeError},
};

use super::{
    caa::Property,
    extended_error::ExtendedError,
    failure::{Malformation, Rcode},
    question::{Kind, Question, domain_name, same_name},
};
use crate::types::DnsName;

/// The fixed header of RFC 1035 4.1.1.
pub(super) const HEADER: usize = 12;
/// CNAMEs followed inside one answer: no resolver makes longer chains (BIND stops at 16), and a hostile one that does
/// would have each of thousands of records compared with each.
const MAX_ALIASES: usize = 16;
/// Stands for CAA while an answer is decoded: of the types for private use (RFC 6895 3.1), so that nobody reads it.
const OPAQUE_CAA: u16 = 65_281;

/// A decoded answer to one [`Question`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// How the server judged the question.
    pub rcode: Rcode,
    /// The AA bit: the server serves the zone of the name asked for.
    pub authoritative: bool,
    /// The AD bit: a resolver that was asked found every record secure (RFC 4035 3.2.3).
    pub authenticated: bool,
    /// Why it is no better answer, if the server says more than its code (RFC 8914).
    pub extended_error: Option<ExtendedError>,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

/// What a datagram or a TCP message turned out to be.
#[derive(Debug)]
pub(super) enum Reading {
    /// The answer.
    Answer(Answer),
    /// The answer did not fit: ask over TCP.
    Truncated,
    /// Not meant for us, late, or forged: keep listening.
    NotOurs,
    /// From the server, and useless.
    Malformed(Malformation),
}

impl Reading {
    /// Reads a message that came from the right address. Never panics, whatever the octets.
    pub(super) fn of(octets: &[u8], id: u16, question: &Question) -> Reading {
        let Some((header, _)) = octets.split_first_chunk::<HEADER>() else {
            return Reading::NotOurs;
        };
        let is_response = header[2] & 0x80 != 0;
        if u16::from_be_bytes([header[0], header[1]]) != id || !is_response {
            return Reading::NotOurs;
        }
        if header[2] & 0x78 != 0 {
            return Reading::Malformed(Malformation::Opcode);
        }
        let is_error = header[3] & 0x0f != 0;
        match u16::from_be_bytes([header[4], header[5]]) {
            1 => {
                let mut decoder = BinDecoder::new(octets).clone(HEADER as u16);
                match Query::read(&mut decoder) {
                    Ok(query) if question.is(&query) => {}
                    Ok(_) => return Reading::NotOurs,
                    Err(_) => return Reading::Malformed(Malformation::Undecodable),
                }
            }
            // some servers drop the question together with their FORMERR
            0 if is_error => {}
            _ => return Reading::Malformed(Malformation::Question),
        }
        // before the records: some servers cut them in the middle
        if header[2] & 0x02 != 0 {
            return Reading::Truncated;
        }
        let message = match question.kind {
            Kind::Caa => Message::from_vec(&with_opaque_caa(octets)),
            _ => Message::from_vec(octets),
        };
        match message {
            Ok(message) => Reading::Answer(Answer {
                rcode: Rcode(message.metadata.response_code.into()),
                authoritative: message.metadata.authoritative,
                authenticated: message.metadata.authentic_data,
                extended_error: message.edns.as_ref().and_then(ExtendedError::of),
                answers: message.answers,
                authorities: message.authorities,
                additionals: message.additionals,
            }),
            Err(_) => Reading::Malformed(Malformation::Undecodable),
        }
    }
}

/// A referral to the servers of a zone further down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Referral {
    /// The delegated zone.
    pub apex: DnsName,
    /// Its name servers, each with the addresses that came along.
    pub hosts: Vec<(DnsName, Vec<IpAddr>)>,
}

impl Answer {
    /// Reads what came whole, over a transport of one's own, in answer to `question` with this id; `None` when it is
    /// no such answer.
    pub fn read(octets: &[u8], id: u16, question: &Question) -> Option<Self> {
        match Reading::of(octets, id, question) {
            Reading::Answer(answer) => Some(answer),
            Reading::Truncated | Reading::NotOurs | Reading::Malformed(_) => None,
        }
    }

    /// True for NOERROR and NXDOMAIN: the server knows.
    pub fn is_conclusive(&self) -> bool {
        matches!(self.rcode, Rcode::NO_ERROR | Rcode::NX_DOMAIN)
    }

    /// The TXT values at `name`, each as its joined character strings.
    pub fn txt(&self, name: &DnsName) -> Vec<Vec<u8>> {
        self.at(name)
            .filter_map(|record| match &record.data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
            .collect()
    }

    /// The CAA records at `name`, also those that no CA understands.
    pub(super) fn caa(&self, name: &DnsName) -> Vec<Property> {
        self.at(name)
            .filter_map(|record| match &record.data {
                RData::CAA(caa) => Some(Property {
                    flags: caa.flags(),
                    tag: caa.tag.clone().into_bytes(),
                    value: caa.value.clone(),
                }),
                RData::Unknown { code, rdata } if *code == RecordType::Unknown(OPAQUE_CAA) => {
                    Some(Property::read(&rdata.anything))
                }
                _ => None,
            })
            .collect()
    }

    /// The name at the end of the CNAMEs that the answer leads through from `name`; a resolver puts all of them into
    /// one.
    pub(super) fn canonical(&self, name: &DnsName) -> DnsName {
        let mut end = name.clone();
        for _ in 0..MAX_ALIASES {
            match self.cname(&end) {
                Some(Ok(target)) => end = target,
                Some(Err(_)) | None => break,
            }
        }
        end
    }

    /// True when the answer section has records of this type at `name`.
    pub(super) fn has(&self, name: &DnsName, kind: Kind) -> bool {
        self.at(name)
            .any(|record| record.record_type() == kind.record_type())
    }

    /// The target of the CNAME at `name`: `Err` with the target as text when it
    /// is not a name that can hold a challenge record.
    pub fn cname(&self, name: &DnsName) -> Option<Result<DnsName, String>> {
        self.at(name).find_map(|record| match &record.data {
            RData::CNAME(target) => Some(domain_name(&target.0).ok_or_else(|| target.0.to_ascii())),
            _ => None,
        })
    }

    /// True when the answer's CNAME follows from a DNAME above `name` (RFC 6672).
    pub fn has_dname(&self, name: &DnsName) -> bool {
        self.answers.iter().any(|record| {
            record.record_type() == RecordType::DNAME
                && domain_name(&record.name).is_some_and(|owner| owner != *name && name.is_within(&owner))
        })
    }

    /// The name server names at `name` in the answer section.
    pub(super) fn ns(&self, name: &DnsName) -> Vec<DnsName> {
        let mut hosts: Vec<_> = self.at(name).filter_map(host_of).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The addresses of `host`, or of where its CNAMEs in the answer lead.
    pub(super) fn addresses(&self, host: &DnsName) -> Vec<IpAddr> {
        let end = self.canonical(host);
        let addresses = self.at(&end).filter_map(|record| record.data.ip_addr());
        addresses.collect()
    }

    /// True when the answer section holds the SOA of `name` itself.
    pub(super) fn is_apex(&self, name: &DnsName) -> bool {
        self.has(name, Kind::Soa)
    }

    /// The apex named by the authority section of a negative answer about `name` (RFC 2308 2).
    pub(super) fn enclosing_apex(&self, name: &DnsName) -> Option<DnsName> {
        // behind an alias the SOA is that of the target's zone
        if !self.answers.is_empty() {
            return None;
        }
        self.authorities
            .iter()
            .filter(|record| record.record_type() == RecordType::SOA)
            .filter_map(|record| domain_name(&record.name))
            .find(|apex| name.is_within(apex))
    }

    /// The serial of the SOA in the authority section of a negative answer.
    pub fn serial(&self) -> Option<u32> {
        self.authorities.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        })
    }

    /// A referral from `zone` towards `name`: no answer, no authority, and the
    /// NS records of a zone that lies below `zone` and encloses `name`.
    pub(super) fn referral(&self, zone: &DnsName, name: &DnsName) -> Option<Referral> {
        if self.authoritative || self.rcode != Rcode::NO_ERROR || !self.answers.is_empty() {
            return None;
        }
        let servers = || {
            self.authorities
                .iter()
                .filter(|record| record.record_type() == RecordType::NS)
        };
        let apex = servers()
            .filter_map(|record| domain_name(&record.name))
            .find(|apex| apex != zone && apex.is_within(zone) && name.is_within(apex))?;
        let mut hosts: Vec<_> = servers()
            .filter(|record| same_name(&record.name, &apex))
            .filter_map(host_of)
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        Some(Referral {
            hosts: self.with_glue(hosts, zone),
            apex,
        })
    }

    /// Each host with its addresses in the additional section, as far as it is one of `zone`, whose server says this:
    /// what a server says of names elsewhere is hearsay (RFC 2181 5.4.1), and may be as old as the delegation.
    pub(super) fn with_glue(&self, hosts: Vec<DnsName>, zone: &DnsName) -> Vec<(DnsName, Vec<IpAddr>)> {
        let glue = |host: &DnsName| {
            let matching = self
                .additionals
                .iter()
                .filter(|record| host.is_within(zone) && same_name(&record.name, host));
            matching.filter_map(|record| record.data.ip_addr()).collect()
        };
        let with_glue = |host| {
            let addresses = glue(&host);
            (host, addresses)
        };
        hosts.into_iter().map(with_glue).collect()
    }

    /// How long the answer stays true: the smallest TTL in it; for a negative
    /// answer also the SOA's minimum (RFC 2308 5).
    pub(super) fn ttl(&self) -> Duration {
        let records = self.answers.iter().chain(&self.authorities);
        let seconds = records.map(|record| match &record.data {
            RData::SOA(soa) => record.ttl.min(soa.minimum),
            _ => record.ttl,
        });
        Duration::from_secs(u64::from(seconds.min().unwrap_or(0)))
    }

    /// How long a resolver that gave this answer gives it again: until the first of its records is too old, or the SOA
    /// of its "no" (RFC 2308 5). Zero when it has nothing to remember it by.
    pub(super) fn memory(&self) -> Duration {
        let records = self.answers.iter().map(|record| record.ttl);
        let no = self.authorities.iter().filter_map(|record| match &record.data {
            RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
            _ => None,
        });
        Duration::from_secs(u64::from(records.chain(no).min().unwrap_or(0)))
    }

    fn at<'a>(&'a self, name: &'a DnsName) -> impl Iterator<Item = &'a Record> {
        self.answers
            .iter()
            .filter(move |record| same_name(&record.name, name))
    }
}

/// The message with its CAA records made unreadable for hickory-proto, which takes a whole answer for undecodable when
/// one of them has a tag of other than letters and digits, or of more than 15. CAs read on (RFC 8659 4.1).
fn with_opaque_caa(octets: &[u8]) -> Vec<u8> {
    let mut copy = octets.to_vec();
    for at in caa_types(octets).unwrap_or_default() {
        copy[at..at + 2].copy_from_slice(&OPAQUE_CAA.to_be_bytes());
    }
    copy
}

/// Where the types of CAA records are in a message with one question, or none.
fn caa_types(octets: &[u8]) -> Result<Vec<usize>, DecodeError> {
    let mut decoder = BinDecoder::new(octets);
    let header = decoder.read_slice(HEADER)?.unverified(/*12 octets*/);
    if header[5] == 1 {
        Query::read(&mut decoder)?;
    }
    let mut places = Vec::new();
    for _ in 0..u16::from_be_bytes([header[6], header[7]]) {
        Name::read(&mut decoder)?;
        let at = decoder.index();
        let kind = decoder.read_u16()?.unverified(/*any type*/);
        // class and TTL
        decoder.read_slice(6)?;
        let length = decoder.read_u16()?.unverified(/*read_slice checks it*/);
        decoder.read_slice(length.into())?;
        if RecordType::from(kind) == RecordType::CAA {
            places.push(at);
        }
    }
    Ok(places)
}

fn host_of(record: &Record) -> Option<DnsName> {
    match &record.data {
        RData::NS(host) => domain_name(&host.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
