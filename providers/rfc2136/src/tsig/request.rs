//! The server's end: verifying requests, refusing them in the manner of RFC 8945.

use super::mac::out_of_time;
use super::record::{Tsig, split};
use super::{Key, Mac, Malformed, SignError, error_code};

/// A request whose signature holds.
#[derive(Debug)]
pub struct Verified<'k> {
    /// The key that signed it.
    pub key: &'k Key,
    /// Its MAC, for [`Key::sign_response`].
    pub mac: Mac,
    /// The message without its signature.
    pub message: Vec<u8>,
}

/// A request that must not be obeyed.
#[derive(Debug, thiserror::Error)]
pub enum RequestFault {
    /// It cannot be read, or its MAC has an impossible length: FORMERR, unsigned.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It carries no signature. What that means is for the server to decide.
    #[error("the request is not signed")]
    Unsigned {
        /// The message, as it came.
        message: Vec<u8>,
    },
    /// No key of this name has this algorithm: NOTAUTH, BADKEY, unsigned.
    #[error("the key of the request is not known")]
    BadKey {
        /// What the error response repeats.
        reply: Box<Reply>,
    },
    /// The MAC is not the one that the key makes: NOTAUTH, BADSIG, unsigned.
    #[error("the signature of the request is wrong: key {key}")]
    BadSig {
        /// Name of the key.
        key: String,
        /// What the error response repeats.
        reply: Box<Reply>,
    },
    /// Clocks differ too much: NOTAUTH, BADTIME, signed, with the server's time.
    #[error("the request of key {key} was signed at {signed}, it is {now} here")]
    BadTime {
        /// Name of the key.
        key: String,
        /// The client's time.
        signed: u64,
        /// The server's time.
        now: u64,
        /// What the error response repeats.
        reply: Box<Reply>,
    },
    /// The MAC is right as far as it goes: NOTAUTH, BADTRUNC, signed.
    #[error("the signature of the request is truncated: key {key}")]
    BadTrunc {
        /// Name of the key.
        key: String,
        /// What the error response repeats.
        reply: Box<Reply>,
    },
    /// The MAC cannot be computed: SERVFAIL.
    #[error(transparent)]
    Sign(SignError),
}

/// What an error response takes over from its request.
#[derive(Debug)]
pub struct Reply {
    tsig: Tsig,
    // a signed error: with which key, over which request
    signer: Option<(Key, Mac)>,
}

/// Verifies the signature of an encoded request against the keys of a server.
///
/// The checks come in the order of RFC 8945 section 5.2: key, MAC, time, truncation.
///
/// # Errors
/// [`RequestFault`]
pub fn verify_request<'k>(keys: &'k [Key], request: &[u8], now: u64) -> Result<Verified<'k>, RequestFault> {
    let (message, tsig) = split(request)?;
    let Some(tsig) = tsig else {
        return Err(RequestFault::Unsigned { message });
    };
    let refusal = |error| Tsig {
        error,
        mac: Vec::new(),
        other: Vec::new(),
        ..tsig.clone()
    };

    let unsigned = |refused| {
        Box::new(Reply {
            tsig: refused,
            signer: None,
        })
    };
    let known = keys
        .iter()
        .find(|key| key.name == tsig.key && key.algorithm.wire() == tsig.algorithm);
    let Some(key) = known else {
        return Err(RequestFault::BadKey {
            reply: unsigned(refusal(error_code::BADKEY)),
        });
    };
    let name = || key.name().to_owned();

    // "MAC size field is less than the larger of 10 (octets) and half the length of
    // the hash function in use" or greater than the hash: FORMERR (section 5.2.2.1)
    let full = key.algorithm.mac_len();
    if tsig.mac.len() > full || tsig.mac.len() < (full / 2).max(10) {
        return Err(Malformed("the length of its MAC is impossible").into());
    }
    if !key.made(None, &message, &tsig).map_err(RequestFault::Sign)? {
        return Err(RequestFault::BadSig {
            key: name(),
            reply: unsigned(refusal(error_code::BADSIG)),
        });
    }
    let mac = Mac(tsig.mac.clone());
    let signed_reply = |refused: Tsig| {
        Box::new(Reply {
            tsig: refused,
            signer: Some((key.clone(), mac.clone())),
        })
    };
    if out_of_time(&tsig, now) {
        // the client's time stays in the record, the server's goes beside it
        let server_time = now.to_be_bytes()[2..].to_vec();
        let refused = Tsig {
            other: server_time,
            ..refusal(error_code::BADTIME)
        };
        let reply = signed_reply(refused);
        return Err(RequestFault::BadTime {
            key: name(),
            signed: tsig.time,
            now,
            reply,
        });
    }
    if tsig.mac.len() < full {
        return Err(RequestFault::BadTrunc {
            key: name(),
            reply: signed_reply(refusal(error_code::BADTRUNC)),
        });
    }
    Ok(Verified { key, mac, message })
}

impl RequestFault {
    /// Adds to an encoded error response what RFC 8945 section 5.3.2 asks for: a TSIG
    /// record with the error, signed or not. `None` if this fault has no such record:
    /// the response goes out as it is.
    ///
    /// The response must carry the request's ID, and [`RCODE_NOTAUTH`](super::RCODE_NOTAUTH).
    ///
    /// # Errors
    /// [`SignError`]
    pub fn reply(&self, response: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        let reply = match self {
            Self::Malformed(_) | Self::Unsigned { .. } | Self::Sign(_) => return Ok(None),
            Self::BadKey { reply } | Self::BadSig { reply, .. } => reply,
            Self::BadTime { reply, .. } | Self::BadTrunc { reply, .. } => reply,
        };
        let signed = match &reply.signer {
            None => reply.tsig.append(response)?,
            Some((key, request)) => key.sign(Some(request), response, reply.tsig.clone())?.0,
        };
        Ok(Some(signed))
    }
}
