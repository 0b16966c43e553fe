//! A signed exchange: the request checked, the answer signed (RFC 8945 section 5).
//!
//! Written here and not shared with the provider under test: two ends with one bug would agree.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::TsigKey;
use super::wire::{Signed, TsigRecord, split};

/// Seconds that clocks may differ (section 10 recommends it).
const FUDGE: u16 = 300;

const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;

/// What a request's signature came to.
#[derive(Debug)]
pub(crate) enum Checked {
    /// It has none.
    Unsigned,
    /// It is good: this key's owner asks, and the answer is to be signed.
    Good(Session),
    /// It is not: the answer is NOTAUTH, closed by the session, which says why.
    Bad(Session),
    /// The message is broken.
    Malformed,
}

/// What the answer's signature needs to know of the request's.
#[derive(Debug)]
pub(crate) struct Session {
    key: Option<TsigKey>,
    request: TsigRecord,
    error: u16,
    other: Vec<u8>,
}

/// Checks `request` at the time `now`, Unix seconds.
pub(crate) fn check(keys: &[TsigKey], request: &[u8], now: u64) -> Checked {
    let signed = match split(request) {
        Ok(Some(signed)) => signed,
        Ok(None) => return Checked::Unsigned,
        Err(()) => return Checked::Malformed,
    };
    let record = signed.record.clone();
    // section 5.2: the key, then the MAC, then the time
    let known = keys
        .iter()
        .find(|key| key.wire_name() == record.key && key.wire_algorithm() == record.algorithm);
    let Some(key) = known else {
        return Checked::Bad(Session {
            key: None,
            request: record,
            error: BADKEY,
            other: Vec::new(),
        });
    };
    if !is_good(key, &signed) {
        return Checked::Bad(Session {
            key: None,
            request: record,
            error: BADSIG,
            other: Vec::new(),
        });
    }
    if now.abs_diff(record.time) > u64::from(record.fudge) {
        let other = now.to_be_bytes()[2..].to_vec();
        return Checked::Bad(Session {
            key: Some(key.clone()),
            request: record,
            error: BADTIME,
            other,
        });
    }
    Checked::Good(Session {
        key: Some(key.clone()),
        request: record,
        error: 0,
        other: Vec::new(),
    })
}

fn is_good(key: &TsigKey, signed: &Signed<'_>) -> bool {
    let record = &signed.record;
    let Ok(mac) = mac(key, &[&signed.unsigned(), &record.variables()]) else {
        return false;
    };
    // truncated MACs (section 5.2.2.1) are not taken: nobody sends them unasked
    mac.len() == record.mac.len() && memcmp::eq(&mac, &record.mac)
}

impl Session {
    /// The key's name, if it is one of ours.
    pub(crate) fn key_name(&self) -> Option<&str> {
        self.key.as_ref().map(TsigKey::name)
    }

    /// Closes an answer. BADKEY and BADSIG answers carry no MAC (section 5.3.2).
    pub(crate) fn seal(&self, answer: Vec<u8>, now: u64) -> Result<Vec<u8>, ErrorStack> {
        let mut record = TsigRecord {
            key: self.request.key.clone(),
            algorithm: self.request.algorithm.clone(),
            // section 5.2.3: a BADTIME answer carries the client's time, and ours in Other Data
            time: if self.error == BADTIME {
                self.request.time
            } else {
                now
            },
            fudge: FUDGE,
            mac: Vec::new(),
            original_id: u16::from_be_bytes([answer[0], answer[1]]),
            error: self.error,
            other: self.other.clone(),
        };
        if let Some(key) = &self.key {
            let length = u16::try_from(self.request.mac.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes();
            record.mac = mac(key, &[&length, &self.request.mac, &answer, &record.variables()])?;
        }
        Ok(record.append_to(answer))
    }
}

fn mac(key: &TsigKey, parts: &[&[u8]]) -> Result<Vec<u8>, ErrorStack> {
    let digest = match key.algorithm() {
        "hmac-sha224" => MessageDigest::sha224(),
        "hmac-sha384" => MessageDigest::sha384(),
        "hmac-sha512" => MessageDigest::sha512(),
        // `TsigKey::parse` lets no other pass
        _ => MessageDigest::sha256(),
    };
    let secret = PKey::hmac(&key.secret_bytes())?;
    let mut signer = Signer::new(digest, &secret)?;
    for part in parts {
        signer.update(part)?;
    }
    signer.sign_to_vec()
}
