//! Certificate profiles (draft-ietf-acme-profiles).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::seconds;

const DAY: Duration = Duration::from_secs(86400);

/// What an order may ask for by name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// For people, as the directory has it.
    pub description: String,
    /// notAfter minus notBefore, unless the order asks.
    #[serde(with = "seconds")]
    pub lifetime: Duration,
    /// Most names in an order.
    pub max_names: usize,
}

/// Let's Encrypt's of 2026.
pub(super) fn lets_encrypt() -> BTreeMap<String, Profile> {
    let profile = |name: &str, lifetime, max_names| {
        let description = format!("https://lab.test/profiles#{name}");
        let profile = Profile {
            description,
            lifetime,
            max_names,
        };
        (name.to_owned(), profile)
    };
    BTreeMap::from([
        profile("classic", 90 * DAY, 100),
        profile("tlsserver", 45 * DAY, 25),
        profile("shortlived", 160 * Duration::from_secs(3600), 25),
    ])
}
