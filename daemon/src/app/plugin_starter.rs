use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::plugin::{HostOptions, Plugins};

/// What starts plugin processes, over loads of the configuration: a library that was described once is not
/// described again until its file changes.
#[derive(Clone, Debug, Default)]
pub struct PluginStarter(Arc<Mutex<Option<Plugins>>>);

impl PluginStarter {
    /// The one from before, unless these options differ from its own.
    pub(super) fn plugins(&self, options: &HostOptions) -> io::Result<Plugins> {
        let mut known = self.0.lock();
        match known.as_ref().filter(|known| known.options() == options) {
            Some(known) => Ok(known.clone()),
            None => Ok(known.insert(Plugins::new(options.clone())?).clone()),
        }
    }
}
