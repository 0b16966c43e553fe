//! Making and comparing MACs (RFC 8945 section 4.3).

use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::record::Tsig;
use super::{FUDGE, Key, Malformed};

/// MAC of a request, which the MAC of its response covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mac(pub(super) Vec<u8>);

/// A message that cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It is no message, or too long.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// OpenSSL refused (a FIPS policy, for example).
    #[error("openssl cannot compute {algorithm}")]
    Openssl {
        /// Algorithm of the key.
        algorithm: super::Algorithm,
        /// What OpenSSL says.
        source: openssl::error::ErrorStack,
    },
}

impl Key {
    /// Signs an encoded request at `now`, in seconds since 1970. The MAC is needed to
    /// verify the response.
    ///
    /// # Errors
    /// [`SignError`]
    pub fn sign_request(&self, message: &[u8], now: u64) -> Result<(Vec<u8>, Mac), SignError> {
        self.sign(None, message, self.unsigned(message, now)?)
    }

    /// Signs an encoded response to a request whose MAC is `request`.
    ///
    /// # Errors
    /// [`SignError`]
    pub fn sign_response(&self, request: &Mac, message: &[u8], now: u64) -> Result<Vec<u8>, SignError> {
        Ok(self.sign(Some(request), message, self.unsigned(message, now)?)?.0)
    }

    /// A record of this key without a MAC.
    pub(super) fn unsigned(&self, message: &[u8], time: u64) -> Result<Tsig, Malformed> {
        let id = message.get(..2).ok_or(Malformed("no header"))?;
        Ok(Tsig {
            key: self.name.clone(),
            algorithm: self.algorithm.wire(),
            time,
            fudge: FUDGE,
            mac: Vec::new(),
            original_id: u16::from_be_bytes([id[0], id[1]]),
            error: 0,
            other: Vec::new(),
        })
    }

    pub(super) fn sign(
        &self,
        request: Option<&Mac>,
        message: &[u8],
        mut tsig: Tsig,
    ) -> Result<(Vec<u8>, Mac), SignError> {
        tsig.mac = self.mac(request, message, &tsig)?;
        let signed = tsig.append(message)?;
        Ok((signed, Mac(tsig.mac)))
    }

    /// Is this the MAC that our secret makes? Compared in constant time. A shorter one
    /// is held against the beginning, so that its caller can tell a wrong secret from
    /// a truncation.
    pub(super) fn made(&self, request: Option<&Mac>, message: &[u8], tsig: &Tsig) -> Result<bool, SignError> {
        let own = self.mac(request, message, tsig)?;
        let same_len = own.get(..tsig.mac.len());
        Ok(!tsig.mac.is_empty() && same_len.is_some_and(|own| openssl::memcmp::eq(own, &tsig.mac)))
    }

    /// HMAC over request MAC, message and variables, in this order.
    fn mac(&self, request: Option<&Mac>, message: &[u8], tsig: &Tsig) -> Result<Vec<u8>, SignError> {
        let openssl = |source| SignError::Openssl {
            algorithm: self.algorithm,
            source,
        };
        let secret = PKey::hmac(&self.secret).map_err(openssl)?;
        let mut signer = Signer::new(self.algorithm.digest(), &secret).map_err(openssl)?;
        if let Some(Mac(request)) = request {
            let len = u16::try_from(request.len()).map_err(|_| Malformed("the request's MAC is too long"))?;
            signer.update(&len.to_be_bytes()).map_err(openssl)?;
            signer.update(request).map_err(openssl)?;
        }
        signer.update(message).map_err(openssl)?;
        signer.update(&tsig.variables()).map_err(openssl)?;
        signer.sign_to_vec().map_err(openssl)
    }
}

/// "The client's and the server's clock differ by more than the fudge."
pub(super) fn out_of_time(tsig: &Tsig, now: u64) -> bool {
    tsig.time.abs_diff(now) > u64::from(tsig.fudge)
}
