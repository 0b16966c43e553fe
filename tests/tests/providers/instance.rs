//! A provider as the daemon runs it: its built library in the built plugin host.

use std::{path::PathBuf, sync::Arc, time::Duration};

use dns01d::{
    plugin::{
        CallError, DEFAULT_GRACE, Done, HostOptions, Instance, MemoryState, OptionSource, OptionValue,
        Options, PluginState, Plugins, ProviderClient as _, Record, RecordOutcome, Sandbox,
    },
    secret::Secret,
};
use lab::daemon::built;

/// Enough for anything that is meant to succeed on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);

/// Options of an instance: key, value, and whether it is a secret.
pub type Values<'a> = &'a [(&'a str, &'a str, bool)];

/// A provider's built library in the real host, with these options and a state of its own.
pub fn instance(provider: &str, values: Values<'_>) -> Instance {
    instance_with(provider, values, Arc::new(MemoryState::default()), |_| {})
}

/// The same with a state that outlives the instance, and launch options to change.
pub fn instance_with(
    provider: &str,
    values: Values<'_>,
    state: Arc<dyn PluginState>,
    change: impl FnOnce(&mut Options),
) -> Instance {
    instance_of(built(&format!("libdns01_{provider}.so")), values, state, change)
}

/// The same of a library that is somewhere else.
pub fn instance_of(
    library: PathBuf,
    values: Values<'_>,
    state: Arc<dyn PluginState>,
    change: impl FnOnce(&mut Options),
) -> Instance {
    instance_in(built("dns01-plugin-host"), library, values, state, change)
}

/// The same in a plugin host of the test's own.
pub fn instance_in(
    host: PathBuf,
    library: PathBuf,
    values: Values<'_>,
    state: Arc<dyn PluginState>,
    change: impl FnOnce(&mut Options),
) -> Instance {
    let plugins = Plugins::new(HostOptions {
        executable: host,
        sandbox: Sandbox::Required,
        idle: Duration::from_secs(60),
        grace: DEFAULT_GRACE,
    })
    .expect("a thread");
    let mut options = Options::new("dns".parse().expect("a name"), library);
    change(&mut options);
    let values = values.iter().map(|(key, value, secret)| OptionValue {
        key: (*key).to_owned(),
        value: Secret::new((*value).to_owned()),
        secret: *secret,
    });
    plugins.instance(options, Arc::new(Fixed(values.collect())), state)
}

/// Options that never change.
#[derive(Debug)]
struct Fixed(Vec<OptionValue>);

impl OptionSource for Fixed {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(self.0.clone())
    }
}

/// A challenge record of `identifier`, below `_acme-challenge`.
pub fn record(identifier: &str, value: &str) -> Record {
    Record {
        ttl: 60,
        fqdn: format!("_acme-challenge.{identifier}"),
        value: value.to_owned(),
        identifier: identifier.to_owned(),
        challenge_name: format!("_acme-challenge.{identifier}"),
        ..Record::default()
    }
}

/// The outcomes when every record must succeed.
pub fn all_done(outcomes: Result<Vec<RecordOutcome>, CallError>) -> Vec<Done> {
    let outcomes = outcomes.expect("an answer");
    outcomes
        .into_iter()
        .map(|outcome| outcome.expect("success"))
        .collect()
}

/// Presents and wants success for each.
pub async fn present(instance: &Instance, records: &[Record]) -> Vec<Done> {
    all_done(instance.present(records, LONG).await)
}

/// Removes and wants success for each.
pub async fn remove(instance: &Instance, records: &[Record]) -> Vec<Done> {
    all_done(instance.remove(records, LONG).await)
}
