use crate::{
    deployment::HookOptions,
    outputs,
    pki::KeyType,
    types::{CaName, CertificateName, Identifier},
};

/// A certificate that the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its key in the configuration.
    pub name: CertificateName,
    /// Sorted, without duplicates, at least one.
    pub identifiers: Vec<Identifier>,
    /// The CA to ask.
    pub ca: CaName,
    /// Kind of key; a new one at each issuance.
    pub key_type: KeyType,
    /// Where its files go.
    pub output: outputs::Options,
    /// What runs after each switch.
    pub hook: Option<HookOptions>,
}

/// Limits of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most orders worked at once.
    pub concurrency: usize,
}

/// Enough to hide every wait of a hundred certificates, few enough for a small CA.
pub const DEFAULT_CONCURRENCY: usize = 16;
