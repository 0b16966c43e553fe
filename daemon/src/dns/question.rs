//! What is asked of a server, and its wire form.

use std::fmt;

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};

use super::failure::Malformation;
use crate::types::DnsName;

/// Largest UDP answer we ask for: fits every path without fragments (DNS flag day 2020).
pub(super) const UDP_PAYLOAD: u16 = 1232;

/// The record types that this daemon asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Which CAs may issue (RFC 8659).
    Caa,
    /// An alias.
    Cname,
    /// What a parent zone says of its child's keys (RFC 4034 5).
    Ds,
    /// Name servers.
    Ns,
    /// Start of authority.
    Soa,
    /// Text: the challenge records.
    Txt,
}

impl Kind {
    pub(super) fn record_type(self) -> RecordType {
        match self {
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
            Kind::Caa => RecordType::CAA,
            Kind::Cname => RecordType::CNAME,
            Kind::Ds => RecordType::DS,
            Kind::Ns => RecordType::NS,
            Kind::Soa => RecordType::SOA,
            Kind::Txt => RecordType::TXT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::A => "a",
            Kind::Aaaa => "aaaa",
            Kind::Caa => "caa",
            Kind::Cname => "cname",
            Kind::Ds => "ds",
            Kind::Ns => "ns",
            Kind::Soa => "soa",
            Kind::Txt => "txt",
        })
    }
}

/// What a validating resolver is asked for beside the records (RFC 4035 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checking {
    /// Nothing.
    #[default]
    Unasked,
    /// To say whether it found them secure: the AD bit, which a question may carry too (RFC 6840 5.7).
    Wanted,
    /// To give them whatever it finds: the CD bit.
    Disabled,
}

/// One question, class IN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The owner name asked about.
    pub name: DnsName,
    /// The record type asked for.
    pub kind: Kind,
    /// Recursion desired: true for resolvers, false for authorities.
    pub recursive: bool,
    /// What a resolver does about signatures.
    pub checking: Checking,
}

impl Question {
    /// A question for an authoritative server (RD=0).
    pub fn authoritative(name: DnsName, kind: Kind) -> Self {
        Question {
            name,
            kind,
            recursive: false,
            checking: Checking::Unasked,
        }
    }

    /// A question for a recursive resolver (RD=1).
    pub fn recursive(name: DnsName, kind: Kind) -> Self {
        Question {
            name,
            kind,
            recursive: true,
            checking: Checking::Unasked,
        }
    }

    /// The same with another wish about signatures.
    pub fn checked(self, checking: Checking) -> Self {
        Question { checking, ..self }
    }

    /// The message to send. `edns` is false only for servers that cannot bear an OPT record.
    ///
    /// # Errors
    /// When the name is none that DNS allows.
    pub fn encode(&self, id: u16, edns: bool) -> Result<Vec<u8>, Malformation> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.recursive;
        message.metadata.authentic_data = self.checking == Checking::Wanted;
        message.metadata.checking_disabled = self.checking == Checking::Disabled;
        let name = wire_name(&self.name).ok_or(Malformation::Unencodable)?;
        message.add_query(Query::query(name, self.kind.record_type()));
        if edns {
            let mut options = Edns::new();
            options.set_max_payload(UDP_PAYLOAD);
            message.set_edns(options);
        }
        message.to_vec().map_err(|_| Malformation::Unencodable)
    }

    /// True when `query`, from an answer's question section, is this question.
    pub(super) fn is(&self, query: &Query) -> bool {
        query.query_type() == self.kind.record_type()
            && query.query_class() == hickory_proto::rr::DNSClass::IN
            && same_name(query.name(), &self.name)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.kind, self.name)?;
        match self.checking {
            Checking::Unasked | Checking::Wanted => Ok(()),
            Checking::Disabled => f.write_str(" unchecked"),
        }
    }
}

/// `name` for hickory. `None` only if a [`DnsName`] were longer than DNS allows.
pub(super) fn wire_name(name: &DnsName) -> Option<Name> {
    Name::from_labels(name.labels().map(str::as_bytes)).ok()
}

/// `name` for us; `None` for names that no host or challenge record has (spaces, binary, root).
pub(super) fn domain_name(name: &Name) -> Option<DnsName> {
    let mut text = String::with_capacity(name.len());
    for label in name.iter() {
        // a dot inside a label would change where it ends
        if label.contains(&b'.') {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(std::str::from_utf8(label).ok().filter(|label| label.is_ascii())?);
    }
    text.parse().ok()
}

/// Compares without regard to case and without allocating.
pub(super) fn same_name(wire: &Name, name: &DnsName) -> bool {
    let mut labels = wire.iter();
    name.labels().all(|label| {
        labels
            .next()
            .is_some_and(|wire| wire.eq_ignore_ascii_case(label.as_bytes()))
    }) && labels.next().is_none()
}
