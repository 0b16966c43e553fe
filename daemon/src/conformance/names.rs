//! Names and values that are nobody else's.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    plugin::{Record, RecordKind},
    random::{Random as _, SystemRandom},
    types::DnsName,
};

/// Marks a name as one of ours, for whoever finds it in a zone.
const PREFIX: &str = "dns01d-test-";

/// Makes identifiers of one run.
#[derive(Debug)]
pub(super) struct Names {
    run: String,
    next: u32,
}

impl Names {
    /// Of a new run.
    pub(super) fn new() -> Self {
        Names {
            run: format!("{:012x}", SystemRandom.u64() & 0xffff_ffff_ffff),
            next: 0,
        }
    }

    /// A label that nobody else has.
    pub(super) fn label(&mut self) -> String {
        self.next += 1;
        format!("{PREFIX}{}-{}", self.run, self.next)
    }

    /// The same with as many octets as a label can have.
    pub(super) fn long_label(&mut self) -> String {
        format!("{:x<63}", self.label() + "-")
    }

    /// A name in no zone: RFC 2606 keeps `invalid` out of the root for ever.
    pub(super) fn nowhere(&mut self) -> String {
        format!("{}.invalid", self.label())
    }
}

/// The record of one challenge of `identifier`, as an ACME account would ask for it (RFC 8555 8.4).
pub(super) fn record(identifier: &str, zone: &str, ttl: u32) -> Record {
    let token = text();
    let key_authorization = format!("{token}.{}", text());
    let value = URL_SAFE_NO_PAD.encode(openssl::sha::sha256(key_authorization.as_bytes()));
    let name = challenge_name(identifier);
    Record {
        ttl,
        fqdn: name.clone(),
        value,
        zone: zone.to_owned(),
        identifier: identifier.to_owned(),
        challenge_name: name,
        token,
        key_authorization,
        handle: String::new(),
        kind: RecordKind::Dns01,
    }
}

/// Where the CA looks.
pub(super) fn challenge_name(identifier: &str) -> String {
    format!("_acme-challenge.{identifier}")
}

/// The zone's name as text.
pub(super) fn of(zone: &DnsName) -> String {
    zone.as_str().to_owned()
}

/// 32 random bytes as base64url.
fn text() -> String {
    let bytes: Vec<u8> = (0..4).flat_map(|_| SystemRandom.u64().to_ne_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_is_as_long_as_dns_allows_and_a_name() {
        let label = Names::new().long_label();
        assert_eq!(label.len(), 63);
        assert!(format!("{label}.example.test").parse::<DnsName>().is_ok());
    }

    #[test]
    fn values_are_those_of_a_real_challenge() {
        let record = record("a.example.test", "example.test", 60);
        assert_eq!(record.value.len(), 43);
        assert_eq!(record.fqdn, "_acme-challenge.a.example.test");
        assert!(record.key_authorization.starts_with(&record.token));
    }
}
