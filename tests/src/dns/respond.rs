//! One request in, at most one answer out.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use super::history::{QuerySeen, UpdateSeen};
use super::knobs::{DnsKnobs, UpdateFault};
use super::server::{Role, Shared};
use super::tsig::{self, Checked, Session};
use super::{lookup, plain, update};
use crate::clock;

/// UDP payload that fits any path (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;

/// How a request came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    /// One datagram; answers may have to be cut.
    Udp,
    /// Two bytes of length in front.
    Tcp,
}

/// One request on its way through.
struct Exchange<'e> {
    shared: &'e Shared,
    role: &'e Role,
    knobs: &'e DnsKnobs,
    message: &'e Message,
    session: Option<&'e Session>,
    transport: Transport,
}

/// Answers `request`; `None` leaves the client waiting.
pub(super) fn respond(
    shared: &Shared,
    role: &Role,
    knobs: &DnsKnobs,
    request: &[u8],
    transport: Transport,
) -> Option<Vec<u8>> {
    let message = match Message::from_vec(request) {
        Ok(message) => message,
        Err(error) => {
            tracing::debug!(%error, "request is not a DNS message");
            return format_error(request);
        }
    };
    if message.metadata.message_type == MessageType::Response {
        // answering answers would let two servers talk for ever
        return None;
    }
    let mut response = Message::response(message.metadata.id, message.metadata.op_code);
    response.metadata.recursion_desired = message.metadata.recursion_desired;
    response.add_queries(message.queries.iter().cloned());
    let (session, is_authentic) = match tsig::check(&shared.keys, request, unix_now(knobs)) {
        Checked::Unsigned => (None, true),
        Checked::Good(session) => (Some(session), true),
        Checked::Bad(session) => (Some(session), false),
        Checked::Malformed => return format_error(request),
    };
    let exchange = Exchange {
        shared,
        role,
        knobs,
        message: &message,
        session: session.as_ref(),
        transport,
    };
    if let Some(edns) = &message.edns {
        let mut own = Edns::new();
        own.set_max_payload(UDP_PAYLOAD)
            .set_dnssec_ok(edns.flags().dnssec_ok);
        response.set_edns(own);
        if edns.version() > 0 {
            response.metadata.response_code = ResponseCode::BADVERS;
            return exchange.encode(response);
        }
    }
    match message.metadata.op_code {
        OpCode::Update => exchange.update(&mut response, is_authentic)?,
        _ if !is_authentic => response.metadata.response_code = ResponseCode::NotAuth,
        OpCode::Query => exchange.query(&mut response)?,
        _ => response.metadata.response_code = ResponseCode::NotImp,
    }
    exchange.encode(response)
}

impl Exchange<'_> {
    fn query(&self, response: &mut Message) -> Option<()> {
        let [question] = self.message.queries.as_slice() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return Some(());
        };
        let is_transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
        let fault = self.knobs.query_fault;
        let is_lost = fault.is_some_and(|fault| fault.code().is_none());
        if let Some(code) = fault.and_then(|fault| fault.code()) {
            response.metadata.response_code = code;
        } else if is_transfer || !matches!(question.query_class(), DNSClass::IN | DNSClass::ANY) {
            response.metadata.response_code = ResponseCode::Refused;
        } else if !is_lost {
            let found = {
                let zones = self.shared.zones.lock();
                lookup::answer(zones.ago(self.knobs.lag), question.name(), question.query_type())
            };
            response.metadata.response_code = found.code;
            response.metadata.authoritative = found.authoritative;
            response.add_answers(found.answers);
            response.add_authorities(found.authorities);
            response.add_additionals(found.additionals);
        }
        self.role.history.lock().remember_query(QuerySeen {
            at: clock::now(),
            name: plain(question.name()),
            record_type: question.query_type().to_string(),
            tcp: self.transport == Transport::Tcp,
            code: if is_lost {
                "(none)".to_owned()
            } else {
                mnemonic(response.metadata.response_code)
            },
        });
        (!is_lost).then_some(())
    }

    fn update(&self, response: &mut Message, is_authentic: bool) -> Option<()> {
        let fault = self.knobs.update_fault;
        let code = match fault {
            Some(UpdateFault::Drop) => return None,
            Some(UpdateFault::Servfail) => ResponseCode::ServFail,
            Some(UpdateFault::Refused) => ResponseCode::Refused,
            Some(UpdateFault::LoseAnswer) | None if !is_authentic || self.role.is_secondary => {
                ResponseCode::NotAuth
            }
            Some(UpdateFault::LoseAnswer) | None => self.carry_out().err().unwrap_or_default(),
        };
        response.metadata.response_code = code;
        self.role.history.lock().updates.push(UpdateSeen {
            at: clock::now(),
            zone: self
                .message
                .queries
                .first()
                .map(|zone| plain(zone.name()))
                .unwrap_or_default(),
            key: self.session.and_then(Session::key_name).map(str::to_owned),
            changes: update::described(self.message),
            code: mnemonic(code),
        });
        (fault != Some(UpdateFault::LoseAnswer)).then_some(())
    }

    /// RFC 2136 section 3.1, then the change, under one lock: updates of one zone never overlap.
    fn carry_out(&self) -> Result<(), ResponseCode> {
        let [section] = self.message.queries.as_slice() else {
            return Err(ResponseCode::FormErr);
        };
        if section.query_type() != RecordType::SOA {
            return Err(ResponseCode::FormErr);
        }
        if !self.shared.keys.is_empty() && self.session.is_none() {
            return Err(ResponseCode::Refused);
        }
        let mut zones = self.shared.zones.lock();
        let zone = zones
            .current()
            .zone(section.name())
            .ok_or(ResponseCode::NotAuth)?;
        if section.query_class() != DNSClass::IN {
            return Err(ResponseCode::NotAuth);
        }
        let applied = update::apply(zone, self.message, &self.shared.policy)?;
        if applied.changed {
            zones.advance(applied.zone);
        }
        Ok(())
    }

    fn encode(&self, response: Message) -> Option<Vec<u8>> {
        let bytes = self.sealed(&response)?;
        if self.transport == Transport::Tcp {
            return Some(bytes);
        }
        // without EDNS a client takes 512 bytes (RFC 1035 section 4.2.1)
        let payload = self.message.edns.as_ref().map(|edns| edns.max_payload());
        let limit = payload.map_or(512, |payload| payload.clamp(512, UDP_PAYLOAD));
        if bytes.len() > usize::from(limit) || self.knobs.truncate_udp {
            return self.sealed(&response.truncate());
        }
        Some(bytes)
    }

    fn sealed(&self, response: &Message) -> Option<Vec<u8>> {
        let bytes = match response.to_vec() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "cannot encode a DNS answer");
                return None;
            }
        };
        match self
            .session
            .map(|session| session.seal(bytes.clone(), unix_now(self.knobs)))
        {
            None => Some(bytes),
            Some(Ok(sealed)) => Some(sealed),
            Some(Err(error)) => {
                tracing::error!(%error, "cannot sign a DNS answer");
                None
            }
        }
    }
}

/// FORMERR for what has at least a header; silence for the rest.
fn format_error(request: &[u8]) -> Option<Vec<u8>> {
    let header = request.get(..12)?;
    let is_response = header[2] & 0x80 != 0;
    if is_response {
        return None;
    }
    let id = u16::from_be_bytes([header[0], header[1]]);
    let op_code = OpCode::from_u8((header[2] >> 3) & 0x0f);
    Message::error_msg(id, op_code, ResponseCode::FormErr)
        .to_vec()
        .ok()
}

fn unix_now(knobs: &DnsKnobs) -> u64 {
    u64::try_from(clock::now().as_second().saturating_add(knobs.clock_offset)).unwrap_or_default()
}

/// The code as dig prints it.
fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}
