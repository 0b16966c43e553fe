//! The provider: one request per record, in their order.

use dns01_plugin_api::{
    Batch, Call, Description, Host, Info, Kind, Level, Options, Outcome, Provider, Record, Success,
};

use crate::error::Error;
use crate::options::{self, Mode, Settings};
use crate::portal::Portal;

/// Most records per call: one after the other at a second each they end in time.
const BATCH: u32 = 50;

/// A portal that speaks lego's httpreq.
#[derive(Debug)]
pub struct HttpReq {
    portal: Portal,
}

impl Provider for HttpReq {
    const DESCRIPTION: Description = Description::new(
        "httpreq",
        "lego's httpreq protocol, for DNS portals of one's own",
        options::ALL,
    );

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, dns01_plugin_api::Error> {
        let portal = Portal::open(host, Settings::read(options)?)?;
        Ok(Self { portal })
    }

    fn info(&self) -> Info {
        let is_raw = self.portal.mode() == Mode::Raw;
        Info {
            // portals are made for lego, which sends one request after the other
            concurrent: false,
            stateless_remove: true,
            needs_key_authorization: is_raw,
            follows_cname: is_raw,
            cancels: true,
            max_batch: BATCH,
            kinds: if is_raw { &[Kind::Dns01] } else { &[] },
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        each(batch, |record| {
            self.portal.present(call, record)?;
            Ok(Success::done())
        })
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        each(batch, |record| {
            Ok(if self.portal.cleanup(call, record)? {
                Success::done()
            } else {
                Success::unchanged()
            })
        })
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), dns01_plugin_api::Error> {
        self.portal.look(call)?;
        let said = format!(
            "{} answers; whether it takes the credentials and this name, only a canary shows",
            self.portal.name()
        );
        if batch.records().is_empty() {
            call.log(Level::Info, &said);
        }
        batch.settle_rest(&Ok(Success::unchanged().with_message(said)));
        Ok(())
    }
}

/// What one record is refused does not hinder the others.
fn each(
    batch: &mut Batch<'_>,
    ask: impl Fn(&Record<'_>) -> Result<Success, Error>,
) -> Result<(), dns01_plugin_api::Error> {
    for at in 0..batch.records().len() {
        match ask(&batch.records()[at]) {
            Err(error) if error.ends_call() => return Err(error.into()),
            outcome => {
                let outcome: Outcome = outcome.map_err(Into::into);
                batch.settle(at, outcome);
            }
        }
    }
    Ok(())
}
