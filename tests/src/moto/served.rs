//! What Route 53's name servers show of a zone: moto has the API only, and leaves DNS to [`DnsServer`].

use std::sync::Arc;

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, TXT};
use tokio::sync::Mutex;

use super::Moto;
use super::xml::{elements, texts};
use crate::dns::{DnsError, DnsServer, Zone, character_strings, fqdn};

/// The name server that shows what stands at a moto, if any.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Held while a zone is read and shown, so that no later state is overtaken.
    server: Mutex<Option<Arc<DnsServer>>>,
}

impl Served {
    pub(super) async fn by(&self, server: Arc<DnsServer>) {
        *self.server.lock().await = Some(server);
    }

    /// Brings the name server up to a zone, if there is one.
    pub(super) async fn show(&self, moto: &Moto, zone: &str) {
        let server = self.server.lock().await;
        let Some(server) = &*server else { return };
        let listed = moto.record_sets(zone).await;
        server.put_zone(read(&listed).unwrap_or_else(|error| panic!("{error}: {listed}")));
    }
}

/// The zone of an answer to ListResourceRecordSets.
fn read(listed: &str) -> Result<Zone, DnsError> {
    let sets = elements(listed, "ResourceRecordSet");
    let one = |set: &str, tag: &str| texts(set, tag).into_iter().next().unwrap_or_default();
    let apex = sets.iter().find(|set| one(set, "Type") == "SOA");
    let apex = one(apex.copied().unwrap_or_default(), "Name");
    let mut zone = Zone::new(&apex)?;
    for set in sets {
        let (name, kind) = (one(set, "Name"), one(set, "Type"));
        // Amazon's servers for the zone are not on this machine: the lab's own stand for them
        if kind == "SOA" || (kind == "NS" && name == apex) {
            continue;
        }
        let ttl = one(set, "TTL").parse().unwrap_or_default();
        for value in texts(set, "Value") {
            zone = zone.with(&name, ttl, data(&name, &kind, &value)?)?;
        }
    }
    Ok(zone)
}

fn data(name: &str, kind: &str, value: &str) -> Result<RData, DnsError> {
    let unfit = |reason: &str| DnsError::Name {
        name: name.to_owned(),
        reason: format!("{kind} `{value}`: {reason}"),
    };
    Ok(match kind {
        "TXT" => match character_strings(value).filter(|_| !value.contains('\\')) {
            Some(strings) => RData::TXT(TXT::new(strings)),
            None => return Err(unfit("not quoted strings without escapes, which no test needs")),
        },
        "A" => RData::A(A(value.parse().map_err(|_| unfit("no address"))?)),
        "AAAA" => RData::AAAA(AAAA(value.parse().map_err(|_| unfit("no address"))?)),
        "CNAME" => RData::CNAME(CNAME(fqdn(value)?)),
        "NS" => RData::NS(NS(fqdn(value)?)),
        _ => return Err(unfit("not a type that is served")),
    })
}
