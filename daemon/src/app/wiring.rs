use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::{PluginStarter, plugin_state::StoredState};
use crate::{
    challenge::{self, OwnerLocks, Publisher, Routes},
    clock::Clock,
    config::Config,
    dns::Dns,
    engine::{Authority, World},
    plugin::Plugins,
    preflight::Preflight,
    store::Store,
    types::{CaName, InstanceName},
};

/// Makes a [`World`] of a configuration. Accounts and their nonces survive a reload.
#[derive(Debug)]
pub(super) struct Wiring {
    store: Arc<dyn Store>,
    /// Holds what plugins keep.
    kept: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    authorities: Mutex<BTreeMap<CaName, Arc<Authority>>>,
    owners: Arc<OwnerLocks>,
    starter: PluginStarter,
}

/// Why a configuration cannot be wired.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// DNS cannot be asked as configured.
    #[error("dns: {0}")]
    Dns(#[from] crate::dns::SetupError),
    /// The thread that starts plugins cannot be started.
    #[error("plugins cannot be started: {0}")]
    Plugins(#[from] std::io::Error),
}

impl Wiring {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, starter: PluginStarter) -> Self {
        Wiring {
            kept: store.clone(),
            store,
            clock,
            authorities: Mutex::default(),
            owners: Arc::default(),
            starter,
        }
    }

    /// What plugins keep is in another store.
    pub(super) fn keeping(self, kept: Arc<dyn Store>) -> Self {
        Wiring { kept, ..self }
    }

    /// For the next load of the configuration.
    pub(super) fn starter(&self) -> PluginStarter {
        self.starter.clone()
    }

    /// Everything the configuration asks for; nothing is started yet.
    pub(super) fn world(&self, config: &Config) -> Result<World, WiringError> {
        let dns = Dns::new(config.dns.clone())?;
        let plugins = self.starter.plugins(&config.plugin_host)?;
        let publisher = Publisher::new(
            self.store.clone(),
            dns.clone(),
            Routes::new(config.routes.clone()),
            self.providers(config, &plugins),
            self.owners.clone(),
        );
        Ok(World {
            certificates: config
                .certificates
                .iter()
                .map(|certificate| (certificate.name.clone(), certificate.clone()))
                .collect(),
            authorities: self.authorities(config),
            publisher: Arc::new(publisher),
            preflight: Preflight::new(dns),
            propagation_timeout: config.dns.propagation_timeout,
        })
    }

    fn authorities(&self, config: &Config) -> BTreeMap<CaName, Arc<Authority>> {
        let mut known = self.authorities.lock();
        let accounts = config.state_directory.join("accounts");
        let authorities: BTreeMap<_, _> = config
            .cas
            .iter()
            .map(|ca| {
                let authority = match known.get(&ca.acme.name) {
                    Some(authority) if authority.options() == ca => authority.clone(),
                    _ => {
                        let key = accounts.join(format!("{}.pem", ca.acme.name));
                        Arc::new(Authority::new(
                            ca.clone(),
                            key,
                            self.store.clone(),
                            self.clock.clone(),
                        ))
                    }
                };
                (ca.acme.name.clone(), authority)
            })
            .collect();
        known.clone_from(&authorities);
        authorities
    }

    /// Always new clients: the options that a secret file holds may have changed,
    /// and the processes of the replaced ones end with their last call.
    fn providers(&self, config: &Config, plugins: &Plugins) -> BTreeMap<InstanceName, challenge::Provider> {
        let instances = config.providers.iter().map(|provider| {
            let instance = provider.options.instance.clone();
            let runtime = tokio::runtime::Handle::current();
            let state = StoredState {
                store: self.kept.clone(),
                instance: instance.clone(),
                runtime,
            };
            let client = plugins.instance(provider.options.clone(), provider.source.clone(), Arc::new(state));
            let provider = challenge::Provider {
                client: Arc::new(client),
                batch_window: provider.batch_window,
            };
            (instance, provider)
        });
        instances.collect()
    }
}
