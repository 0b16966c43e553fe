//! The CA's resources by their kind: what faults aim at and requests are counted by.

use serde::{Deserialize, Serialize};

/// A kind of resource (RFC 8555 section 7.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the RFC's own name")]
pub enum Endpoint {
    Directory,
    NewNonce,
    NewAccount,
    Account,
    Orders,
    KeyChange,
    NewOrder,
    Order,
    Authorization,
    Challenge,
    Finalize,
    Certificate,
    Crl,
    RevokeCert,
    RenewalInfo,
    Terms,
    Unknown,
}

impl Endpoint {
    /// The kind behind a path.
    pub(super) fn of(path: &str) -> Self {
        match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
            "directory" => Endpoint::Directory,
            "new-nonce" => Endpoint::NewNonce,
            "new-account" => Endpoint::NewAccount,
            "account" => Endpoint::Account,
            "orders" => Endpoint::Orders,
            "key-change" => Endpoint::KeyChange,
            "new-order" => Endpoint::NewOrder,
            "order" => Endpoint::Order,
            "authz" => Endpoint::Authorization,
            "challenge" => Endpoint::Challenge,
            "finalize" => Endpoint::Finalize,
            "cert" => Endpoint::Certificate,
            "crl" => Endpoint::Crl,
            "revoke-cert" => Endpoint::RevokeCert,
            "renewal-info" => Endpoint::RenewalInfo,
            "terms" => Endpoint::Terms,
            _ => Endpoint::Unknown,
        }
    }
}
