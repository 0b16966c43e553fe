//! Answers that are proven to come from the server, and what makes them so.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};

use crate::error::Error;
use crate::tsig::{Key, Mac, ResponseFault, error_code};

/// An answer that belongs to our request; if that was signed, so is this, rightly.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who gave it, for messages.
    pub server: String,
    /// The message, without its signature.
    pub message: Message,
}

impl Answer {
    /// Its RCODE.
    #[must_use]
    pub fn code(&self) -> ResponseCode {
        self.message.metadata.response_code
    }
}

/// What a packet turned out to be.
pub(crate) enum Judged {
    /// The answer.
    Good(Box<Message>),
    /// The answer does not fit a datagram: ask over TCP.
    Truncated,
    /// Something else that came in: go on waiting.
    NotOurs,
    /// It may come from the server or from anybody: never a success. Over a datagram
    /// anybody can send this; over TCP nearly nobody.
    Unproven(Error),
}

/// A request that was sent, for holding answers against.
pub(crate) struct Sent<'a> {
    pub server: &'a str,
    pub request: &'a Message,
    pub signed: Option<(&'a Key, &'a Mac, u64)>,
}

impl Sent<'_> {
    /// Judges a packet that arrived at `now`.
    pub(crate) fn judge(&self, packet: &[u8], now: u64) -> Judged {
        let id = self.request.metadata.id.to_be_bytes();
        if packet.len() < 12 || packet[..2] != id {
            return Judged::NotOurs;
        }
        let plain = match self.signed {
            None => packet.to_vec(),
            Some((key, mac, signed_at)) => match key.verify_response(mac, packet, now) {
                Ok(plain) => plain,
                Err(fault) => return self.unproven(key, fault, packet, signed_at),
            },
        };
        let Ok(message) = Message::from_vec(&plain) else {
            return Judged::Unproven(Error::Malformed {
                server: self.server.to_owned(),
            });
        };
        let (sent, got) = (&self.request.metadata, &message.metadata);
        if got.message_type != MessageType::Response || got.op_code != sent.op_code {
            return Judged::NotOurs;
        }
        if got.truncation {
            return Judged::Truncated;
        }
        // an error, and any answer to an update, may leave the section out
        let optional = sent.op_code == OpCode::Update || got.response_code != ResponseCode::NoError;
        if message.queries != self.request.queries && !(optional && message.queries.is_empty()) {
            return Judged::NotOurs;
        }
        Judged::Good(Box::new(message))
    }

    fn unproven(&self, key: &Key, fault: ResponseFault, packet: &[u8], signed_at: u64) -> Judged {
        let server = self.server.to_owned();
        let name = key.name().to_owned();
        Judged::Unproven(match fault {
            ResponseFault::Malformed(_) => Error::Malformed { server },
            ResponseFault::Unsigned => {
                let code = ResponseCode::from(0, packet[3] & 0x0f);
                Error::Unsigned {
                    server,
                    key: name,
                    code,
                }
            }
            ResponseFault::UnsignedError(error_code::BADKEY) => Error::BadKey {
                server,
                key: name,
                algorithm: key.algorithm(),
            },
            ResponseFault::UnsignedError(error_code::BADSIG) => Error::BadSig { server, key: name },
            ResponseFault::UnsignedError(code) | ResponseFault::SignedError(code) => Error::Tsig {
                server,
                key: name,
                code,
            },
            ResponseFault::OtherKey | ResponseFault::BadMac => Error::Forged { server, key: name },
            ResponseFault::Stale { signed, now } => Error::BadTime {
                server,
                ours: now,
                theirs: signed,
            },
            ResponseFault::BadTime { theirs, .. } => Error::BadTime {
                server,
                ours: signed_at,
                theirs,
            },
            ResponseFault::Sign(source) => Error::Sign { source },
        })
    }
}
