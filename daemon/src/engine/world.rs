use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Authority, Certificate, KeySource};
use crate::{
    challenge::Publisher,
    preflight::Preflight,
    store::Wanted,
    types::{CaName, CertificateName},
};

/// What a configuration means to the engine. Replaced whole at a reload; work
/// under way ends with the one that it began with.
#[derive(Clone, Debug)]
pub struct World {
    /// The wanted certificates.
    pub certificates: BTreeMap<CertificateName, Certificate>,
    /// The CAs.
    pub authorities: BTreeMap<CaName, Arc<Authority>>,
    /// Routes and providers.
    pub publisher: Arc<Publisher>,
    /// Looks at what a CA will look at.
    pub preflight: Preflight,
    /// How long all servers together may take to show a record, if the operator says so.
    pub propagation_timeout: Option<Duration>,
}

impl World {
    /// What the store is to hold.
    pub(super) fn wanted(&self) -> Vec<(CertificateName, Wanted)> {
        self.certificates
            .values()
            .map(|certificate| (certificate.name.clone(), certificate.wanted()))
            .collect()
    }
}

impl Certificate {
    /// The part of it whose change may ask for a new certificate.
    pub fn wanted(&self) -> Wanted {
        let (key_type, request) = match &self.key {
            KeySource::Generate(kind) => (Some(*kind), None),
            KeySource::Request(path) => (None, Some(path.clone())),
        };
        Wanted {
            identifiers: self.identifiers.clone(),
            cas: self.cas.clone(),
            key_type,
            request,
            profiles: self.profiles.clone(),
        }
    }
}
