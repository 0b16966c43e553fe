//! How much of what a CA allows is left.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Authority, Engine, World, admission::counters_of};
use crate::{
    schedule::{Counter, choose_ca},
    store::{CertificateRow, StoreError},
    types::CertificateName,
};

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

    /// What an order for each certificate would cost at the CA that is asked first; without those that a CA lets pass
    /// its limits, because it suggests when to renew them (RFC 9773 5).
    pub fn costs(&self, world: &World, rows: &[CertificateRow]) -> BTreeMap<CertificateName, Vec<Counter>> {
        let now = self.clock.now();
        let cost = |row: &CertificateRow| {
            let certificate = world.certificates.get(&row.name)?;
            let ca = choose_ca(&certificate.cas, &row.troubles, false, now)?;
            if row
                .renewal_info
                .as_ref()
                .is_some_and(|info| info.suggested.is_some())
            {
                return None;
            }
            let authority = world.authorities.get(ca)?;
            Some((row.name.clone(), counters_of(authority, certificate)))
        };
        rows.iter().filter_map(cost).collect()
    }

    /// When each counter of every CA is full again, by its key; without those that were never used.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn spent(&self, world: &World) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let mut spent = BTreeMap::new();
        for authority in world.authorities.values() {
            let counters = self.counters(world, authority).await?;
            spent.extend(
                counters
                    .into_iter()
                    .filter_map(|(counter, full_at)| Some((counter.key, full_at?))),
            );
        }
        Ok(spent)
    }

    /// The moment that the engine goes by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
