use futures_util::{future::BoxFuture, stream::BoxStream};

use jiff::Timestamp;

use crate::{
    challenge::Task,
    engine::AccountTask,
    types::{CaName, CertificateName, DnsName, InstanceName},
};

use super::protocol::{
    AccountInfo, CaInfo, Explanation, OnlineLine, OnlineWish, Plan, Prepared, Reloaded, RevokeWish, Status,
    Step,
};

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

    /// Why a certificate stands as it does.
    ///
    /// # Errors
    /// When there is none of this name.
    fn why(&self, certificate: CertificateName) -> BoxFuture<'_, Result<Explanation, AskError>>;

    /// What will happen until a moment if nothing else does; without one, what is next for each certificate.
    ///
    /// # Errors
    /// When the store does not answer.
    fn plan(&self, until: Option<Timestamp>) -> BoxFuture<'_, Result<Plan, AskError>>;

    /// What the CAs offer and allow: of one, or of all that are configured.
    ///
    /// # Errors
    /// When there is none of this name. A CA that does not answer is no error.
    fn cas(&self, ca: Option<CaName>) -> BoxFuture<'_, Result<Vec<CaInfo>, AskError>>;

    /// Revokes a certificate, another one first where that is wished.
    ///
    /// The stream ends after the step with `done`. Dropping it only ends the looking on, as of [`Handle::renew`].
    ///
    /// # Errors
    /// When nothing has begun.
    fn revoke(&self, wish: RevokeWish) -> BoxFuture<'_, Result<BoxStream<'static, Step>, AskError>>;

    /// Does something with the account at a CA, and shows it. The CA need not be named where there is one only.
    ///
    /// # Errors
    /// When the CA refuses, or there is no such account.
    fn account(&self, ca: Option<CaName>, task: AccountTask) -> BoxFuture<'_, Result<AccountInfo, AskError>>;

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

    /// Looks at what issuances would meet: canaries are sent, CAs' directories read, and nothing is ordered.
    ///
    /// The stream ends after its last line. Dropping it calls canaries back.
    ///
    /// # Errors
    /// When nothing was looked at.
    fn look(&self, wish: OnlineWish) -> BoxFuture<'_, Result<BoxStream<'static, OnlineLine>, AskError>>;

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

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The configuration has no such certificate.
    #[error("there is no certificate `{0}`: `dns01d status` lists them")]
    UnknownCertificate(CertificateName),
    /// The configuration has no such CA.
    #[error("there is no CA `{name}`; there are {}", list(known))]
    UnknownCa {
        /// As it was asked for.
        name: CaName,
        /// Those that there are.
        known: Vec<CaName>,
    },
    /// The configuration has no such name.
    #[error("no certificate is called `{0}` or has this name: `dns01d status` lists them")]
    UnknownName(String),
    /// It is not said which one.
    #[error("there are several CAs; name one of {}", list(.0))]
    WhichCa(Vec<CaName>),
    /// It would do harm, or there is nothing that it could be done with.
    #[error("{0}")]
    Refused(String),
    /// The CA did not do it.
    #[error("{0}")]
    Ca(String),
    /// The daemon could not do it.
    #[error("{0}")]
    Failed(String),
    /// The daemon is on its way out.
    #[error("the daemon is stopping")]
    Stopping,
}

fn list(names: &[CaName]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
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
