use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Wanted;
use crate::{
    deployment,
    issuance::State,
    revocation::{self, RevocationReason},
    schedule::{CaTroubles, Cause, RenewalInfo},
    secret::Secret,
    types::{AccountUrl, CaName, CertificateName, DnsName, FaultClass, InstanceName},
};

/// A certificate that stands on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Issued {
    /// What it was issued for.
    pub wanted: Wanted,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// Start of its life.
    pub not_before: Timestamp,
    /// End of its life.
    pub not_after: Timestamp,
    /// Its generation directory.
    pub generation: u32,
    /// The renewal that is planned without the CA's renewal information: picked once, kept across restarts.
    pub renew_at: Timestamp,
    /// Who issued it. `None` before this was kept: the first CA of `wanted`.
    #[serde(default)]
    pub ca: Option<CaName>,
    /// The account that ordered it, by its address.
    #[serde(default)]
    pub account: Option<AccountUrl>,
    /// What the CA calls it (RFC 9773 4.1).
    #[serde(default)]
    pub cert_id: Option<String>,
    /// It is revoked, or about to be: nothing may be planned on it.
    #[serde(default)]
    pub revoked: bool,
}

impl Issued {
    /// Who issued it.
    pub fn ca(&self) -> Option<&CaName> {
        self.ca.as_ref().or_else(|| self.wanted.cas.first())
    }
}

/// An order that is not asked for before a moment, though it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hold {
    /// Until then.
    pub until: Timestamp,
    /// Why, for the operator.
    pub because: String,
}

/// The last failure, shown until a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// Its kind.
    pub class: FaultClass,
    /// The issuance's state when it failed.
    pub state: String,
    /// For the operator.
    pub text: String,
    /// A page that a person has to go to.
    #[serde(default)]
    pub page: Option<String>,
}

/// Everything known of a certificate but its issuance under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRow {
    /// Its name.
    pub name: CertificateName,
    /// Is it still in the configuration.
    pub configured: bool,
    /// What the operator wants.
    pub wanted: Wanted,
    /// What stands on disk.
    pub issued: Option<Issued>,
    /// Failures in a row.
    pub failures: u32,
    /// The last of them.
    pub last_error: Option<LastError>,
    /// Where deployment stands.
    pub deployment: Option<deployment::State>,
    /// State of the issuance under way.
    pub issuance: Option<String>,
    /// When the next attempt to issue is due.
    pub next_attempt: Option<Timestamp>,
    /// Why the next one is asked for, or the one under way was.
    pub cause: Cause,
    /// The order is due and held back.
    pub hold: Option<Hold>,
    /// How its CAs treated it lately.
    pub troubles: CaTroubles,
    /// What the CA says of the renewal of the certificate on disk.
    pub renewal_info: Option<RenewalInfo>,
}

impl CertificateRow {
    /// When the certificate on disk is renewed: as its CA suggests, else as planned at its issuance.
    pub fn renew_at(&self) -> Option<Timestamp> {
        let suggested = self.renewal_info.as_ref().and_then(RenewalInfo::renew_at);
        suggested.or_else(|| self.issued.as_ref().map(|issued| issued.renew_at))
    }
}

/// An issuance under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    /// What it was begun for.
    pub wanted: Wanted,
    /// Who is asked. `None` before this was kept: the first CA of `wanted`.
    pub ca: Option<CaName>,
    /// Where it stands.
    pub state: State,
    /// The certificate's key, PKCS#8 PEM, from `Finalizing` on.
    pub key: Option<Secret>,
}

/// A change to one certificate: one transaction. `None` leaves a part as it is.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose.
    pub certificate: CertificateName,
    /// When; also stamps journal rows.
    pub now: Timestamp,
    /// The issuance's new state, with what it is for and who is asked; `Some(None)` ends the issuance.
    pub issuance: Option<Option<(Wanted, CaName, State)>>,
    /// The key that belongs to the new state.
    pub key: Option<Secret>,
    /// Records that belong to the new state; rows of this certificate that are not among them begin removal.
    pub plan: Option<Vec<NewRecord>>,
    /// All records of this certificate begin removal.
    pub remove_records: bool,
    /// A new certificate stands on disk.
    pub issued: Option<Issued>,
    /// Failures in a row and the last of them.
    pub failure: Option<(u32, Option<LastError>)>,
    /// When to attempt next; `Some(None)` takes the job out of the queue.
    pub next_attempt: Option<Option<Timestamp>>,
    /// A deployment begins in this state, whatever the one before has come to, and goes on then.
    pub deployment: Option<(deployment::State, Option<Timestamp>)>,
    /// What the CA says of the renewal of the new certificate; it is asked again when that says so.
    pub renewal_info: Option<Option<RenewalInfo>>,
    /// Why the next issuance is asked for.
    pub cause: Option<Cause>,
    /// The order is held back, or no longer.
    pub hold: Option<Option<Hold>>,
    /// How the CAs treated the certificate lately.
    pub troubles: Option<CaTroubles>,
    /// What this costs of the CA's limits.
    pub charges: Vec<Charge>,
    /// A certificate is asked for from this moment on: counts for the breaker.
    pub begun: Option<(CaName, Cause)>,
    /// The certificate that was asked for last may have been issued as late as now.
    pub still_begun: bool,
    /// What is to be read of it later.
    pub notes: Vec<Note>,
}

/// One use of a counter of the CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The counter.
    pub key: String,
    /// The time in which one comes back.
    pub interval: SignedDuration,
}

/// An issuance that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// Something of a certificate's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Its kind, kebab-case.
    pub kind: String,
    /// For the operator.
    pub text: String,
}

/// What came of a look at a certificate's renewal information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfoHeard {
    /// Whose.
    pub certificate: CertificateName,
    /// The new state; of no use when the certificate has been replaced meanwhile.
    pub info: RenewalInfo,
    /// When the CA is asked again; `None` for never.
    pub next_check: Option<Timestamp>,
    /// What is to be read of it later.
    pub note: Option<Note>,
}

impl Change {
    /// A change that changes nothing yet.
    pub fn of(certificate: CertificateName, now: Timestamp) -> Self {
        Change {
            certificate,
            now,
            issuance: None,
            key: None,
            plan: None,
            remove_records: false,
            issued: None,
            failure: None,
            next_attempt: None,
            deployment: None,
            renewal_info: None,
            cause: None,
            hold: None,
            troubles: None,
            charges: Vec::new(),
            begun: None,
            still_begun: false,
            notes: Vec::new(),
        }
    }
}

/// A challenge record to enter into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Who publishes it.
    pub instance: InstanceName,
    /// Where it goes, CNAMEs followed.
    pub owner: DnsName,
    /// The zone that holds `owner`.
    pub zone: DnsName,
    /// TXT text.
    pub value: String,
    /// The name it proves.
    pub identifier: DnsName,
    /// `_acme-challenge.<identifier>`.
    pub challenge_name: DnsName,
    /// The CA's token.
    pub token: String,
    /// `token.thumbprint`.
    pub key_authorization: String,
    /// It stays when its order has ended (dns-persist-01).
    pub standing: bool,
}

/// A journal row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: i64,
    /// Whose issuance it belongs to.
    pub certificate: CertificateName,
    /// What it says.
    pub record: NewRecord,
    /// What the provider returned for it; "" if that was lost.
    pub handle: String,
    /// Where it stands.
    pub phase: RecordPhase,
    /// Failed removals so far.
    pub attempts: u32,
    /// When it entered the journal.
    pub created_at: Timestamp,
    /// Why the last removal failed.
    pub last_error: Option<String>,
    /// Another issuance wants the very same record: it must stand when this row goes.
    /// (A CA may give one pending authorization to several orders.)
    pub shared: bool,
    /// The provider took it; kept of standing records only.
    pub published: bool,
    /// It tests the way that challenge records go, and belongs to no order.
    pub canary: Option<Canary>,
}

/// What the provider of a canary is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// That it is one.
    Told,
    /// That it is a challenge record: the provider knows no canaries.
    AsChallenge,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPhase {
    /// It may be published.
    Wanted,
    /// It must go.
    Removing,
}

/// How a removal went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordRemoval {
    /// The provider confirmed it.
    Gone,
    /// It failed; the next try is due then, or never by itself.
    Failed {
        /// What the operator reads.
        error: String,
        /// When to try again; `None` after the last try.
        retry_at: Option<Timestamp>,
    },
}

/// Something to do at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What.
    pub kind: JobKind,
    /// For whom: the name of a certificate, an instance or a CA, or the number of a revocation. Canaries have one for
    /// all.
    pub subject: String,
    /// When.
    pub due: Timestamp,
}

/// The queue at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Kind by kind as they were asked for, the earliest of a kind first.
    pub jobs: Vec<Job>,
    /// The earliest job that is not due yet.
    pub next: Option<Timestamp>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobKind {
    /// Obtain or renew a certificate.
    Issue,
    /// Bring a generation to its users.
    Deploy,
    /// Remove challenge records of a provider instance.
    CleanUp,
    /// Ask the CA when a certificate should be renewed.
    RenewalInfo,
    /// Give the account at a CA another key.
    Rollover,
    /// Revoke a certificate.
    Revoke,
    /// See that the standing records of a certificate are right.
    Standing,
    /// Try the ways that challenge records go.
    Canary,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [JobKind; 8] = [
        JobKind::Issue,
        JobKind::Deploy,
        JobKind::CleanUp,
        JobKind::RenewalInfo,
        JobKind::Rollover,
        JobKind::Revoke,
        JobKind::Standing,
        JobKind::Canary,
    ];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Issue => "issue",
            JobKind::Deploy => "deploy",
            JobKind::CleanUp => "clean-up",
            JobKind::RenewalInfo => "renewal-info",
            JobKind::Rollover => "rollover",
            JobKind::Revoke => "revoke",
            JobKind::Standing => "standing",
            JobKind::Canary => "canary",
        }
    }
}

/// Where the challenge records of a name go, as far as was found last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRow {
    /// The name that is proved.
    pub identifier: DnsName,
    /// The name that holds the records, CNAMEs followed.
    pub owner: DnsName,
    /// The zone of `owner`.
    pub zone: DnsName,
}

/// How canaries of a provider instance fare in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryRow {
    /// Who publishes them.
    pub instance: InstanceName,
    /// Where.
    pub zone: DnsName,
    /// When the next one is due.
    pub next: Timestamp,
    /// The name whose challenge name was tried last, and when.
    pub last: Option<(DnsName, Timestamp)>,
    /// They fail.
    pub failing: Option<Failing>,
}

/// A failure that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failing {
    /// When it was seen first.
    pub since: Timestamp,
    /// How often it was seen.
    pub times: u32,
    /// What failed last, for the operator.
    pub text: String,
}

/// A revocation to begin.
#[derive(Clone, Debug)]
pub struct NewRevocation {
    /// The configured certificate that it is, or was, of.
    pub certificate: Option<CertificateName>,
    /// Who is asked, in turn.
    pub cas: Vec<CaName>,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// The certificate and its issuers, PEM.
    pub chain: String,
    /// Why.
    pub reason: RevocationReason,
    /// The certificate's own key, where it is to sign.
    pub key: Option<Secret>,
    /// Where it begins.
    pub state: revocation::State,
    /// SHA-256 of the public key, in hexadecimal, if that is never to be certified again.
    pub block: Option<String>,
}

/// A revocation.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Its number.
    pub id: i64,
    /// What was asked for.
    pub asked: NewRevocation,
    /// When.
    pub asked_at: Timestamp,
}

/// An account at a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its address.
    pub url: AccountUrl,
    /// Thumbprint of its key (RFC 7638): tells a replaced key file.
    pub thumbprint: String,
    /// Since when it has this key, where that is known.
    pub key_since: Option<Timestamp>,
}
