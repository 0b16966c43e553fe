use crate::types::{DnsName, InstanceName};

/// Which names a provider instance serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Names at and below this one; `None`: every name that no longer suffix takes.
    pub suffix: Option<DnsName>,
    /// Who serves them.
    pub instance: InstanceName,
}
