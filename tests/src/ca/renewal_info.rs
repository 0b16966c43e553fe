//! Renewal information (RFC 9773 section 4).

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Site;
use super::cert_id;
use super::ledger::RenewalPoll;
use super::problem::{Problem, ProblemType};
use super::state::Certificate;

/// Let's Encrypt's Retry-After.
pub(super) const RETRY_AFTER: u64 = 6 * 3600;

/// Shorter lives are renewed at their half, as Boulder has it.
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// A revoked certificate's window as Boulder has it: from an hour to half an hour ago.
const REVOKED: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(1800));

/// How renewal information is answered. What is hostile counts for every certificate, also for those with a window
/// of their own.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenewalAnswers {
    /// As the RFC has it.
    #[default]
    Offered,
    /// Not in the directory, and not there.
    Absent,
    /// In the directory, but every certificate is unknown: 404.
    NotFound,
    /// 500 with a problem.
    InternalError,
    /// The window's end lies before its start.
    Inverted,
    /// The window is an hour either side of now, whenever it is asked for.
    AlwaysOpen,
    /// 200 with what is not JSON.
    Garbage,
}

/// When the CA would like a certificate to be renewed (section 4.2).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// Its first moment.
    pub start: Timestamp,
    /// Its last moment.
    pub end: Timestamp,
    /// A page that says why.
    #[serde(default)]
    pub explanation_url: Option<String>,
}

pub(super) async fn renewal_info(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let (answers, retry_after) = site
        .ca
        .knobs
        .update(|knobs| (knobs.renewal_info, knobs.renewal_retry_after));
    let now = site.ca.now();
    let mut state = site.ca.state.lock();
    let found = cert_id::find(&state, &id);
    let certificate = found.as_ref().ok().and_then(|id| state.certificates.get(id));
    let serial = certificate.map(|certificate| cert_id::serial_hex(&certificate.leaf));
    let answer = match (found, certificate) {
        (Err(problem), _) => Err(problem),
        (Ok(_), None) => Err(Problem::not_found("certificate")),
        (Ok(_), Some(certificate)) => body(answers, certificate, now),
    };
    let mut answer = answer.into_response();
    if let Some(Ok(value)) = retry_after.header(now).map(|value| value.parse())
        && answer.status().is_success()
    {
        answer.headers_mut().insert(header::RETRY_AFTER, value);
    }
    state.ledger.renewal_poll(RenewalPoll {
        at: now,
        cert_id: id,
        serial,
        status: answer.status().as_u16(),
    });
    answer
}

fn body(answers: RenewalAnswers, certificate: &Certificate, now: Timestamp) -> Result<Response, Problem> {
    let hour = SignedDuration::from_hours(1);
    let window = match answers {
        RenewalAnswers::Offered => suggested(certificate, now),
        RenewalAnswers::Absent | RenewalAnswers::NotFound => return Err(Problem::not_found("certificate")),
        RenewalAnswers::InternalError => {
            return Err(Problem::new(
                ProblemType::ServerInternal,
                "the lab was told to fail",
            ));
        }
        RenewalAnswers::Inverted => Window {
            start: now + hour,
            end: now - hour,
            explanation_url: None,
        },
        RenewalAnswers::AlwaysOpen => Window {
            start: now - hour,
            end: now + hour,
            explanation_url: None,
        },
        RenewalAnswers::Garbage => return Ok("{\"suggestedWindow\": {\"start\": soon".into_response()),
    };
    Ok(Json(object(&window)).into_response())
}

/// Whether now is the time that the CA suggests.
pub(super) fn is_open(certificate: &Certificate, now: Timestamp) -> bool {
    let window = suggested(certificate, now);
    window.start <= now && now < window.end
}

fn suggested(certificate: &Certificate, now: Timestamp) -> Window {
    match &certificate.renewal {
        Some(window) => window.clone(),
        None => usual(certificate, now),
    }
}

/// Two hundredths of the certificate's life around two thirds of it, or a window in the past once it is revoked.
fn usual(certificate: &Certificate, now: Timestamp) -> Window {
    if certificate.revoked.is_some() {
        return Window {
            start: now - REVOKED.0,
            end: now - REVOKED.1,
            explanation_url: None,
        };
    }
    let life = certificate.not_after.duration_since(certificate.not_before);
    let left = if life < SHORT_LIFE { life / 2 } else { life / 3 };
    let ideal = certificate.not_after - left;
    Window {
        start: ideal - life / 100,
        end: ideal + life / 100,
        explanation_url: None,
    }
}

fn object(window: &Window) -> Value {
    let mut object = json!({ "suggestedWindow": { "start": window.start, "end": window.end } });
    if let Some(url) = &window.explanation_url {
        object["explanationURL"] = json!(url);
    }
    object
}
