//! What the name servers show of a zone: the double has the API only, and leaves DNS to [`DnsServer`].

use std::sync::Arc;

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{A, AAAA, CNAME};

use super::record::{Record, served};
use super::zone::Zone;
use super::{Cloudflare, State};
use crate::dns::{self, DnsError, DnsServer, fqdn};

/// Seconds of TTL 1, which is Cloudflare's word for "automatic".
const AUTOMATIC: u32 = 300;

impl Cloudflare {
    /// Shows the active zones at a name server, now and after every change from here on. A change is there before
    /// its request is answered.
    ///
    /// # Panics
    /// If a zone has a record that cannot be served: tests make none.
    pub fn serve_at(&self, server: Arc<DnsServer>) {
        let mut state = self.shared.state.lock();
        state.server = Some(server);
        let all: Vec<String> = state.zones.iter().map(|zone| zone.id.clone()).collect();
        all.iter().for_each(|id| state.show(id));
    }
}

impl State {
    /// Brings the name server up to a zone. Under the state's lock, so that no later state is overtaken.
    pub(super) fn show(&self, id: &str) {
        let Some(server) = &self.server else { return };
        let active = |zone: &&Zone| zone.id == id && zone.status == "active";
        if let Some(zone) = self.zones.iter().find(active) {
            server.put_zone(of_zone(zone).expect("records that passed the double's rules"));
        }
    }
}

fn of_zone(zone: &Zone) -> Result<dns::Zone, DnsError> {
    let shown = dns::Zone::new(&zone.name)?;
    zone.records.iter().try_fold(shown, |shown, record| {
        let ttl = match record.ttl {
            1 => AUTOMATIC,
            seconds => u32::try_from(seconds).unwrap_or(u32::MAX),
        };
        shown.with(&record.name, ttl, data(record)?)
    })
}

fn data(record: &Record) -> Result<RData, DnsError> {
    let content = record.content.as_str();
    let unfit = |reason: &str| DnsError::Name {
        name: record.name.clone(),
        reason: format!("{} `{content}`: {reason}", record.kind),
    };
    Ok(match record.kind.as_str() {
        "TXT" => RData::TXT(dns::txt(&served(content))),
        "A" => RData::A(A(content.parse().map_err(|_| unfit("no address"))?)),
        "AAAA" => RData::AAAA(AAAA(content.parse().map_err(|_| unfit("no address"))?)),
        "CNAME" => RData::CNAME(CNAME(fqdn(content)?)),
        _ => return Err(unfit("not a type that is served")),
    })
}
