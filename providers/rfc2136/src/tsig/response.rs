//! The client's end: what a response to a signed request proves.

use super::mac::out_of_time;
use super::record::split;
use super::{Key, Mac, Malformed, SignError, error_code};

/// A response that is not an answer. None of these may ever count as success.
#[derive(Debug, thiserror::Error)]
pub enum ResponseFault {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It carries no signature though the request did: a server that ignores TSIG, or
    /// somebody else. RFC 8945 section 5.4 says to wait for another one.
    #[error("the response is not signed")]
    Unsigned,
    /// The server says that it cannot verify us (BADKEY, BADSIG), and therefore cannot
    /// sign. Anybody could have sent it.
    #[error("the response is an unsigned error {0}")]
    UnsignedError(u16),
    /// It names another key or algorithm than the request.
    #[error("the response is signed with another key or algorithm")]
    OtherKey,
    /// Its MAC is not the one that our key makes over it and our request.
    #[error("the signature of the response is wrong")]
    BadMac,
    /// It is signed, but at another time: an old response sent again.
    #[error("the response was signed at {signed}, it is {now} here")]
    Stale {
        /// The server's time.
        signed: u64,
        /// Our time.
        now: u64,
    },
    /// The server, rightly signed, says that our clocks differ.
    #[error("the request was signed at {ours}, the server's clock says {theirs}")]
    BadTime {
        /// When we signed.
        ours: u64,
        /// The server's time.
        theirs: u64,
    },
    /// The server, rightly signed, gives another error, such as BADTRUNC.
    #[error("the server answers with the TSIG error {0}")]
    SignedError(u16),
    /// The MAC cannot be computed.
    #[error(transparent)]
    Sign(SignError),
}

impl Key {
    /// Verifies an encoded response to the request whose MAC is `request` and returns
    /// it without its signature.
    ///
    /// # Errors
    /// [`ResponseFault`]
    pub fn verify_response(
        &self,
        request: &Mac,
        response: &[u8],
        now: u64,
    ) -> Result<Vec<u8>, ResponseFault> {
        let (message, tsig) = split(response)?;
        let tsig = tsig.ok_or(ResponseFault::Unsigned)?;
        if tsig.mac.is_empty() && tsig.error != 0 {
            return Err(ResponseFault::UnsignedError(tsig.error));
        }
        if tsig.key != self.name || tsig.algorithm != self.algorithm.wire() {
            return Err(ResponseFault::OtherKey);
        }
        // in full: no truncation was agreed on
        let whole = tsig.mac.len() == self.algorithm.mac_len();
        if !whole
            || !self
                .made(Some(request), &message, &tsig)
                .map_err(ResponseFault::Sign)?
        {
            return Err(ResponseFault::BadMac);
        }
        match tsig.error {
            0 if out_of_time(&tsig, now) => Err(ResponseFault::Stale {
                signed: tsig.time,
                now,
            }),
            0 => Ok(message),
            error_code::BADTIME => match tsig.server_time() {
                Some(theirs) => Err(ResponseFault::BadTime {
                    ours: tsig.time,
                    theirs,
                }),
                None => Err(ResponseFault::SignedError(error_code::BADTIME)),
            },
            other => Err(ResponseFault::SignedError(other)),
        }
    }
}
