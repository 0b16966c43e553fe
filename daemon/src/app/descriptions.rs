use dns01_plugin_wire::Description;
use tokio::runtime::Handle;

use super::PluginStarter;
use crate::{
    config::{Descriptions, Undescribed},
    plugin::{HostOptions, Options},
};

/// Describes plugins by running them in the plugin host.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) runtime: Handle,
    pub(super) starter: PluginStarter,
}

impl Descriptions for Described {
    fn describe(&self, host: &HostOptions, instance: &Options) -> Result<Option<Description>, Undescribed> {
        let undescribed = |error: &dyn std::fmt::Display, help: Option<String>| Undescribed {
            what: error.to_string(),
            help,
        };
        let plugins = self
            .starter
            .plugins(host)
            .map_err(|error| undescribed(&error, None))?;
        let described = plugins.describe(&instance.library, instance.sha256.as_ref());
        match self.runtime.block_on(described) {
            Ok(description) => Ok(Some(Description::clone(&description))),
            Err(error) => Err(undescribed(&error, error.help())),
        }
    }
}
