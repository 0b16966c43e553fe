//! What can go wrong, whose fault it is, and what to do.

use std::time::Duration;

use dns01_plugin_api::Class;
use dns01_provider_http as http;

use crate::aws;

/// Route 53 takes five requests a second from an account: after this a burst of others has
/// passed.
const THROTTLED: Duration = Duration::from_secs(5);
/// How long to wait for a clock to be set.
const CLOCK: Duration = Duration::from_secs(60);

/// A failed operation, in an operator's words. No text of it holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The host wants the call to end, or its time is up.
    #[error("given up: cancelled or out of time")]
    Cancelled,
    /// A request of the SDK got no answer.
    #[error("{action}: {reason}")]
    Network {
        /// What was asked for, `route53:ListHostedZonesByName`.
        action: &'static str,
        /// Why not.
        reason: String,
        /// As the HTTP client classes it.
        class: Class,
    },
    /// No source had any.
    #[error("no AWS credentials; tried: {tried}")]
    NoCredentials {
        /// Each source, and why it had none.
        tried: String,
    },
    /// A source has a fault.
    #[error("no AWS credentials: {reason}")]
    Credentials {
        /// Where, and what is wrong.
        reason: String,
        /// Whose fault it is.
        class: Class,
    },
    /// IAM says no.
    #[error("AWS does not allow {action} on {subject}: {words}; {advice}")]
    Denied {
        /// The IAM action.
        action: &'static str,
        /// The zone, or what else.
        subject: String,
        /// AWS's words, which name the identity.
        words: String,
        /// What to do.
        advice: &'static str,
    },
    /// A session has ended.
    #[error(
        "AWS says that the session token has expired: credentials with a `session-token` must be replaced in \
         time; an SSO login must be renewed (aws sso login)"
    )]
    Expired,
    /// Nobody's key.
    #[error(
        "AWS does not know the access key ({code}): it was deleted, is mistyped, belongs to another partition \
         (see `region`), or lacks its `session-token`"
    )]
    UnknownKey {
        /// AWS's code.
        code: String,
    },
    /// The signature is wrong. AWS's words are left out: they repeat the session token.
    #[error(
        "AWS refuses the signature ({code}): the secret access key is not the one of the access key, or this \
         machine's clock is wrong"
    )]
    Signature {
        /// AWS's code.
        code: String,
    },
    /// The clock is wrong.
    #[error("AWS finds the time of the request wrong ({code}): set this machine's clock by NTP")]
    Clock {
        /// AWS's code.
        code: String,
    },
    /// Too many requests.
    #[error("{action}: Route 53 asks for patience ({code}); it is tried again")]
    Throttled {
        /// The IAM action.
        action: &'static str,
        /// AWS's code: PriorRequestNotComplete, Throttling.
        code: String,
        /// Its HTTP status.
        status: u16,
        /// What it asks for, if it does.
        after: Option<Duration>,
    },
    /// AWS has trouble of its own.
    #[error("{action}: AWS fails with HTTP {status} {code}; it is tried again")]
    Service {
        /// The IAM action.
        action: &'static str,
        /// AWS's code.
        code: String,
        /// Its HTTP status.
        status: u16,
    },
    /// AWS refuses for another reason.
    #[error("{action} on {subject}: AWS answers {code}: {words}")]
    Refused {
        /// The IAM action.
        action: &'static str,
        /// The zone, or what else.
        subject: String,
        /// AWS's code.
        code: String,
        /// AWS's words.
        words: String,
        /// Its HTTP status.
        status: u16,
    },
    /// A change batch is refused, and nothing of it done.
    #[error("Route 53 refuses the change in {zone}: {words}")]
    Batch {
        /// The zone.
        zone: String,
        /// What it says of each change.
        words: String,
    },
    /// Others were faster each time.
    #[error(
        "others keep changing the TXT records of {fqdn}: given up after {rounds} tries; it is tried again"
    )]
    Contended {
        /// A name that changed under us.
        fqdn: String,
        /// How often it was tried.
        rounds: u32,
    },
    /// The zone of the configuration is gone.
    #[error(
        "there is no hosted zone {zone} in this account: correct `hosted-zone-id`, or the credentials are \
         another account's"
    )]
    NoSuchZone {
        /// Its id, and its name where it was found by that.
        zone: String,
    },
    /// None of the account's zones holds the name.
    #[error(
        "the account has no {kind} hosted zone for {fqdn}: the credentials may be another account's{}",
        if *.kind == "public" { ", or the zone is private (see `private`)" } else { "" }
    )]
    NoZone {
        /// Name of the record.
        fqdn: String,
        /// `public` or `private`.
        kind: &'static str,
    },
    /// Which one?
    #[error("the account has several {kind} hosted zones named {zone} ({ids}): give one as `hosted-zone-id`")]
    Ambiguous {
        /// Their name.
        zone: String,
        /// Their ids.
        ids: String,
        /// `public` or `private`.
        kind: &'static str,
    },
    /// A CNAME is there.
    #[error("a CNAME stands at {fqdn}: no TXT can stand beside it; remove it, or let the host follow it")]
    Cname {
        /// Name of the record.
        fqdn: String,
    },
    /// TXT is an alias.
    #[error("the TXT of {fqdn} is an alias: it has no values of its own to add to; remove the alias")]
    Alias {
        /// Name of the record.
        fqdn: String,
    },
    /// A routing policy is there.
    #[error(
        "the TXT of {fqdn} is under a routing policy (set `{identifier}`): which clients would see a value is \
         not certain; use a simple record"
    )]
    Routed {
        /// Name of the record.
        fqdn: String,
        /// One of its sets.
        identifier: String,
    },
    /// The quotas of Route 53 are reached.
    #[error(
        "the TXT of {fqdn} has {values} values, as many as Route 53 lets be or be changed at once: remove what \
         is not needed any more"
    )]
    Full {
        /// Name of the record.
        fqdn: String,
        /// How many there are.
        values: usize,
    },
    /// The record cannot be written as DNS.
    #[error("{fqdn} with a value of {len} bytes is no TXT record that Route 53 takes")]
    NoRecord {
        /// Name of the record.
        fqdn: String,
        /// Bytes of its value.
        len: usize,
    },
    /// The SDK could not make the request.
    #[error("{action}: the request could not be made: {reason}")]
    Request {
        /// The IAM action.
        action: &'static str,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Cancelled => Class::Cancelled,
            Self::Network { class, .. } | Self::Credentials { class, .. } => *class,
            Self::NoCredentials { .. }
            | Self::Denied { .. }
            | Self::Expired
            | Self::UnknownKey { .. }
            | Self::Signature { .. } => Class::Auth,
            // a machine that has just booted has no clock yet; NTP mends it unaided
            Self::Clock { .. } | Self::Service { .. } | Self::Contended { .. } => Class::Transient,
            Self::Throttled { .. } => Class::RateLimited,
            Self::NoSuchZone { .. } | Self::NoZone { .. } => Class::ZoneNotFound,
            Self::Ambiguous { .. } | Self::Request { .. } => Class::Config,
            Self::Alias { .. } | Self::Routed { .. } => Class::Unsupported,
            Self::Refused { .. }
            | Self::Batch { .. }
            | Self::Cname { .. }
            | Self::Full { .. }
            | Self::NoRecord { .. } => Class::Permanent,
        }
    }

    /// Other credentials would be taken, or the same ones where others had been read before.
    pub(crate) fn blames_credentials(&self) -> bool {
        matches!(
            self,
            Self::Expired | Self::UnknownKey { .. } | Self::Signature { .. }
        )
    }

    /// Nothing that follows in this call could go better.
    pub(crate) fn ends_call(&self) -> bool {
        match self {
            // what one zone or one change is refused, another may be allowed
            Self::Denied { action, .. } | Self::Refused { action, .. } => {
                !matches!(*action, aws::LIST_SETS | aws::CHANGE | aws::GET_CHANGE)
            }
            Self::Cancelled
            | Self::Network { .. }
            | Self::NoCredentials { .. }
            | Self::Credentials { .. }
            | Self::Expired
            | Self::UnknownKey { .. }
            | Self::Signature { .. }
            | Self::Clock { .. }
            | Self::Throttled { .. }
            | Self::Service { .. }
            | Self::Request { .. } => true,
            Self::Batch { .. }
            | Self::Contended { .. }
            | Self::NoSuchZone { .. }
            | Self::NoZone { .. }
            | Self::Ambiguous { .. }
            | Self::Cname { .. }
            | Self::Alias { .. }
            | Self::Routed { .. }
            | Self::Full { .. }
            | Self::NoRecord { .. } => false,
        }
    }
}

impl From<http::Stopped> for Error {
    fn from(_: http::Stopped) -> Self {
        Self::Cancelled
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let converted = Self::new(error.class(), error.to_string());
        match error {
            Error::Throttled { status, after, .. } => converted
                .with_native_code(i32::from(status))
                .with_retry_after(after.unwrap_or(THROTTLED)),
            Error::Clock { .. } => converted.with_retry_after(CLOCK),
            Error::Service { status, .. } | Error::Refused { status, .. } => {
                converted.with_native_code(i32::from(status))
            }
            _ => converted,
        }
    }
}
