//! The provider: each zone's records go to it together.

use std::collections::BTreeMap;

use dns01_plugin_api::{
    Batch, Call, Class, Description, Host, Info, Kind, Level, Options, Outcome, Provider, Success,
};
use dns01_provider_http as http;
use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::{Api, NO_BODY, Request};
use crate::error::{Error, Reason};
use crate::options::{self, AUTOMATIC, MAX_TTL, MIN_TTL, Settings};
use crate::pacer::Pacer;
use crate::records::{New, Records};
use crate::removal::Old;
use crate::zones::{Asked, Zone, Zones};

/// Most records per call: one request takes twice as many, and one by one they still fit
/// the time of a call.
const MOST: u32 = 100;
/// Characters of an id, hexadecimal.
const ID: usize = 32;

/// Records at Cloudflare.
#[derive(Debug)]
pub struct Cloudflare {
    records: Records,
    zones: Zones,
    ttl: Option<u32>,
    /// Name of the host program, for comments.
    host: &'static str,
}

#[derive(Deserialize)]
struct Verified {
    status: String,
}

impl Provider for Cloudflare {
    const DESCRIPTION: Description =
        Description::new("cloudflare", "Cloudflare's API, by a scoped token", options::ALL);

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let settings = Settings::read(options)?;
        let product = concat!("cloudflare/", env!("CARGO_PKG_VERSION"));
        let api = Api {
            http: http::Client::open(host, product, settings.http)?,
            token: settings.token,
            base: settings.base,
            pacer: Pacer::default(),
        };
        Ok(Self {
            records: Records::new(api),
            zones: Zones::new(settings.zones),
            ttl: settings.ttl,
            host: host.name(),
        })
    }

    fn info(&self) -> Info {
        Info {
            concurrent: true,
            stateless_remove: true,
            cancels: true,
            kinds: &[Kind::Dns01, Kind::Account, Kind::Persist, Kind::Canary],
            max_batch: MOST,
            min_ttl: MIN_TTL,
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        for (zone, indices) in self.by_zone(call, batch)? {
            let records = batch.records().to_vec();
            let comments: Vec<String> = indices.iter().map(|&at| self.comment(records[at].kind)).collect();
            let wanted: Vec<New<'_>> = indices
                .iter()
                .zip(&comments)
                .map(|(&at, comment)| New {
                    fqdn: records[at].fqdn,
                    value: records[at].value,
                    ttl: self.ttl(records[at].ttl),
                    comment,
                })
                .collect();
            self.records.add(call, &zone, &wanted, |at, outcome| {
                self.settle(batch, &zone, indices[at], outcome);
            })?;
        }
        Ok(())
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        for (zone, indices) in self.by_zone(call, batch)? {
            let records = batch.records().to_vec();
            let unwanted: Vec<Old<'_>> = indices
                .iter()
                .map(|&at| Old {
                    fqdn: records[at].fqdn,
                    value: records[at].value,
                    // one that stands for months may have been edited under its id
                    id: Some(records[at].handle)
                        .filter(|handle| is_id(handle) && records[at].kind != Kind::Persist),
                })
                .collect();
            self.records.take_away(call, &zone, &unwanted, |at, outcome| {
                self.settle(batch, &zone, indices[at], outcome);
            })?;
        }
        Ok(())
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        if batch.records().is_empty() {
            let said = self.check_token(call)?;
            call.log(Level::Info, &said);
            return Ok(());
        }
        for (zone, indices) in self.by_zone(call, batch)? {
            match self.check_zone(call, &zone) {
                Err(error) if error.ends_call() => return Err(error.into()),
                checked => {
                    let outcome = checked.map(|said| Success::unchanged().with_message(said));
                    let outcome: Outcome = outcome.map_err(Into::into);
                    for at in indices {
                        batch.settle(at, outcome.clone());
                    }
                }
            }
        }
        Ok(())
    }
}

impl Cloudflare {
    /// The records that have a zone, by zone; the others are settled.
    fn by_zone(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<Vec<(Zone, Vec<usize>)>, Error> {
        let mut zones: BTreeMap<String, (Zone, Vec<usize>)> = BTreeMap::new();
        let mut asked = Asked::new();
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            let api = &self.records.api;
            match self.zones.find(api, call, record.fqdn, record.zone, &mut asked) {
                Ok(zone) => {
                    let (_, indices) = zones.entry(zone.id.clone()).or_insert((zone, Vec::new()));
                    indices.push(at);
                }
                Err(error) if error.ends_call() => return Err(error),
                Err(error) => batch.settle(at, Err(error.into())),
            }
        }
        Ok(zones.into_values().collect())
    }

    fn settle(&self, batch: &mut Batch<'_>, zone: &Zone, at: usize, outcome: Outcome) {
        if let Err(error) = &outcome
            && error.class() == Class::ZoneNotFound
        {
            self.zones.forget(zone);
        }
        batch.settle(at, outcome);
    }

    fn ttl(&self, wanted: u32) -> u32 {
        match self.ttl {
            Some(AUTOMATIC) => AUTOMATIC,
            Some(ttl) => ttl,
            None => wanted.clamp(MIN_TTL, MAX_TTL),
        }
    }

    /// So that an operator sees who made a record. At most 50 characters with the daemon's
    /// own name, the least that any plan ever allowed.
    fn comment(&self, kind: Kind) -> String {
        let host = self.host;
        match kind {
            Kind::Persist => format!("{host}: lets the CA issue; keep it"),
            Kind::Canary => format!("{host}: a test, removed at once"),
            Kind::Dns01 | Kind::Account | Kind::Other(_) => {
                format!("{host}: ACME challenge, removed after use")
            }
        }
    }

    /// Is the token good? Says how that was seen.
    fn check_token(&self, call: &Call<'_>) -> Result<String, Error> {
        let request = Request {
            method: Method::GET,
            path: &["user", "tokens", "verify"],
            query: &[],
            doing: "verify the API token",
        };
        let verified = self.records.api.send::<Verified>(call, &request, NO_BODY);
        match verified.map(|reply| reply.result.status) {
            Ok(status) if status == "active" => {
                for zone in self.zones.given() {
                    self.check_zone(call, &zone)?;
                }
                Ok("the API token is active".to_owned())
            }
            Ok(status) => Err(Error::Token { status }),
            // a token of the account, not of a user, is not known there: see whether it works
            Err(unknown) if matches!(unknown.reason(), Some(Reason::Auth | Reason::Invalid)) => {
                match self.check_account_token(call) {
                    Ok(()) => {
                        Ok("the API token works; it is an account's, whose state is not shown".to_owned())
                    }
                    // not known anywhere: what `verify` said is clearer
                    Err(error) if error.is_unknown_token() => Err(unknown),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn check_account_token(&self, call: &Call<'_>) -> Result<(), Error> {
        let given = self.zones.given();
        for zone in &given {
            self.check_zone(call, zone)?;
        }
        if given.is_empty() {
            let request = Request {
                method: Method::GET,
                path: &["zones"],
                query: &[("per_page", "5")],
                doing: "list zones",
            };
            self.records.api.send::<IgnoredAny>(call, &request, NO_BODY)?;
        }
        Ok(())
    }

    /// May the token change records of the zone? Deleting one that is not there changes
    /// nothing, but Cloudflare asks first whether the token may.
    fn check_zone(&self, call: &Call<'_>, zone: &Zone) -> Result<String, Error> {
        match self.records.delete(call, zone, &no_id()?) {
            Err(error) if error.reason() != Some(Reason::Gone) => Err(error),
            _ => Ok(format!(
                "zone {}: the token may change its records (tried with one that is not there)",
                zone.label()
            )),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An id that no record has.
fn no_id() -> Result<String, Error> {
    let mut bytes = [0; ID / 2];
    openssl::rand::rand_bytes(&mut bytes).map_err(Error::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
