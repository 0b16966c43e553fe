//! Problem documents: RFC 7807 with the types of RFC 8555 section 6.7.

use axum::response::{AppendHeaders, IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::retry_after::RetryAfter;

/// Error types that this CA gives, of RFC 8555 section 6.7, RFC 9773 and draft-ietf-acme-profiles.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(
    missing_docs,
    reason = "each is the RFC's own name, and the table there says what it means"
)]
pub enum ProblemType {
    AccountDoesNotExist,
    AlreadyReplaced,
    AlreadyRevoked,
    #[serde(rename = "badCSR")]
    BadCsr,
    BadNonce,
    BadPublicKey,
    BadRevocationReason,
    BadSignatureAlgorithm,
    Caa,
    Compound,
    Connection,
    Dns,
    ExternalAccountRequired,
    IncorrectResponse,
    InvalidContact,
    InvalidProfile,
    Malformed,
    OrderNotReady,
    RateLimited,
    RejectedIdentifier,
    ServerInternal,
    Unauthorized,
    UnsupportedContact,
    UnsupportedIdentifier,
    UserActionRequired,
}

impl ProblemType {
    fn status(self) -> StatusCode {
        use ProblemType::*;
        match self {
            OrderNotReady | RejectedIdentifier | Unauthorized | UserActionRequired | Caa => {
                StatusCode::FORBIDDEN
            }
            RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ServerInternal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What went wrong, as the client is told.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its type.
    pub kind: ProblemType,
    /// For a person.
    pub detail: String,
    /// Overrides the type's usual status.
    pub status: Option<StatusCode>,
    /// One for each identifier at fault (RFC 8555 section 6.7.1).
    pub subproblems: Vec<Subproblem>,
    /// Further headers: Location, Link, Retry-After.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A page for a person (RFC 8555 section 7.3.3).
    pub instance: Option<String>,
    /// What the server would have taken, for `badSignatureAlgorithm` (section 6.2).
    pub algorithms: Option<&'static [&'static str]>,
}

/// A fault of one identifier.
#[derive(Clone, Debug)]
pub struct Subproblem {
    /// Its type.
    pub kind: ProblemType,
    /// For a person.
    pub detail: String,
    /// The name at fault.
    pub name: String,
}

impl Problem {
    /// A problem with the type's usual status.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Problem {
            kind,
            detail: detail.into(),
            status: None,
            subproblems: Vec::new(),
            headers: Vec::new(),
            instance: None,
            algorithms: None,
        }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Problem::new(ProblemType::Malformed, detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Problem::malformed(format!("no such {what}")).with_status(StatusCode::NOT_FOUND)
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.push((name, value));
        }
        self
    }

    pub(super) fn with_retry_after(self, retry_after: RetryAfter, now: Timestamp) -> Self {
        match retry_after.header(now) {
            Some(value) => self.with_header(header::RETRY_AFTER, &value),
            None => self,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| self.kind.status())
    }

    /// The document.
    pub fn to_json(&self) -> serde_json::Value {
        let mut document = json!({
            "type": urn(self.kind),
            "detail": self.detail,
            "status": self.status().as_u16(),
        });
        if !self.subproblems.is_empty() {
            let sub = |sub: &Subproblem| {
                json!({
                    "type": urn(sub.kind),
                    "detail": sub.detail,
                    "identifier": { "type": "dns", "value": sub.name },
                })
            };
            document["subproblems"] = self.subproblems.iter().map(sub).collect();
        }
        if let Some(instance) = &self.instance {
            document["instance"] = json!(instance);
        }
        if let Some(algorithms) = self.algorithms {
            document["algorithms"] = json!(algorithms);
        }
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let body = self.to_json().to_string();
        (self.status(), AppendHeaders(self.headers), content_type, body).into_response()
    }
}

impl From<openssl::error::ErrorStack> for Problem {
    fn from(error: openssl::error::ErrorStack) -> Self {
        Problem::new(ProblemType::ServerInternal, error.to_string())
    }
}

fn urn(kind: ProblemType) -> String {
    let name = serde_json::to_value(kind).ok();
    format!(
        "urn:ietf:params:acme:error:{}",
        name.as_ref().and_then(|name| name.as_str()).unwrap_or_default()
    )
}
