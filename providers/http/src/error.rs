//! What can go wrong with a request, whose fault it is, and what to do.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use dns01_plugin_api::Class;
use openssl::error::ErrorStack;

use crate::options::CA_FILE;
use crate::resolve::Unresolved;

/// A request that failed. Its text names the host and nothing else of the URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host wants the call to end, or its time is up.
    #[error("given up: cancelled or out of time")]
    Cancelled,
    /// The limit of one request is over.
    #[error("{host} does not answer within {} s", .after.as_secs_f32())]
    Timeout {
        /// Who was asked.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// The request would travel in clear.
    #[error("{host} is not this machine: https is needed, or credentials would travel in clear")]
    Insecure {
        /// Who was to be asked.
        host: String,
    },
    /// The provider made a request that is none.
    #[error("the provider made a request that cannot be sent: please report this")]
    Request,
    /// No address.
    #[error("{name} has no address: {reason}; see the machine's resolver (/etc/resolv.conf)")]
    Unresolved {
        /// The host, or the proxy's.
        name: String,
        /// What the resolver says.
        reason: String,
    },
    /// No connection.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// Who was to be asked.
        host: String,
        /// What the system or the proxy says.
        reason: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "the certificate of {host} is not trusted: {reason}; if a private CA signs there, give its certificate \
         as `{}`, else something between answers in its place", CA_FILE.key()
    )]
    Untrusted {
        /// Who was to be asked.
        host: String,
        /// What OpenSSL says.
        reason: String,
    },
    /// No TLS for another reason.
    #[error("no TLS with {host}: {reason}")]
    Tls {
        /// Who was to be asked.
        host: String,
        /// What OpenSSL says.
        reason: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection to {host} broke: {reason}")]
    Broken {
        /// Who was asked.
        host: String,
        /// What was seen.
        reason: String,
    },
    /// A body over the limit.
    #[error("{host} answers with more than {limit} bytes: it is not what the provider expects there")]
    TooLarge {
        /// Who answered.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// Something else than the JSON expected.
    #[error(
        "{host} answers (HTTP {status}) with something else than the JSON expected, seen at line {line} column \
         {column}: something between may answer in its place"
    )]
    NotJson {
        /// Who answered.
        host: String,
        /// HTTP status.
        status: u16,
        /// Where it was seen.
        line: usize,
        /// Where it was seen.
        column: usize,
    },
    /// A status that is not one of success; see [`Answer::success`](crate::Answer::success).
    #[error("{host} answers {}", refusal(*.status))]
    Status {
        /// Who answered.
        host: String,
        /// HTTP status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Cancelled => Class::Cancelled,
            Self::Timeout { .. }
            | Self::Unresolved { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Broken { .. } => Class::Transient,
            // an interception that will be found, a certificate that will be renewed
            Self::Untrusted { .. } => Class::Transient,
            Self::Insecure { .. } => Class::Config,
            Self::Request => Class::Internal,
            Self::TooLarge { .. } => Class::Permanent,
            // the page of something between, which says by its status whether it will pass
            Self::NotJson { status, .. } if (200..300).contains(status) => Class::Transient,
            Self::NotJson { status, .. } | Self::Status { status, .. } => class_of(*status),
        }
    }

    /// Nothing that follows in this call could go better.
    #[must_use]
    pub fn ends_call(&self) -> bool {
        match self {
            Self::Cancelled
            | Self::Timeout { .. }
            | Self::Insecure { .. }
            | Self::Unresolved { .. }
            | Self::Connect { .. }
            | Self::Untrusted { .. }
            | Self::Tls { .. } => true,
            Self::Request | Self::Broken { .. } | Self::TooLarge { .. } | Self::NotJson { .. } => false,
            Self::Status { status, .. } => matches!(status, 401 | 429),
        }
    }

    /// What went wrong below HTTP.
    pub(crate) fn network(host: &str, timeout: Duration, error: &reqwest::Error) -> Self {
        let host = host.to_owned();
        let mut above = String::new();
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(unresolved) = cause.downcast_ref::<Unresolved>() {
                return Self::Unresolved {
                    name: unresolved.name.clone(),
                    reason: unresolved.source().map(ToString::to_string).unwrap_or_default(),
                };
            }
            if let Some(stack) = cause.downcast_ref::<ErrorStack>() {
                return tls(host, stack, &above);
            }
            above = cause.to_string();
            next = cause.source();
        }
        let reason = causes(error);
        if error.is_connect() {
            Self::Connect { host, reason }
        } else if error.is_timeout() {
            Self::Timeout { host, after: timeout }
        } else {
            Self::Broken { host, reason }
        }
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let converted = Self::new(error.class(), error.to_string());
        match error {
            Error::Status {
                status, retry_after, ..
            } => {
                let converted = converted.with_native_code(i32::from(status));
                match retry_after {
                    Some(wait) => converted.with_retry_after(wait),
                    None => converted,
                }
            }
            Error::NotJson { status, .. } => converted.with_native_code(i32::from(status)),
            _ => converted,
        }
    }
}

/// The class of a status that is not one of success.
fn class_of(status: u16) -> Class {
    match status {
        401 | 403 | 407 => Class::Auth,
        // what stands in front says it for moments of a restart, and certificates must not wait for a person then
        404 => Class::Transient,
        300..=399 | 405 | 410 => Class::Config,
        429 => Class::RateLimited,
        408 | 425 | 500.. => Class::Transient,
        _ => Class::Permanent,
    }
}

/// One sentence per kind of status, with what to do about it.
fn refusal(status: u16) -> String {
    let advice = match status {
        300..=399 => "a redirect, which is never followed: correct the address in the configuration",
        401 => "that the credentials are wrong or have run out",
        403 => "that the credentials do not allow this",
        404 => {
            "that there is no such thing: it is tried again; if it stays so, correct the address in the configuration"
        }
        405 | 410 => "that there is no such thing: correct the address in the configuration",
        407 => "for the proxy, which wants other credentials",
        429 => "that there were too many requests: it is tried again later",
        500.. => "that it has trouble of its own: it is tried again",
        _ => "that it refuses the request",
    };
    format!("HTTP {status}: {advice}")
}

fn tls(host: String, stack: &ErrorStack, above: &str) -> Error {
    // ERR_LIB_SSL and SSL_R_CERTIFICATE_VERIFY_FAILED of openssl/err.h and openssl/sslerr.h
    const VERIFY_FAILED: (i32, i32) = (20, 134);
    let distrust = stack
        .errors()
        .iter()
        .any(|it| (it.library_code(), it.reason_code()) == VERIFY_FAILED);
    if distrust {
        // native-tls puts the result of the verification in brackets behind its text
        let reason = above
            .rsplit_once(" (")
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        let reason = reason.unwrap_or("certificate verify failed").to_owned();
        return Error::Untrusted { host, reason };
    }
    let reasons: Vec<&str> = stack
        .errors()
        .iter()
        .filter_map(openssl::error::Error::reason)
        .collect();
    Error::Tls {
        host,
        reason: reasons.join(", "),
    }
}

/// What lies below reqwest's own text, which holds the URL: the last cause says it, and the
/// layers above repeat its words.
fn causes(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = match error.source() {
        Some(source) => source,
        None => return "no reason is known".to_owned(),
    };
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<io::Error>() {
        Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => "it ended early".to_owned(),
        _ => last.to_string(),
    }
}
