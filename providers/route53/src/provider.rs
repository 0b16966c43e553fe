//! The provider: one change batch per zone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::Client;
use dns01_plugin_api::{
    Batch, Call, Description, Host, Info, Kind, Level, Options, Provider, Record, Success,
};
use dns01_provider_http as http;
use parking_lot::RwLock;

use crate::change::apply;
use crate::check;
use crate::credentials;
use crate::error::Error;
use crate::options::{self, Settings};
use crate::record_set::{Change, Want};
use crate::sync;
use crate::turns::Turns;
use crate::zones::{Zone, Zones};

/// Most records per call: with usual values one change batch of one zone holds them all.
const BATCH: u32 = 100;
/// Route 53 says that most changes reach all its servers within 60 seconds: three times that.
const PROPAGATION_TIMEOUT: Duration = Duration::from_secs(180);

/// Amazon Route 53.
#[derive(Debug)]
pub struct Route53 {
    http: Arc<http::Client>,
    client: RwLock<Client>,
    zone_id: Option<String>,
    zones: Zones,
    turns: Turns,
    ttl: Option<u32>,
}

impl Provider for Route53 {
    const DESCRIPTION: Description = Description::new("route53", "Amazon Route 53", options::ALL);

    fn open(host: Host, call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let settings = Settings::read(options)?;
        let product = concat!("route53/", env!("CARGO_PKG_VERSION"));
        let client = Arc::new(http::Client::open(host, product, settings.http.clone())?);
        let direct = match &settings.http.proxy {
            None => Arc::clone(&client),
            // no proxy leads to this machine's own surroundings
            Some(_) => {
                let direct = http::Settings {
                    proxy: None,
                    proxy_credentials: None,
                    ..settings.http.clone()
                };
                Arc::new(http::Client::open(host, product, direct)?)
            }
        };
        let loading = settings.access.load(&client, &direct);
        let sdk = client.runtime().run(call, call.remaining(), loading);
        let sdk = sdk
            .map_err(Error::from)?
            .map_err(|error| dns01_plugin_api::Error::config(error.to_string()))?;
        let mut config = aws_sdk_route53::config::Builder::from(&sdk);
        if let Some(endpoint) = &settings.endpoint {
            config.set_endpoint_url(Some(endpoint.clone()));
        }
        Ok(Self {
            http: client,
            client: RwLock::new(Client::from_conf(config.build())),
            zone_id: settings.zone_id,
            zones: Zones::new(settings.private),
            turns: Turns::default(),
            ttl: settings.ttl,
        })
    }

    fn info(&self) -> Info {
        Info {
            concurrent: true,
            stateless_remove: true,
            cancels: true,
            kinds: &[Kind::Dns01, Kind::Account, Kind::Persist, Kind::Canary],
            max_batch: BATCH,
            propagation_timeout: PROPAGATION_TIMEOUT,
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        self.within(call, async |client| self.change(client, batch, Change::Add).await)
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        self.within(call, async |client| {
            self.change(client, batch, Change::Remove).await
        })
    }

    fn sync(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        self.within(call, async |client| sync::ask(client, batch).await)
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        if batch.records().is_empty() {
            let said = self.within(call, async |client| {
                check::credentials(client, self.zone_id.as_deref()).await
            })?;
            call.log(Level::Info, &said);
            return Ok(());
        }
        self.within(call, async |client| self.check_names(client, batch).await)
    }
}

impl Route53 {
    /// Runs work for as long as the call lasts; a second time where AWS refuses credentials,
    /// which may have been replaced since they were read.
    fn within<T>(
        &self,
        call: &Call<'_>,
        mut work: impl AsyncFnMut(&Client) -> Result<T, Error>,
    ) -> Result<T, dns01_plugin_api::Error> {
        let done = self.http.runtime().run(call, call.remaining(), async {
            let client = self.client.read().clone();
            match work(&client).await {
                Err(error) if error.blames_credentials() => work(&self.reread()).await,
                done => done,
            }
        });
        Ok(done.map_err(Error::from)??)
    }

    /// A client without cached credentials, which is the one from now on.
    fn reread(&self) -> Client {
        let mut client = self.client.write();
        let config = client.config().to_builder().identity_cache(credentials::cache());
        *client = Client::from_conf(config.build());
        client.clone()
    }

    /// What one zone refuses does not hinder the others.
    async fn change(&self, client: &Client, batch: &mut Batch<'_>, change: Change) -> Result<(), Error> {
        let records: Vec<Record<'_>> = batch.records().to_vec();
        let mut gone = false;
        for (zone, indices) in self.by_zone(client, batch).await? {
            match self
                .change_zone(client, &zone, &indices, &records, batch, change)
                .await
            {
                // made anew since it was found: look once more
                Err(Error::NoSuchZone { .. }) if self.zone_id.is_none() => {
                    self.zones.forget(&zone);
                    gone = true;
                }
                Err(error) => failed(batch, &indices, error)?,
                Ok(()) => {}
            }
        }
        if gone {
            for (zone, indices) in self.by_zone(client, batch).await? {
                let done = self.change_zone(client, &zone, &indices, &records, batch, change);
                if let Err(error) = done.await {
                    failed(batch, &indices, error)?;
                }
            }
        }
        Ok(())
    }

    async fn change_zone(
        &self,
        client: &Client,
        zone: &Zone,
        indices: &[usize],
        records: &[Record<'_>],
        batch: &mut Batch<'_>,
        change: Change,
    ) -> Result<(), Error> {
        let mut wants: BTreeMap<&str, Vec<Want<'_>>> = BTreeMap::new();
        for &index in indices {
            let record = &records[index];
            wants.entry(record.fqdn).or_default().push(Want {
                index,
                value: record.value,
                ttl: self.ttl.unwrap_or(record.ttl),
            });
        }
        let _turn = self.turns.wait(zone).await;
        let settle = |index, outcome| batch.settle(index, outcome);
        apply(client, zone, change, wants, settle).await
    }

    /// The open records that have a zone, by zone; the others are settled.
    async fn by_zone(
        &self,
        client: &Client,
        batch: &mut Batch<'_>,
    ) -> Result<BTreeMap<Zone, Vec<usize>>, Error> {
        let mut zones: BTreeMap<Zone, Vec<usize>> = BTreeMap::new();
        for index in batch.open().collect::<Vec<_>>() {
            let record = batch.records()[index];
            match self.zone_of(client, record.fqdn, record.zone).await {
                Ok(zone) => zones.entry(zone).or_default().push(index),
                Err(error) if error.ends_call() => return Err(error),
                Err(error) => batch.settle(index, Err(error.into())),
            }
        }
        Ok(zones)
    }

    async fn zone_of(&self, client: &Client, fqdn: &str, hint: &str) -> Result<Zone, Error> {
        match &self.zone_id {
            Some(id) => Ok(Zone {
                id: id.clone(),
                name: String::new(),
            }),
            None => self.zones.find(client, fqdn, hint).await,
        }
    }

    async fn check_names(&self, client: &Client, batch: &mut Batch<'_>) -> Result<(), Error> {
        for (zone, indices) in self.by_zone(client, batch).await? {
            for index in indices {
                let fqdn = batch.records()[index].fqdn;
                match check::name(client, &zone, fqdn).await {
                    Ok(said) => batch.settle(index, Ok(Success::unchanged().with_message(said))),
                    Err(error) => failed(batch, &[index], error)?,
                }
            }
        }
        Ok(())
    }
}

/// Settles what one zone's failure leaves open, or ends the call.
fn failed(batch: &mut Batch<'_>, indices: &[usize], error: Error) -> Result<(), Error> {
    if error.ends_call() {
        return Err(error);
    }
    let error: dns01_plugin_api::Error = error.into();
    for &index in indices {
        // what is settled stays as it is
        batch.settle(index, Err(error.clone()));
    }
    Ok(())
}
