use std::{path::PathBuf, time::Duration};

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
}

/// Boulder answers within 10 s or not at all; a private CA on a small machine may take longer to sign.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
