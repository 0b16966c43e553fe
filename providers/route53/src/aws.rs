//! Reading what the SDK says went wrong.
//!
//! Its `Debug` output is never shown: it holds whole requests and answers, tokens included.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_route53::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use dns01_plugin_api::Class;
use dns01_provider_http::{self as http, printable};

use crate::credentials::Tried;
use crate::error::Error;

pub(crate) const LIST_ZONES: &str = "route53:ListHostedZonesByName";
pub(crate) const LIST_SETS: &str = "route53:ListResourceRecordSets";
pub(crate) const CHANGE: &str = "route53:ChangeResourceRecordSets";
pub(crate) const GET_CHANGE: &str = "route53:GetChange";

/// Longest text of AWS that a message repeats.
const WORDS: usize = 600;

/// A failed request, for `action` on `subject`.
pub(crate) fn failure<E>(error: &SdkError<E, HttpResponse>, action: &'static str, subject: &str) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(credentials) = find::<CredentialsError>(error) {
        return credentials_failure(credentials);
    }
    let (SdkError::ServiceError(_) | SdkError::ResponseError(_), Some(raw)) = (error, error.raw_response())
    else {
        return match find::<http::Error>(error) {
            Some(network) => Error::Network {
                action,
                reason: network.to_string(),
                class: network.class(),
            },
            // nothing was sent: no region, no endpoint for it
            None if matches!(error, SdkError::ConstructionFailure(_)) => Error::Request {
                action,
                reason: causes(error),
            },
            None => Error::Network {
                action,
                reason: causes(error),
                class: Class::Transient,
            },
        };
    };
    let status = raw.status().as_u16();
    let after = raw
        .headers()
        .get("retry-after")
        .and_then(|text| text.parse().ok());
    let after = after.map(std::time::Duration::from_secs);
    let (code, words) = match error.as_service_error() {
        Some(error) => (
            error.meta().code().unwrap_or_default(),
            error.meta().message().unwrap_or_default(),
        ),
        None => ("", ""),
    };
    if let Some(messages) = refused_batch(code, words, raw) {
        return Error::Batch {
            zone: subject.to_owned(),
            words: printable(&messages, WORDS),
        };
    }
    by_code(code, words, status, action, subject, after)
}

/// The text of an InvalidChangeBatch. Route 53 writes it as other errors or as a document of
/// its own, which the SDK does not read.
fn refused_batch(code: &str, words: &str, raw: &HttpResponse) -> Option<String> {
    if code == "InvalidChangeBatch" {
        return Some(words.to_owned());
    }
    let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
    if !code.is_empty() || !body.contains("<InvalidChangeBatch") {
        return None;
    }
    let messages = body.split("<Message>").skip(1);
    let texts = messages.filter_map(|rest| rest.split_once("</Message>"));
    let texts: Vec<&str> = texts.map(|(text, _)| text).collect();
    let plain = texts.join(", ").replace("&apos;", "'").replace("&quot;", "\"");
    Some(
        plain
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

fn by_code(
    code: &str,
    words: &str,
    status: u16,
    action: &'static str,
    subject: &str,
    after: Option<std::time::Duration>,
) -> Error {
    let owned = || code.to_owned();
    match code {
        "AccessDenied" | "AccessDeniedException" | "NotAuthorizedException" | "UnauthorizedOperation" => {
            Error::Denied {
                action,
                subject: subject.to_owned(),
                words: printable(words, WORDS),
                advice: match action {
                    LIST_ZONES => "allow it, or give `hosted-zone-id`",
                    CHANGE => {
                        "allow it for this zone, and see the policy's conditions on names, types and actions"
                    }
                    _ => "allow it in the policy of this identity",
                },
            }
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => Error::Expired,
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => {
            Error::UnknownKey { code: owned() }
        }
        "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "InvalidSignature"
        | "IncompleteSignature" => Error::Signature { code: owned() },
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => Error::Clock { code: owned() },
        "NoSuchHostedZone" | "HostedZoneNotFound" => Error::NoSuchZone {
            zone: subject.to_owned(),
        },
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "PriorRequestNotComplete"
        | "SlowDown" => Error::Throttled {
            action,
            code: owned(),
            status,
            after,
        },
        _ if status == 429 => Error::Throttled {
            action,
            code: format!("HTTP 429 {code}").trim_end().to_owned(),
            status,
            after,
        },
        _ if status >= 500 => Error::Service {
            action,
            code: owned(),
            status,
        },
        _ => Error::Refused {
            action,
            subject: subject.to_owned(),
            code: if code.is_empty() {
                format!("HTTP {status}")
            } else {
                owned()
            },
            words: printable(words, WORDS),
            status,
        },
    }
}

fn credentials_failure(error: &CredentialsError) -> Error {
    if let Some(tried) = find::<Tried>(error) {
        return Error::NoCredentials {
            tried: printable(&tried.to_string(), WORDS),
        };
    }
    // what STS says is worth more than the layers above it
    const ROLE: &str = "sts:AssumeRole";
    const WEB: &str = "sts:AssumeRoleWithWebIdentity";
    let assume = find::<AssumeRoleError>(error).map(|error| (ROLE, error.meta()));
    let web = find::<AssumeRoleWithWebIdentityError>(error).map(|error| (WEB, error.meta()));
    if let Some((action, meta)) = assume.or(web)
        && let (Some(code), Some(words)) = (meta.code(), meta.message())
    {
        if action == WEB && code == "ExpiredTokenException" {
            return Error::Credentials {
                reason:
                    "the web identity token has expired: where its file is replaced, set `rotates: true` at \
                         the instance"
                        .to_owned(),
                class: Class::Auth,
            };
        }
        // the status is not there any more: what has no code of ours is a refusal
        return by_code(code, words, 400, action, "the role", None);
    }
    let class = match error {
        CredentialsError::ProviderTimedOut(_) => Class::Transient,
        CredentialsError::InvalidConfiguration(_) => Class::Config,
        _ => match (find::<http::Error>(error), innermost(error)) {
            (Some(network), _) => network.class(),
            (None, Some(CredentialsError::InvalidConfiguration(_))) => Class::Config,
            (None, _) => Class::Auth,
        },
    };
    Error::Credentials {
        reason: printable(&causes(error), WORDS),
        class,
    }
}

/// The credentials error closest to the cause.
fn innermost(error: &CredentialsError) -> Option<&CredentialsError> {
    chain(error).filter_map(|cause| cause.downcast_ref()).last()
}

/// An error of this type among the causes of another.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

/// All causes in one line, the last one being the cause proper.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
