//! The smallest whole provider in Rust: it keeps the records in its own memory.
//!
//! `cargo build --release` of a crate with `crate-type = ["cdylib"]` makes the plugin.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
#[expect(clippy::disallowed_types, reason = "an example brings no dependencies")]
use std::sync::{Mutex, PoisonError};

use dns01_plugin_api::{
    Batch, Call, Class, Description, Error, Host, Info, Opt, OptionSpec, Options, Provider, Success,
    export_provider,
};

const LIMIT: Opt<u32> = Opt::with_default("limit", "100", "most records that it keeps");
const OPTIONS: &[OptionSpec] = &[LIMIT.spec()];

#[expect(clippy::disallowed_types, reason = "an example brings no dependencies")]
struct Memory {
    limit: usize,
    records: Mutex<BTreeSet<(String, String)>>,
}

impl Provider for Memory {
    const DESCRIPTION: Description = Description::new("memory", "Keeps records in memory", OPTIONS);

    #[expect(clippy::disallowed_types, reason = "an example brings no dependencies")]
    fn open(_host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, Error> {
        let limit = options.read(&LIMIT)?;
        if limit == 0 {
            return Err(Error::config("option `limit` must be more than 0"));
        }
        Ok(Self {
            limit: limit as usize,
            records: Mutex::default(),
        })
    }

    fn info(&self) -> Info {
        Info {
            max_batch: 10,
            ..Info::default()
        }
    }

    fn present(&self, _call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            let pair = (record.fqdn.to_owned(), record.value.to_owned());
            batch.settle(
                at,
                if kept.contains(&pair) {
                    Ok(Success::unchanged())
                } else if kept.len() >= self.limit {
                    Err(Error::new(Class::Permanent, "full: raise `limit`"))
                } else {
                    kept.insert(pair);
                    Ok(Success::done())
                },
            );
        }
        Ok(())
    }

    fn remove(&self, _call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut kept = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for at in 0..batch.records().len() {
            let record = batch.records()[at];
            let was_there = kept.remove(&(record.fqdn.to_owned(), record.value.to_owned()));
            batch.settle(
                at,
                Ok(if was_there {
                    Success::done()
                } else {
                    Success::unchanged()
                }),
            );
        }
        Ok(())
    }
}

export_provider!(Memory);
