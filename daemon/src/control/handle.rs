use futures_util::{future::BoxFuture, stream::BoxStream};

use crate::{
    challenge::Task,
    types::{CertificateName, DnsName, InstanceName},
};

use super::protocol::{Prepared, Reloaded, Status, Step};

/// What the control socket asks of the daemon.
pub trait Handle: Send + Sync + 'static {
    /// How everything stands.
    fn status(&self) -> BoxFuture<'_, Status>;

    /// Starts a renewal, or joins the one in progress.
    ///
    /// The stream ends after the step with `done`. Dropping it only ends the
    /// looking on: the renewal goes on. When the daemon stops, the stream ends.
    ///
    /// # Errors
    /// When nothing was started.
    fn renew(
        &self,
        certificate: CertificateName,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Step>, RenewError>>;

    /// Has a provider instance check names, or set up what it needs for them.
    ///
    /// # Errors
    /// When no name was looked at; what one name failed for is in the answer.
    fn prepare(
        &self,
        task: Task,
        instance: InstanceName,
        names: Vec<DnsName>,
    ) -> BoxFuture<'_, Result<Prepared, PrepareError>>;

    /// Reads the configuration again and applies it whole or not at all.
    ///
    /// # Errors
    /// When the old configuration stays.
    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, ReloadError>>;
}

/// Why no renewal was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenewError {
    /// The configuration has no such certificate.
    #[error("there is no certificate `{0}`: `dns01d status` lists them")]
    UnknownCertificate(CertificateName),
    /// It would do harm now.
    #[error("not now: {0}")]
    Refused(String),
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Why a provider instance did not look at the names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The configuration in use has no such instance.
    #[error(
        "there is no provider instance `{0}` in the daemon's configuration: `dns01d provider list` shows them"
    )]
    UnknownInstance(InstanceName),
    /// The call as a whole failed.
    #[error("{0}")]
    Failed(String),
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
}

/// Why the old configuration stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The new one has these faults, one per line.
    #[error("the configuration has faults; the one from before stays in use:\n{0}")]
    Configuration(String),
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
}
