use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::{
    config::Config,
    plugin::{HostOptions, Instance, PluginState, Plugins},
    types::InstanceName,
};

/// What starts plugin processes, over loads of the configuration: a library that was described once is not
/// described again until its file changes.
#[derive(Clone, Debug, Default)]
pub struct PluginStarter(Arc<Mutex<Option<Plugins>>>);

impl PluginStarter {
    /// An instance of a configuration with a state that is not the daemon's; `None` when it has no such one.
    ///
    /// # Errors
    /// When the system has no thread to start processes.
    pub fn instance(
        &self,
        config: &Config,
        name: &InstanceName,
        state: Arc<dyn PluginState>,
    ) -> io::Result<Option<Instance>> {
        let mut providers = config.providers.iter();
        let Some(provider) = providers.find(|provider| provider.options.instance == *name) else {
            return Ok(None);
        };
        let plugins = self.plugins(&config.plugin_host)?;
        let instance = plugins.instance(provider.options.clone(), provider.source.clone(), state);
        Ok(Some(instance))
    }

    /// The one from before, unless these options differ from its own.
    pub(super) fn plugins(&self, options: &HostOptions) -> io::Result<Plugins> {
        let mut known = self.0.lock();
        match known.as_ref().filter(|known| known.options() == options) {
            Some(known) => Ok(known.clone()),
            None => Ok(known.insert(Plugins::new(options.clone())?).clone()),
        }
    }
}
