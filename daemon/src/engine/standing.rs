//! How much of what a CA allows is left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Authority, Engine, World, admission::counters_of};
use crate::{schedule::Counter, store::StoreError};

impl Engine {
    /// Everything that the CA counts for the certificates that may ask it, each with the moment at which it is full
    /// again; `None` for one that was never used.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn counters(
        &self,
        world: &World,
        authority: &Authority,
    ) -> Result<Vec<(Counter, Option<Timestamp>)>, StoreError> {
        let ca = &authority.options().acme.name;
        let certificates = world.certificates.values();
        let counters: BTreeMap<String, Counter> = certificates
            .filter(|certificate| certificate.cas.contains(ca))
            .flat_map(|certificate| counters_of(authority, certificate))
            .map(|counter| (counter.key.clone(), counter))
            .collect();
        let full_at = self.store.budgets(counters.keys().cloned().collect()).await?;
        Ok(counters.into_values().zip(full_at).collect())
    }

    /// The moment that the engine goes by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
