//! What the CA's answers say of certificates, and what was then asked about them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dns01d::pki::Chain;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use super::wire::{CaWire, Seen};

/// RFC 9773 4.3.2: less counts as a minute, and more as a day.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(86_400);
/// A poll may be on its way, or wait for its turn, when the successor is there.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// A certificate as it was downloaded.
#[derive(Debug)]
struct Certificate {
    not_after: Timestamp,
    /// The last answer about its renewal.
    renewal_info: Vec<u8>,
    /// Before that it may not be asked about again.
    may_poll_at: Timestamp,
    /// Its successor is there since.
    replaced_at: Option<Timestamp>,
}

/// An order, seen against the window of the certificate that it follows.
#[derive(Clone, Debug)]
pub struct Order {
    /// `None` for a first certificate, or where the CA had suggested nothing.
    pub window: Option<Window>,
    pub names_its_predecessor: bool,
}

/// What the CA had suggested.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Where in it the order came: 0 at the beginning, 1 at the end.
    pub position: f64,
    pub end: Timestamp,
}

#[derive(Debug, Default)]
pub struct CertificatesSeen {
    certificates: HashMap<String, Certificate>,
    newest: HashMap<Vec<String>, String>,
    pub orders: Vec<Order>,
    pub polls: u64,
    /// Polls before the CA's Retry-After had passed.
    pub early_polls: Vec<String>,
    /// Polls about a certificate that had expired, or had a successor.
    pub idle_polls: Vec<String>,
    /// Moments at which a name was without a valid certificate, though it had had one.
    pub gaps: Vec<String>,
    pub downloads: u64,
}

impl CertificatesSeen {
    /// Begins to listen.
    pub fn on(wire: &CaWire) -> Arc<Mutex<Self>> {
        let seen = Arc::new(Mutex::new(CertificatesSeen::default()));
        let sink = seen.clone();
        wire.watch(move |exchange| sink.lock().hear(exchange));
        seen
    }

    /// Expiries that nothing has come before of, up to now.
    pub fn expired(&self, now: Timestamp) -> Vec<String> {
        let newest = self.newest.iter();
        let over = newest.filter(|(_, id)| self.certificates[*id].not_after <= now);
        over.map(|(names, _)| names.join(","))
            .chain(self.gaps.iter().cloned())
            .collect()
    }

    /// Sets of names that have had a certificate.
    pub fn sets(&self) -> usize {
        self.newest.len()
    }

    fn hear(&mut self, seen: &Seen<'_>) {
        if let Some(id) = seen.path.strip_prefix("/renewal-info/") {
            self.poll(id, seen);
        } else if seen.path == "/new-order" && seen.status == 201 {
            self.order(seen);
        } else if seen.path.starts_with("/cert/")
            && seen.status == 200
            && let Ok(text) = std::str::from_utf8(seen.body)
            && let Ok(chain) = Chain::parse(text)
        {
            self.download(&chain, seen.at);
        }
    }

    fn poll(&mut self, id: &str, seen: &Seen<'_>) {
        self.polls += 1;
        let Some(certificate) = self.certificates.get_mut(id) else {
            return;
        };
        let at = seen.sent_at;
        if at < certificate.may_poll_at {
            self.early_polls
                .push(format!("{id} at {at}, {} was told", certificate.may_poll_at));
        }
        let replaced = certificate
            .replaced_at
            .is_some_and(|since| since + ON_ITS_WAY < at);
        if replaced || certificate.not_after <= at {
            self.idle_polls.push(format!("{id} at {at}"));
        }
        let wait = seen
            .headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map_or(SHORTEST, Duration::from_secs);
        certificate.may_poll_at = at + wait.clamp(SHORTEST, LONGEST);
        if seen.status == 200 && certificate.renewal_info != seen.body {
            certificate.renewal_info = seen.body.to_vec();
        }
    }

    fn order(&mut self, seen: &Seen<'_>) {
        let order = signed(seen.sent);
        let mut names: Vec<String> = order["identifiers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|identifier| identifier["value"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        let before = self.newest.get(&names).map(|id| (id, &self.certificates[id]));
        let window = before.and_then(|(_, certificate)| {
            let info: Value = serde_json::from_slice(&certificate.renewal_info).ok()?;
            let moment =
                |name: &str| -> Option<Timestamp> { info["suggestedWindow"][name].as_str()?.parse().ok() };
            let (start, end) = (moment("start")?, moment("end")?);
            let width = end.duration_since(start).as_secs_f64();
            let position = seen.sent_at.duration_since(start).as_secs_f64() / width;
            Some(Window { position, end })
        });
        let names_its_predecessor = before.is_some_and(|(id, _)| order["replaces"] == id.as_str());
        self.orders.push(Order {
            window,
            names_its_predecessor,
        });
    }

    fn download(&mut self, chain: &Chain, at: Timestamp) {
        let Some(id) = chain.cert_id().map(|id| id.to_string()) else {
            return;
        };
        let mut names: Vec<String> = chain.names().iter().map(ToString::to_string).collect();
        names.sort();
        self.downloads += 1;
        if let Some(before) = self.newest.insert(names.clone(), id.clone())
            && before != id
            && let Some(before) = self.certificates.get_mut(&before)
        {
            before.replaced_at = Some(at);
            if before.not_after <= at {
                self.gaps
                    .push(format!("{} from {} to {at}", names.join(","), before.not_after));
            }
        }
        self.certificates.entry(id).or_insert(Certificate {
            not_after: chain.not_after(),
            renewal_info: Vec::new(),
            may_poll_at: Timestamp::MIN,
            replaced_at: None,
        });
    }
}

/// The payload of a signed request.
pub fn signed(body: &[u8]) -> Value {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = jws["payload"].as_str().unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}
