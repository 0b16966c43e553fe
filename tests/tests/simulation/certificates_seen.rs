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
/// RFC 9773 4.3.3: after a malformed answer "the client MUST make its next request after 6 hours", whatever else it says.
const AFTER_NONSENSE: Duration = Duration::from_secs(6 * 3600);
/// A poll may be on its way, or wait for its turn, when the successor is there.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

const PEM_END: &str = "-----END CERTIFICATE-----\n";

/// A certificate as it was downloaded.
#[derive(Debug)]
struct Certificate {
    names: Vec<String>,
    downloaded_at: Timestamp,
    not_after: Timestamp,
    /// The last answer about its renewal.
    renewal_info: Vec<u8>,
    /// The window in it, if it can be used.
    window: Option<(Timestamp, Timestamp)>,
    /// Before that it may not be asked about again.
    may_poll_at: Timestamp,
    /// Its successor is asked about since.
    replaced_at: Option<Timestamp>,
}

/// An order, seen against the window of the certificate that it follows.
#[derive(Clone, Debug)]
pub struct Order {
    pub at: Timestamp,
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
    /// Those in use: a client asks about what it took, and not about what it refused.
    newest: HashMap<Vec<String>, String>,
    pub orders: Vec<Order>,
    pub polls: u64,
    /// Polls before the CA's Retry-After had passed.
    pub early_polls: Vec<String>,
    /// Polls about a certificate that had expired, or had a successor.
    pub idle_polls: Vec<String>,
    /// Moments at which a name was without a valid certificate, though it had had one.
    pub gaps: Vec<String>,
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
            // the leaf is all that is asked about
            && let Some(leaf) = text.split_inclusive(PEM_END).next()
            && let Ok(chain) = Chain::parse(leaf)
        {
            self.download(&chain, seen.at);
        }
    }

    fn poll(&mut self, id: &str, seen: &Seen<'_>) {
        self.polls += 1;
        self.take(id, seen.sent_at);
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
        let mut wait = wait.clamp(SHORTEST, LONGEST);
        if seen.status == 200 && certificate.renewal_info != seen.body {
            certificate.renewal_info = seen.body.to_vec();
            certificate.window = window(seen.body);
        }
        if seen.status == 200 && certificate.window.is_none() {
            wait = wait.min(AFTER_NONSENSE);
        }
        certificate.may_poll_at = at + wait;
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
            let (start, end) = certificate.window?;
            let width = end.duration_since(start).as_secs_f64();
            let position = seen.sent_at.duration_since(start).as_secs_f64() / width;
            Some(Window { position, end })
        });
        let names_its_predecessor = before.is_some_and(|(id, _)| order["replaces"] == id.as_str());
        self.orders.push(Order {
            at: seen.sent_at,
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
        self.certificates.entry(id).or_insert(Certificate {
            names,
            downloaded_at: at,
            not_after: chain.not_after(),
            renewal_info: Vec::new(),
            window: None,
            may_poll_at: Timestamp::MIN,
            replaced_at: None,
        });
    }

    /// The client has begun to use a certificate.
    fn take(&mut self, id: &str, at: Timestamp) {
        let Some(taken) = self
            .certificates
            .get(id)
            .filter(|taken| taken.replaced_at.is_none())
        else {
            return;
        };
        let (names, since) = (taken.names.clone(), taken.downloaded_at);
        if let Some(before) = self.newest.insert(names.clone(), id.to_owned())
            && before != id
            && let Some(before) = self.certificates.get_mut(&before)
        {
            before.replaced_at = Some(at);
            if before.not_after <= since {
                self.gaps.push(format!(
                    "{} from {} to {since}",
                    names.join(","),
                    before.not_after
                ));
            }
        }
    }
}

/// RFC 9773 4.2: one whose end is not after its start is none.
fn window(body: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let info: Value = serde_json::from_slice(body).ok()?;
    let moment = |name: &str| -> Option<Timestamp> { info["suggestedWindow"][name].as_str()?.parse().ok() };
    let (start, end) = (moment("start")?, moment("end")?);
    (start < end).then_some((start, end))
}

/// The payload of a signed request.
pub fn signed(body: &[u8]) -> Value {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = jws["payload"].as_str().unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}
