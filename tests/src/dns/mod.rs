//! An authoritative DNS server in memory, with RFC 2136 updates, TSIG, faults on demand and a memory of
//! what it was asked.
//!
//! ```no_run
//! # async fn example() -> Result<(), lab::dns::DnsError> {
//! use lab::dns::{DnsOptions, DnsServer, Zone};
//! let server = DnsServer::start(DnsOptions::new(vec![Zone::new("internal.example.test")?])).await?;
//! let second = server.secondary().await?; // the same zones on another port
//! second.knobs().update(|knobs| knobs.lag = std::time::Duration::from_secs(3));
//! assert!(server.txt("_acme-challenge.internal.example.test")?.is_empty());
//! # Ok(()) }
//! ```

mod ask;
mod catalog;
mod history;
mod knobs;
mod lookup;
mod policy;
mod respond;
mod server;
mod sockets;
mod text;
mod tsig;
mod update;
mod zone;

pub use crate::knobs::KnobCell;
pub use ask::{AskError, ask, ask_txt};
pub(crate) use ask::{ask_name, txt_at};
pub use history::{Change, QuerySeen, UpdateSeen};
pub use knobs::{DnsFault, DnsKnobs, UpdateFault};
pub use policy::UpdatePolicy;
pub use server::{DnsOptions, DnsServer};
pub(crate) use text::{character_strings, txt};
pub use tsig::TsigKey;
pub use zone::{RecordSeen, Zone};

use hickory_proto::rr::Name;

/// Why the lab's DNS server could not be set up or asked.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Not a domain name.
    #[error("`{name}` is not a domain name: {reason}")]
    Name {
        /// What was given.
        name: String,
        /// What the parser says.
        reason: String,
    },
    /// A record was put into a zone that does not hold its name.
    #[error("`{name}` is not inside the zone {zone}")]
    OutsideZone {
        /// The record's owner.
        name: String,
        /// The zone's origin.
        zone: String,
    },
    /// A TSIG key that cannot be used.
    #[error("TSIG key `{key}`: {reason}; write name:hmac-sha256:base64")]
    Key {
        /// The key's name, never its secret.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address could not be had.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: std::net::SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
}

/// Reads `text` as a fully qualified name, with or without the final dot.
pub(crate) fn fqdn(text: &str) -> Result<Name, DnsError> {
    let mut name = Name::from_ascii(text).map_err(|error| DnsError::Name {
        name: text.to_owned(),
        reason: error.to_string(),
    })?;
    name.set_fqdn(true);
    Ok(name)
}

/// The name as people write it: lower case, no final dot.
pub(crate) fn plain(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(stripped) => stripped.to_owned(),
    }
}
