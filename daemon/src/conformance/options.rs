use std::time::Duration;

use super::{CATALOGUE, Check};
use crate::{dns::Dns, plugin, types::DnsName};

/// What to test, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The library and how it is run.
    pub plugin: plugin::Options,
    /// A zone of the tester's that the plugin's options may write to.
    pub zone: DnsName,
    /// The one name to use, where the server allows no others; else random ones.
    pub name: Option<DnsName>,
    /// A zone delegated from `zone` that the options may write to as well.
    pub subzone: Option<DnsName>,
    /// Who shows what was published; `None` for a provider that publishes nowhere.
    pub dns: Option<Dns>,
    /// How long the servers may take to show a change, where the provider does not say.
    pub visible_within: Duration,
    /// The service has no removal, as acme-dns has none: `remove` must say that it changed nothing, and nobody looks
    /// whether a value is gone.
    pub keeps_values: bool,
    /// How often the instance is opened, used and closed to see whether it leaks.
    pub rounds: u32,
    /// Checks or groups to run; empty means all.
    pub only: Vec<String>,
}

/// A leak of one page or descriptor each time is beyond doubt after so many.
pub const DEFAULT_ROUNDS: u32 = 1000;
/// As the daemon waits.
pub const DEFAULT_VISIBLE: Duration = crate::dns::DEFAULT_PROPAGATION_TIMEOUT;

impl Options {
    /// True when this check is to run.
    pub fn wants(&self, check: Check) -> bool {
        self.only.is_empty()
            || check == Check::Clean
            || self
                .only
                .iter()
                .any(|word| word == check.id() || word == check.group().as_str())
    }

    /// A word of `only` that names nothing.
    pub fn unknown(&self) -> Option<&str> {
        let known = |word: &&String| {
            CATALOGUE
                .iter()
                .any(|check| *word == check.id() || *word == check.group().as_str())
        };
        self.only.iter().find(|word| !known(word)).map(String::as_str)
    }
}
