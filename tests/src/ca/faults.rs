//! Faults on demand: which ones strike a request, and what they make of its answer.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use hyper::{StatusCode, header};
use jiff::Timestamp;

use super::dice::Dice;
use super::endpoint::Endpoint;
use super::knobs::{CaKnobs, Fault, Phase, When};
use super::problem::{Problem, ProblemType};

/// Enough for the first half of a body to leave.
const FLUSH: Duration = Duration::from_millis(50);

/// Marks an answer whose connection is to end without it.
#[derive(Clone, Copy, Debug)]
pub struct Reset;

/// Marks an answer that is to go without a nonce.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoNonce;

/// White space is sent in pieces of this size, so that a flood needs no memory.
const CHUNK: u64 = 64 * 1024;
static BLANK: [u8; CHUNK as usize] = [b' '; CHUNK as usize];

/// What happens to one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Before the request is worked.
    pub(super) delay: Duration,
    /// Before its answer leaves.
    pub(super) delay_answer: Duration,
    pub(super) before: Option<Fault>,
    pub(super) after: Option<Fault>,
}

/// Picks the faults for a request and counts them down.
pub(super) fn plan(knobs: &mut CaKnobs, dice: &mut Dice, endpoint: Endpoint) -> Plan {
    let mut plan = Plan::default();
    for rule in &mut knobs.faults {
        let is_aimed_here = rule.endpoint.is_none_or(|wanted| wanted == endpoint);
        let is_settled = plan.before.is_some() || (plan.after.is_some() && rule.phase == Phase::After);
        if !is_aimed_here || is_settled {
            continue;
        }
        let strikes = match &mut rule.when {
            When::Always => true,
            When::Share(share) => dice.hits(*share),
            When::Next(0) => false,
            When::Next(left) => {
                *left -= 1;
                true
            }
        };
        match (strikes, rule.fault, rule.phase) {
            (false, _, _) => {}
            (true, Fault::Delay(seconds), phase) => {
                let delay = match phase {
                    Phase::Before => &mut plan.delay,
                    Phase::After => &mut plan.delay_answer,
                };
                *delay += Duration::try_from_secs_f64(seconds).unwrap_or_default();
            }
            (true, fault, Phase::Before) => plan.before = Some(fault),
            (true, fault, Phase::After) => plan.after = Some(fault),
        }
    }
    knobs.faults.retain(|rule| rule.when != When::Next(0));
    plan
}

/// The answer that a fault gives instead of `answer`.
pub(super) async fn spoil(fault: Fault, answer: Response, now: Timestamp) -> Response {
    match fault {
        Fault::Delay(_) => answer,
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "the lab was told to answer so\n").into_response()
        }
        Fault::RateLimited(retry_after) => {
            let problem = Problem::new(ProblemType::RateLimited, "too many requests of this kind");
            problem.with_retry_after(retry_after, now).into_response()
        }
        Fault::Unavailable(retry_after) => {
            let problem = Problem::new(ProblemType::RateLimited, "Service busy; retry later.");
            let problem = problem.with_status(StatusCode::SERVICE_UNAVAILABLE);
            problem.with_retry_after(retry_after, now).into_response()
        }
        Fault::InternalError => {
            Problem::new(ProblemType::ServerInternal, "the lab was told to fail").into_response()
        }
        Fault::Reset => {
            let mut answer = answer;
            answer.extensions_mut().insert(Reset);
            answer
        }
        Fault::TruncateBody => truncated(answer).await,
        Fault::Paused => {
            let detail = "Your account is temporarily prevented from requesting certificates for some of these names. \
                Please visit: https://lab.test/unpause?jwt=lab";
            Problem::new(ProblemType::RateLimited, detail).into_response()
        }
        Fault::Redirect(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
            // relative, as RFC 9110 section 10.2.2 allows
            (status, [(header::LOCATION, "/redirected")]).into_response()
        }
        Fault::Html => Html("<!doctype html><title>Lab</title><p>Please try again later.\n").into_response(),
        Fault::NoNonce => {
            let mut answer = answer;
            answer.extensions_mut().insert(NoNonce);
            answer
        }
        Fault::Flood(bytes) => flooded(answer, bytes),
        Fault::DeepJson(depth) => deep(answer, depth).await,
    }
}

/// The body, and behind it so much white space.
fn flooded(answer: Response, bytes: u64) -> Response {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    let chunks = (0..bytes.div_ceil(CHUNK)).map(move |number| {
        let left = bytes - number * CHUNK;
        Ok::<Bytes, axum::Error>(Bytes::from_static(&BLANK).slice(..left.min(CHUNK) as usize))
    });
    Response::from_parts(
        head,
        Body::from_stream(body.into_data_stream().chain(stream::iter(chunks))),
    )
}

/// The JSON object with a member more.
async fn deep(answer: Response, depth: usize) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let object = whole.trim_ascii_end().strip_suffix(b"}").unwrap_or(b"{\"lab\":0");
    let mut body = object.to_vec();
    body.extend(b",\"deep\":");
    body.extend(std::iter::repeat_n(b'[', depth));
    body.extend(std::iter::repeat_n(b']', depth));
    body.push(b'}');
    Response::from_parts(head, Body::from(body))
}

/// Half of the body, then an end that is none.
async fn truncated(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let half = whole.slice(..whole.len() / 2);
    let begin = stream::once(async { Ok::<Bytes, io::Error>(half) });
    let end = stream::once(async {
        // an error at once would keep hyper from sending even the head
        tokio::time::sleep(FLUSH).await;
        Err(io::ErrorKind::ConnectionAborted.into())
    });
    Response::from_parts(head, Body::from_stream(begin.chain(end)))
}
