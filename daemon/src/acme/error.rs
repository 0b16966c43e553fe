use std::{error::Error as _, time::Duration};

use jiff::Timestamp;
use openssl::error::ErrorStack;

use super::{Operation, Problem, ProblemKind, UnusableHmacKey, external_account::BindError};

/// A request that failed: what, where, why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} at {url}: {fault}")]
pub struct Error {
    /// What was asked.
    pub operation: Operation,
    /// Who was asked.
    pub url: String,
    /// What went wrong.
    pub fault: Fault,
}

/// Why a request failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// No answer, or half of one.
    #[error("{0}")]
    Network(String),
    /// Nobody takes a connection there, or the name has no address.
    #[error("{0}")]
    Unreachable(String),
    /// The server's certificate leads to no trusted root, or is for another name.
    #[error(
        "the server's certificate is not trusted ({reason}); if the CA's own server has a private certificate, name its root in `ca-file`"
    )]
    Untrusted {
        /// What OpenSSL says.
        reason: String,
    },
    /// Nothing within the configured time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// An address that is not `https`, from a CA that is.
    #[error("the address is not https, so it is not used")]
    Insecure,
    /// Text that is no address.
    #[error("the address cannot be parsed: {0}")]
    Address(url::ParseError),
    /// A redirection: a signed request is valid for one address only.
    #[error("the server answered {status} and points to {}; if the CA has moved, configure its new directory", .location.as_deref().unwrap_or("nowhere"))]
    Redirect {
        /// 3xx.
        status: u16,
        /// Where to.
        location: Option<String>,
    },
    /// A body over the limit.
    #[error("the answer is longer than {limit} octets")]
    TooLong {
        /// The limit in octets.
        limit: usize,
    },
    /// The CA said no, in a problem document.
    #[error("the CA said {problem} ({status}){}", later(.retry_at.as_ref()))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its reasons. Boxed: every result has room for an error.
        problem: Box<Problem>,
        /// Retry-After, if there was one.
        retry_after: Option<Duration>,
        /// The same as a moment.
        retry_at: Option<Timestamp>,
    },
    /// An error status without a problem document: a proxy, a load balancer, an outage.
    #[error("the server answered {status}{}{}", excerpt_of(.excerpt), later(.retry_at.as_ref()))]
    Status {
        /// HTTP status.
        status: u16,
        /// The beginning of the body, safe to print.
        excerpt: String,
        /// Retry-After, if there was one.
        retry_after: Option<Duration>,
        /// The same as a moment.
        retry_at: Option<Timestamp>,
    },
    /// Success with a body that is not what RFC 8555 says.
    #[error("the answer is not what RFC 8555 says: {reason}")]
    Malformed {
        /// Where in the answer and what.
        reason: String,
    },
    /// Success without a header that has to be there.
    #[error("the answer has no usable {0} header")]
    Header(&'static str),
    /// The CA rejected every nonce that it gave.
    #[error("the CA rejected {tries} nonces in a row")]
    Nonces {
        /// How many were tried.
        tries: u32,
    },
    /// The operator did not agree to the terms of service.
    #[error(
        "the CA `{ca}` wants you to agree to its terms{}: read them and write `agree-terms: true` in its configuration",
        .terms.as_deref().map(|url| format!(" at {url}")).unwrap_or_default()
    )]
    TermsNotAgreed {
        /// Its key in the configuration.
        ca: String,
        /// Where the terms are; `None` when the CA names none.
        terms: Option<String>,
    },
    /// The CA takes accounts only with an external binding (RFC 8555 7.3.4).
    #[error(
        "the CA gives accounts only to customers it knows already: get a key identifier and an HMAC key for ACME from it and write `external-account: {{kid: .., hmac-key: ..}}` in its configuration"
    )]
    BindingRequired,
    /// The key of the external account cannot be decoded.
    #[error("{0}, as `hmac-key` of `external-account` in the CA's configuration")]
    BindingKey(#[from] UnusableHmacKey),
    /// The account exists but was deactivated or revoked.
    #[error("the account {account} is {status}")]
    AccountClosed {
        /// Its address.
        account: String,
        /// Its status.
        status: String,
    },
    /// The new key of an account is the key of one already (RFC 8555 7.3.5).
    #[error("the new key belongs to the account {account} already; make another key")]
    KeyInUse {
        /// That account's address.
        account: String,
    },
    /// The CA's directory has no such resource.
    #[error("the CA does not offer {0}")]
    NotOffered(&'static str),
    /// A profile that the CA does not offer (draft-ietf-acme-profiles).
    #[error("the CA does not offer the profile `{profile}`; {}", offer(.offered))]
    UnknownProfile {
        /// What was asked for.
        profile: String,
        /// What there is, by name with a description, safe to print.
        offered: Vec<(String, String)>,
    },
    /// Renewal information whose window cannot be used (RFC 9773 4.2).
    #[error("the renewal window ends at {end}, not after its begin at {start}, so it counts as no answer")]
    Window {
        /// Its begin.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// An earlier request learned that the CA serves nobody until then.
    #[error("the CA has told everybody to wait{}", later(.retry_at.as_ref()))]
    HeldBack {
        /// How long.
        retry_after: Duration,
        /// The same as a moment.
        retry_at: Option<Timestamp>,
    },
    /// The wait ended before the CA came to a result.
    #[error("still {status} at the end of the time given; ask again in {} s", .retry_after.as_secs_f32())]
    Unfinished {
        /// Status at the last look.
        status: String,
        /// When another look is welcome.
        retry_after: Duration,
    },
    /// OpenSSL could not sign.
    #[error("openssl cannot sign the request: {0}")]
    Sign(#[from] ErrorStack),
}

impl From<BindError> for Fault {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Key(error) => Fault::BindingKey(error),
            BindError::OpenSsl(error) => Fault::Sign(error),
        }
    }
}

impl Fault {
    /// What went wrong below HTTP; `timeout` is the configured one.
    pub(super) fn network(error: &reqwest::Error, timeout: Duration) -> Self {
        if let Some(reason) = distrust(error) {
            Fault::Untrusted { reason }
        } else if error.is_timeout() && !error.is_connect() {
            Fault::Timeout(timeout)
        } else if error.is_connect() && !error.is_timeout() {
            Fault::Unreachable(causes(error))
        } else {
            Fault::Network(causes(error))
        }
    }
}

impl Error {
    pub(super) fn new(operation: Operation, url: &str, fault: Fault) -> Self {
        Error {
            operation,
            url: url.to_owned(),
            fault,
        }
    }

    /// The CA's reasons, where it gave some.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.fault {
            Fault::Refused { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// True when the CA refused for this reason.
    pub(super) fn is(&self, kind: &ProblemKind) -> bool {
        self.problem().is_some_and(|problem| problem.kind == *kind)
    }

    /// How long the CA serves nobody: 503 with Retry-After (RFC 9110 15.6.4). A 429 is about one
    /// account, or one name.
    pub(super) fn closes_the_gate(&self) -> Option<Duration> {
        match &self.fault {
            Fault::Refused {
                status: 503,
                retry_after,
                ..
            }
            | Fault::Status {
                status: 503,
                retry_after,
                ..
            } => *retry_after,
            _ => None,
        }
    }

    /// True when the CA has stopped issuing until a person goes to [`Problem::action_url`]: a
    /// rate limit that does not say when it ends, as Let's Encrypt has it for paused names.
    pub fn is_paused(&self) -> bool {
        matches!(
            &self.fault,
            Fault::Refused { problem, retry_after: None, .. } if problem.kind == ProblemKind::RateLimited
        )
    }

    /// True when the predecessor that an order named has a successor already (RFC 9773 5): order
    /// once more without it.
    pub fn is_already_replaced(&self) -> bool {
        self.is(&ProblemKind::AlreadyReplaced)
    }

    /// True when the certificate was revoked before (RFC 8555 7.6).
    pub fn is_not_offered(&self) -> bool {
        matches!(self.fault, Fault::NotOffered(_))
    }

    /// The certificate is revoked already.
    pub fn is_already_revoked(&self) -> bool {
        self.is(&ProblemKind::AlreadyRevoked)
    }

    /// True when the CA does not know the account, or has closed it: no request with this
    /// account will succeed. (A deactivated account is also refused as `unauthorized`, which
    /// means many things; an `onlyReturnExisting` look-up tells.)
    pub fn is_account_gone(&self) -> bool {
        match &self.fault {
            Fault::AccountClosed { .. } => true,
            _ => self.is(&ProblemKind::AccountDoesNotExist),
        }
    }
}

/// What OpenSSL says when it does not trust a server; `None` for every other error.
fn distrust(error: &reqwest::Error) -> Option<String> {
    // ERR_LIB_SSL and SSL_R_CERTIFICATE_VERIFY_FAILED of openssl/err.h and openssl/sslerr.h
    const VERIFY_FAILED: (i32, i32) = (20, 134);
    let mut above = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(stack) = cause.downcast_ref::<ErrorStack>() {
            let failed = stack
                .errors()
                .iter()
                .any(|it| (it.library_code(), it.reason_code()) == VERIFY_FAILED);
            // native-tls puts the result of the verification in brackets behind its text
            let reason = above
                .rsplit_once(" (")
                .and_then(|(_, rest)| rest.strip_suffix(')'));
            return failed.then(|| reason.unwrap_or("certificate verify failed").to_owned());
        }
        above = cause.to_string();
        next = cause.source();
    }
    None
}

/// reqwest's own text stops at "error sending request"; the reason is below it.
fn causes(error: &reqwest::Error) -> String {
    let mut text = match error {
        error if error.is_connect() => "cannot connect".to_owned(),
        error if error.is_body() || error.is_decode() => "the answer broke off".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // several layers repeat the words of the one below
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

fn offer(profiles: &[(String, String)]) -> String {
    if profiles.is_empty() {
        return "it has no profiles".to_owned();
    }
    let texts: Vec<String> = profiles
        .iter()
        .map(|(name, description)| match description.as_str() {
            "" => format!("`{name}`"),
            description => format!("`{name}` ({description})"),
        })
        .collect();
    format!("it has {}", texts.join(", "))
}

fn later(retry_at: Option<&Timestamp>) -> String {
    retry_at
        .map(|moment| format!("; retry not before {moment:.0}"))
        .unwrap_or_default()
}

fn excerpt_of(excerpt: &str) -> String {
    if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    }
}

#[cfg(test)]
pub(super) mod tests;
