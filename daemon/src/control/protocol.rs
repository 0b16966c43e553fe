//! What goes over the control socket. Fields and variants are only ever added;
//! readers skip fields that they do not know.

mod authority;
mod online;
mod plan;
mod revocation;
mod secret_text;

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    pki::KeyType,
    types::{CaName, CertificateName, DnsName, FaultClass, Identifier, InstanceName},
};

pub use authority::{AccountInfo, CaInfo, CaOffers, LimitInfo};
pub use online::{Because, Finding, OnlineLine, OnlineReport, OnlineWish, Part, Prospect, Verdict};
pub use plan::{Explanation, Plan, Planned, PlannedKind};
pub use revocation::{Revocable, RevokeWish, Revoked, RevokedSince};
pub use secret_text::SecretText;

/// Raised when a reader of the version before would misunderstand.
pub const PROTOCOL: u32 = 1;
/// The header that carries [`PROTOCOL`] in every answer.
pub const PROTOCOL_HEADER: &str = "dns01d-protocol";

/// `GET /v1/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The daemon's release.
    pub version: String,
    /// [`PROTOCOL`] of the daemon.
    pub protocol: u32,
}

/// `GET /v1/status`: everything there is to know at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's release.
    pub version: String,
    /// Where it keeps its state.
    pub state_directory: PathBuf,
    /// When the process started.
    pub started_at: Timestamp,
    /// When the configuration in use was read.
    pub config_loaded_at: Timestamp,
    /// Why the last reload kept the configuration from before.
    pub config_error: Option<String>,
    /// In the order of the configuration.
    pub certificates: Vec<CertificateStatus>,
    /// Provider instances.
    pub providers: Vec<ProviderStatus>,
    /// Challenge records that should be gone from DNS and are not.
    pub leftovers: Vec<Leftover>,
    /// How canaries fare, by provider instance and zone.
    #[serde(default)]
    pub canaries: Vec<CanaryStatus>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// Its key in the configuration.
    pub name: CertificateName,
    /// What it is for.
    pub identifiers: Vec<Identifier>,
    /// Who issues it.
    pub ca: CaName,
    /// Kind of a key that is made here; `None` where a request brings its own.
    pub key_type: Option<KeyType>,
    /// How it stands.
    pub state: CertificateState,
    /// What is being done right now, in plain words.
    pub activity: Option<String>,
    /// Serial number of the newest certificate, hexadecimal.
    pub serial: Option<String>,
    /// First moment of its validity.
    pub not_before: Option<Timestamp>,
    /// Last moment of its validity.
    pub not_after: Option<Timestamp>,
    /// When its renewal is planned.
    pub renew_at: Option<Timestamp>,
    /// Its generation on disk.
    pub generation: Option<u32>,
    /// Where readers find the files.
    pub live: PathBuf,
    /// When the generation became live and its hook succeeded.
    pub deployed_at: Option<Timestamp>,
    /// The command that runs after a switch.
    pub hook: HookStatus,
    /// What went wrong last, until something went well.
    pub last_error: Option<LastError>,
    /// When the next try is due after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// Failed tries since the last success.
    pub attempts: u32,
    /// The CA is one for trials: nobody trusts the certificate.
    #[serde(default)]
    pub staging: bool,
    /// The CA that issued the newest certificate, where it is not the one that is asked first.
    #[serde(default)]
    pub ca_used: Option<CaName>,
    /// The profile that is asked for.
    #[serde(default)]
    pub profile: Option<String>,
    /// What the CA says about when to renew.
    #[serde(default)]
    pub renewal_info: Option<RenewalInfoStatus>,
    /// Why nothing is ordered for now, although it is due.
    #[serde(default)]
    pub blocked_until: Option<Blocked>,
    /// The CA waits for a person there, before it issues for these names again.
    #[serde(default)]
    pub paused_url: Option<String>,
    /// The newest certificate is revoked.
    #[serde(default)]
    pub revoked: Option<RevokedSince>,
}

/// What a CA says about when to renew a certificate (RFC 9773 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalInfoStatus {
    /// Start of the window that it suggests.
    pub start: Timestamp,
    /// End of the window.
    pub end: Timestamp,
    /// A page that says why, where the CA names one.
    pub explanation_url: Option<String>,
    /// When it was asked.
    pub checked_at: Timestamp,
    /// When it is asked again.
    pub next_check_at: Option<Timestamp>,
}

/// A certificate that waits because a CA would refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Until when.
    pub at: Timestamp,
    /// By what, in plain words.
    pub text: String,
}

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateState {
    /// There is none yet; the first one is due.
    Pending,
    /// One is being obtained.
    Issuing,
    /// There is a valid one, and nothing is wrong.
    Valid,
    /// The last try failed; there may be a valid one still.
    Failing,
    /// The one that there is has expired.
    Expired,
    /// A state of a later release.
    #[serde(other)]
    Unknown,
}

/// The hook of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum HookStatus {
    /// None is configured.
    None,
    /// It runs, or will at once.
    Due,
    /// It succeeded for the live generation, or has nothing to do yet.
    Succeeded,
    /// It failed and is tried again.
    Failing {
        /// Failures since the switch.
        failures: u32,
        /// How it failed last.
        text: String,
        /// When it runs again.
        next_attempt_at: Timestamp,
    },
    /// A state of a later release.
    #[serde(other)]
    Unknown,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// Its kind, for programs: kebab-case.
    pub class: String,
    /// For people: who, what, what next.
    pub text: String,
}

/// A provider instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderStatus {
    /// Its key in the configuration.
    pub instance: InstanceName,
    /// Its library.
    pub library: PathBuf,
    /// Which provider of the library, with its version, once known.
    pub provider: Option<String>,
    /// Process number while one runs.
    pub pid: Option<u32>,
    /// What went wrong last, until something went well.
    pub last_error: Option<LastError>,
}

/// A challenge record that should be gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Owner name of the TXT record.
    pub name: DnsName,
    /// Its value: a digest, no secret (RFC 8555 8.4).
    pub value: String,
    /// Who published it.
    pub instance: InstanceName,
    /// Since when its removal is due.
    pub since: Timestamp,
    /// Failed removals.
    pub attempts: u32,
    /// Why the last removal failed.
    pub last_error: Option<String>,
}

/// Canaries of a provider instance in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// Who publishes them.
    pub instance: InstanceName,
    /// Where.
    pub zone: DnsName,
    /// The name that was tried last.
    pub name: Option<DnsName>,
    /// When that was.
    pub at: Option<Timestamp>,
    /// When the next one is sent.
    pub next_at: Timestamp,
    /// They fail.
    pub failing: Option<CanaryFailure>,
}

/// Canaries that fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryFailure {
    /// Since when.
    pub since: Timestamp,
    /// How many.
    pub times: u32,
    /// How the last one failed, and what to do.
    pub text: String,
}

/// `POST /v1/renew/NAME`: it is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Which certificate.
    pub certificate: CertificateName,
}

/// One line of `POST /v1/renew/NAME?wait=true`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Which certificate.
    pub certificate: CertificateName,
    /// Which step, for programs: kebab-case.
    pub step: String,
    /// For people, in plain words.
    pub text: String,
    /// How it ended: set in the last line, and only there.
    pub done: Option<Outcome>,
}

/// How a renewal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The new certificate is live.
    Succeeded {
        /// Its serial number, hexadecimal.
        serial: String,
        /// Last moment of its validity.
        not_after: Timestamp,
        /// How long all of it took.
        took: Duration,
    },
    /// This try failed.
    Failed {
        /// Why, and what to do.
        text: String,
        /// When the daemon tries again by itself.
        next_attempt_at: Option<Timestamp>,
    },
    /// A certificate is revoked.
    Revoked(Revoked),
}

/// Body of `POST /v1/providers/NAME/check` and `.../setup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Names to prove, without `*.`. None at all is a check of the credentials.
    pub names: Vec<DnsName>,
}

/// What a provider instance said of each name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Which instance.
    pub instance: InstanceName,
    /// In the order of the names; one without a name for the credentials alone.
    pub outcomes: Vec<NamePrepared>,
}

/// What a provider instance said of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamePrepared {
    /// The name to prove; `null` for the credentials.
    pub name: Option<DnsName>,
    /// What the CA looks up.
    pub challenge_name: Option<DnsName>,
    /// Where its record goes, once CNAMEs are followed.
    pub record: Option<DnsName>,
    /// The zone that holds it.
    pub zone: Option<DnsName>,
    /// Which kind of failure it was; `null` when it went well.
    pub failure: Option<FaultClass>,
    /// What the provider says: what is left to do, or what failed. May be empty.
    pub text: String,
}

/// `POST /v1/reload`: what the new configuration changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// New certificates.
    pub added: Vec<CertificateName>,
    /// Certificates with other settings.
    pub changed: Vec<CertificateName>,
    /// Certificates that are no longer renewed; their files stay.
    pub removed: Vec<CertificateName>,
    /// How many stayed as they were.
    pub unchanged: usize,
}

/// Body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// For programs.
    pub code: FaultCode,
    /// For people.
    pub text: String,
}

/// Kind of a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCode {
    /// 403: the peer may not use the socket.
    Forbidden,
    /// 404: no such address.
    NotFound,
    /// 404: no such certificate.
    UnknownCertificate,
    /// 404: no such provider instance.
    UnknownProvider,
    /// 404: no such CA, or several and none was named.
    UnknownCa,
    /// 404: no certificate is called so or has such a name.
    UnknownName,
    /// 400: the body is none that belongs to this address.
    Malformed,
    /// 502: the provider did not do what it was asked.
    Provider,
    /// 502: the CA did not do what it was asked.
    Ca,
    /// 500: the daemon could not do it, for example because its disk is full.
    Failed,
    /// 409: it would do harm now, for example at the CA's limits.
    Refused,
    /// 422: the new configuration has faults; the old one stays.
    Configuration,
    /// 503: the daemon is stopping.
    Stopping,
    /// A fault of a later release.
    #[serde(other)]
    Unknown,
}
