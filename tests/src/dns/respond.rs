//! One request in, at most one answer out.

use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use super::history::{QuerySeen, UpdateSeen};
use super::knobs::{DnsKnobs, UpdateFault};
use super::server::{Role, Shared};
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

/// Answers `request`; `None` leaves the client waiting.
pub(super) fn respond(
    shared: &Arc<Shared>,
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
    if let Some(edns) = &message.edns {
        let mut own = Edns::new();
        own.set_max_payload(UDP_PAYLOAD)
            .set_dnssec_ok(edns.flags().dnssec_ok);
        response.set_edns(own);
        if edns.version() > 0 {
            response.metadata.response_code = ResponseCode::BADVERS;
            return encode(response, &message, knobs, transport);
        }
    }
    match message.metadata.op_code {
        OpCode::Query => query(shared, role, knobs, &message, &mut response, transport)?,
        OpCode::Update => update(shared, role, knobs, &message, &mut response)?,
        _ => response.metadata.response_code = ResponseCode::NotImp,
    }
    encode(response, &message, knobs, transport)
}

fn query(
    shared: &Arc<Shared>,
    role: &Role,
    knobs: &DnsKnobs,
    message: &Message,
    response: &mut Message,
    transport: Transport,
) -> Option<()> {
    let [question] = message.queries.as_slice() else {
        response.metadata.response_code = ResponseCode::FormErr;
        return Some(());
    };
    let is_transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
    let fault = knobs.query_fault;
    let lost = fault.is_some_and(|fault| fault.code().is_none());
    if let Some(code) = fault.and_then(|fault| fault.code()) {
        response.metadata.response_code = code;
    } else if is_transfer || !matches!(question.query_class(), DNSClass::IN | DNSClass::ANY) {
        response.metadata.response_code = ResponseCode::Refused;
    } else if !lost {
        let found = {
            let zones = shared.zones.lock();
            lookup::answer(zones.ago(knobs.lag), question.name(), question.query_type())
        };
        response.metadata.response_code = found.code;
        response.metadata.authoritative = found.authoritative;
        response.add_answers(found.answers);
        response.add_authorities(found.authorities);
        response.add_additionals(found.additionals);
    }
    role.history.lock().remember_query(QuerySeen {
        at: clock::now(),
        name: plain(question.name()),
        record_type: question.query_type().to_string(),
        tcp: transport == Transport::Tcp,
        code: if lost {
            "(none)".to_owned()
        } else {
            mnemonic(response.metadata.response_code)
        },
    });
    (!lost).then_some(())
}

fn update(
    shared: &Arc<Shared>,
    role: &Role,
    knobs: &DnsKnobs,
    message: &Message,
    response: &mut Message,
) -> Option<()> {
    let code = match knobs.update_fault {
        Some(UpdateFault::Drop) => return None,
        Some(UpdateFault::Servfail) => ResponseCode::ServFail,
        Some(UpdateFault::Refused) => ResponseCode::Refused,
        Some(UpdateFault::LoseAnswer) | None if role.is_secondary => ResponseCode::NotAuth,
        Some(UpdateFault::LoseAnswer) | None => carry_out(shared, message).err().unwrap_or_default(),
    };
    response.metadata.response_code = code;
    role.history.lock().updates.push(UpdateSeen {
        at: clock::now(),
        zone: message
            .queries
            .first()
            .map(|zone| plain(zone.name()))
            .unwrap_or_default(),
        key: None,
        changes: update::described(message),
        code: mnemonic(code),
    });
    (knobs.update_fault != Some(UpdateFault::LoseAnswer)).then_some(())
}

/// RFC 2136 section 3.1, then the change, under one lock: updates of one zone never overlap.
fn carry_out(shared: &Arc<Shared>, message: &Message) -> Result<(), ResponseCode> {
    let [section] = message.queries.as_slice() else {
        return Err(ResponseCode::FormErr);
    };
    if section.query_type() != RecordType::SOA {
        return Err(ResponseCode::FormErr);
    }
    let mut zones = shared.zones.lock();
    let zone = zones
        .current()
        .zone(section.name())
        .ok_or(ResponseCode::NotAuth)?;
    if section.query_class() != DNSClass::IN {
        return Err(ResponseCode::NotAuth);
    }
    let applied = update::apply(zone, message, &shared.policy)?;
    if applied.changed {
        zones.advance(applied.zone);
    }
    Ok(())
}

fn encode(response: Message, request: &Message, knobs: &DnsKnobs, transport: Transport) -> Option<Vec<u8>> {
    let bytes = match response.to_vec() {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "cannot encode a DNS answer");
            return None;
        }
    };
    if transport == Transport::Tcp {
        return Some(bytes);
    }
    // without EDNS a client takes 512 bytes (RFC 1035 section 4.2.1)
    let limit = request
        .edns
        .as_ref()
        .map_or(512, |edns| edns.max_payload().clamp(512, UDP_PAYLOAD));
    if bytes.len() > usize::from(limit) || knobs.truncate_udp {
        return response.truncate().to_vec().ok();
    }
    Some(bytes)
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

/// The code as dig prints it.
fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}
