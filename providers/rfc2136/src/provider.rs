//! The provider: one update per zone.

use std::collections::BTreeMap;

use dns01_plugin_api::{
    Batch, Call, Description, Host, Info, Kind, Level, Options, Outcome, Provider, Success,
};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Name;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;
use crate::options::{self, Settings};
use crate::update::{Change, Txt, messages};
use crate::zone::{Zones, shown, soa_query};

/// Most records per call: with usual values one message of one zone holds them all,
/// which keeps the promise of [`Info::atomic_batch`].
const BATCH: u32 = 100;

/// Dynamic updates at a primary server.
#[derive(Debug)]
pub struct Rfc2136 {
    client: Client,
    zone: Option<Name>,
    ttl: Option<u32>,
    zones: Zones,
}

impl Provider for Rfc2136 {
    const DESCRIPTION: Description = Description::new(
        "rfc2136",
        "RFC 2136 dynamic updates (BIND, Knot, PowerDNS)",
        options::ALL,
    );

    fn open(_host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let Settings { client, zone, ttl } = Settings::read(options)?;
        Ok(Self {
            client,
            zone,
            ttl,
            zones: Zones::default(),
        })
    }

    fn info(&self) -> Info {
        Info {
            concurrent: true,
            atomic_batch: true,
            stateless_remove: true,
            cancels: true,
            kinds: &[Kind::Dns01, Kind::Account, Kind::Persist, Kind::Canary],
            max_batch: BATCH,
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        Ok(self.change(call, batch, Change::Add)?)
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        Ok(self.change(call, batch, Change::Remove)?)
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        if batch.records().is_empty() {
            let said = self.check_key(call)?;
            call.log(Level::Info, &said);
            return Ok(());
        }
        let probe = probe_value()?;
        for (zone, indices) in self.by_zone(call, batch)? {
            for at in indices {
                let outcome = self.check_name(call, &zone, batch.records()[at].fqdn, &probe);
                if let Err(error) = &outcome
                    && error.ends_call()
                {
                    outcome?;
                } else {
                    batch.settle(at, finish(outcome));
                }
            }
        }
        Ok(())
    }
}

impl Rfc2136 {
    /// One update per zone; what one zone refuses does not hinder the others.
    fn change(&self, call: &Call<'_>, batch: &mut Batch<'_>, change: Change) -> Result<(), Error> {
        for (zone, indices) in self.by_zone(call, batch)? {
            let mut records = Vec::with_capacity(indices.len());
            for &at in &indices {
                let record = batch.records()[at];
                let ttl = self.ttl.unwrap_or(record.ttl);
                records.push(Txt {
                    name: absolute(record.fqdn)?,
                    value: record.value.to_owned(),
                    ttl,
                });
            }
            match self.update(call, &zone, change, &records) {
                // the outcome is unknown, and the rest would wait for the same server
                Err(error) if error.ends_call() => return Err(error),
                outcome => {
                    let outcome: Outcome = finish(outcome.map(|()| Success::done()));
                    for at in indices {
                        batch.settle(at, outcome.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// The records that have a zone, by zone; the others are settled.
    fn by_zone(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<BTreeMap<Name, Vec<usize>>, Error> {
        let mut zones: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        let mut known: BTreeMap<String, Name> = BTreeMap::new();
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            let found = match known.get(record.fqdn) {
                Some(zone) => Ok(zone.clone()),
                None => self.zone_of(call, record.fqdn, record.zone),
            };
            match found {
                Ok(zone) => {
                    known.insert(record.fqdn.to_owned(), zone.clone());
                    zones.entry(zone).or_default().push(at);
                }
                Err(error) if error.ends_call() => return Err(error),
                Err(error) => batch.settle(at, Err(error.into())),
            }
        }
        Ok(zones)
    }

    fn zone_of(&self, call: &Call<'_>, fqdn: &str, hint: &str) -> Result<Name, Error> {
        let name = absolute(fqdn)?;
        match &self.zone {
            Some(zone) if zone.zone_of(&name) => Ok(zone.clone()),
            Some(zone) => Err(Error::OutsideZone {
                fqdn: fqdn.to_owned(),
                zone: shown(zone),
            }),
            None => {
                let hint = if hint.is_empty() {
                    None
                } else {
                    absolute(hint).ok()
                };
                self.zones.find(&self.client, call, &name, hint.as_ref())
            }
        }
    }

    fn update(&self, call: &Call<'_>, zone: &Name, change: Change, records: &[Txt]) -> Result<(), Error> {
        let messages = messages(zone, change, records).ok_or_else(|| {
            let longest = records.iter().max_by_key(|record| record.value.len());
            let (fqdn, len) =
                longest.map_or_else(Default::default, |txt| (shown(&txt.name), txt.value.len()));
            Error::NoRecord { fqdn, len }
        })?;
        for message in messages {
            let answer = self.client.ask(call, &message)?;
            self.accepted(&answer, zone)?;
        }
        Ok(())
    }

    fn accepted(&self, answer: &Answer, zone: &Name) -> Result<(), Error> {
        let code = answer.code();
        if code == ResponseCode::NoError {
            return Ok(());
        }
        self.zones.forget(zone);
        Err(Error::Refused {
            server: answer.server.clone(),
            zone: shown(zone),
            key: self.key_name(),
            code,
        })
    }

    /// Is the key good? Says how that was seen.
    fn check_key(&self, call: &Call<'_>) -> Result<String, Error> {
        let zone = self.zone.clone().unwrap_or_else(Name::root);
        let answer = match self.client.ask(call, &soa_query(&zone)) {
            // Knot DNS looks at a signature only after it has found a zone of its own for the question
            Err(Error::Unsigned {
                server,
                key,
                code: ResponseCode::Refused,
            }) if self.zone.is_none() => {
                return Ok(format!(
                    "{server} answers, and looks at key {key} only for a zone of its own: check a name, or give \
                     option `zone`, to see whether it accepts it"
                ));
            }
            answer => answer?,
        };
        if self.zone.is_some() {
            self.holds(&answer, &zone)?;
            // an update without updates: the server checks who asks and changes nothing
            let mut empty = messages(&zone, Change::Add, &[]).unwrap_or_default();
            for message in &mut empty {
                let answer = self.client.ask(call, message)?;
                self.accepted(&answer, &zone)?;
            }
        }
        Ok(match &self.client.key {
            Some(key) => format!("{} accepts key {}", answer.server, key.name()),
            None => format!(
                "{} answers; without a key there is nothing more to see",
                answer.server
            ),
        })
    }

    /// May we change TXT at this name? Removing a value that is not there changes
    /// nothing (RFC 2136 section 3.4.2.4), but the server asks its policy first.
    fn check_name(&self, call: &Call<'_>, zone: &Name, fqdn: &str, probe: &str) -> Result<Success, Error> {
        if self.zone.is_some() {
            let answer = self.client.ask(call, &soa_query(zone))?;
            self.holds(&answer, zone)?;
        }
        let txt = Txt {
            name: absolute(fqdn)?,
            value: probe.to_owned(),
            ttl: 0,
        };
        self.update(call, zone, Change::Remove, &[txt])?;
        let who = self
            .key_name()
            .map_or_else(|| "this address".to_owned(), |key| format!("key {key}"));
        Ok(Success::unchanged().with_message(format!(
            "zone {}: {who} may remove TXT at {fqdn} (tried with a value that is not there); that adding is \
             allowed, and that the secondaries follow, only a canary shows",
            shown(zone)
        )))
    }

    fn holds(&self, answer: &Answer, zone: &Name) -> Result<(), Error> {
        if answer.code() == ResponseCode::NoError && answer.message.metadata.authoritative {
            return Ok(());
        }
        // what an update would be answered
        let code = match answer.code() {
            ResponseCode::NoError | ResponseCode::NXDomain | ResponseCode::Refused => ResponseCode::NotAuth,
            other => other,
        };
        Err(Error::Refused {
            server: answer.server.clone(),
            zone: shown(zone),
            key: self.key_name(),
            code,
        })
    }

    fn key_name(&self) -> Option<String> {
        self.client.key.as_ref().map(|key| key.name().to_owned())
    }
}

fn finish(outcome: Result<Success, Error>) -> Outcome {
    outcome.map_err(dns01_plugin_api::Error::from)
}

/// The name as the ABI gives it: absolute, without the trailing dot.
fn absolute(fqdn: &str) -> Result<Name, Error> {
    let parsed = Name::from_ascii(fqdn).ok().filter(|name| name.num_labels() > 0);
    let mut name = parsed.ok_or_else(|| Error::NoRecord {
        fqdn: fqdn.to_owned(),
        len: 0,
    })?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

/// A text that no zone holds.
fn probe_value() -> Result<String, dns01_plugin_api::Error> {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).map_err(|error| {
        dns01_plugin_api::Error::new(
            dns01_plugin_api::Class::Internal,
            format!("no random bytes: {error}"),
        )
    })?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("dns01-check-{digits}"))
}
