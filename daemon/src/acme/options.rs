use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use crate::types::CaName;

/// One certificate authority and the account to hold there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its key in the configuration; for logs.
    pub name: CaName,
    /// Address of the directory (RFC 8555 7.1.1). `https`, or `http` to loopback.
    pub directory: url::Url,
    /// Where contacts go, as `mailto:` addresses (RFC 8555 7.3).
    pub contacts: Vec<String>,
    /// True once the operator wrote `agree-terms: true` (RFC 8555 7.3.3). No account is made otherwise.
    pub agree_terms: bool,
    /// PEM file with extra trust roots for this CA's HTTPS server.
    pub ca_file: Option<PathBuf>,
    /// Longest time for one HTTP request, connection included.
    pub request_timeout: Duration,
    /// Most requests in any one second, all together. New nonces have a lower limit of their own.
    pub request_rate: NonZeroU32,
}

/// Boulder answers within 10 s or not at all; a private CA on a small machine may take longer to sign.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Let's Encrypt takes 250 in a second from one address; a few machines may share one. A million
/// certificates of 45 days need 50.
pub const DEFAULT_REQUEST_RATE: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// Most requests for new nonces in any one second: half of the 20 that Let's Encrypt takes from
/// one address. Answers bring nonces along, so few are ever asked for.
pub(super) const NEW_NONCE_RATE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
