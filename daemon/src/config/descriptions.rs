//! What a plugin says about itself, as far as a configuration can be held against it.

use std::fmt;

use dns01_plugin_wire::Description;

use crate::plugin;

/// Tells which options the providers of a library take. Implemented over the
/// `describe` run of the plugin host; asked once per instance. May block.
pub trait Descriptions: fmt::Debug {
    /// The description of `instance`'s library as `host` finds it; `None` when it
    /// is not known, and the options are then taken as they are.
    ///
    /// # Errors
    /// When the library cannot be used: no plugin, another ABI, not protected.
    fn describe(
        &self,
        host: &plugin::HostOptions,
        instance: &plugin::Options,
    ) -> Result<Option<Description>, Undescribed>;
}

/// Why a library cannot be used, and what the operator can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undescribed {
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Knows nothing: options are taken as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDescriptions;

impl Descriptions for NoDescriptions {
    fn describe(
        &self,
        _: &plugin::HostOptions,
        _: &plugin::Options,
    ) -> Result<Option<Description>, Undescribed> {
        Ok(None)
    }
}
