//! Transaction signatures for DNS, RFC 8945, for both ends of an exchange.
//!
//! Works on encoded messages: what is signed is bytes, and a message that was
//! decoded and encoded again may have other ones. A client calls
//! [`Key::sign_request`] and [`Key::verify_response`]; a server
//! [`verify_request`], then [`Key::sign_response`], or [`RequestFault::reply`].
//!
//! HMAC-MD5 and HMAC-SHA1 are not offered (RFC 8945 section 6 keeps them for old
//! servers only). A MAC is always sent and demanded in full length: truncation
//! saves a few bytes and weakens the check.

mod key;
mod mac;
mod record;
mod request;
mod response;

pub use key::{Algorithm, Key, KeyError, UnknownAlgorithm};
pub use mac::{Mac, SignError};
pub use record::Malformed;
pub use request::{RequestFault, Verified, verify_request};
pub use response::ResponseFault;

/// Seconds by which the clocks of both ends may differ (RFC 8945 section 10).
pub const FUDGE: u16 = 300;

/// Values of the error field (RFC 8945 section 3).
pub mod error_code {
    /// The MAC is not the one that the key makes.
    pub const BADSIG: u16 = 16;
    /// The key is not known, or not with this algorithm.
    pub const BADKEY: u16 = 17;
    /// The clocks differ by more than the fudge.
    pub const BADTIME: u16 = 18;
    /// The MAC is shorter than wanted.
    pub const BADTRUNC: u16 = 22;
}

/// RCODE that goes with every TSIG error.
pub const RCODE_NOTAUTH: u8 = 9;

#[cfg(test)]
mod tests;
