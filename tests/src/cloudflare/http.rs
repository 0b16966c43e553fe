//! Routes, and what happens around each request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use super::answer::{Answer, Refusal};
use super::knobs::{Fault, RateLimit};
use super::{RequestSeen, Shared, batch, records, token, zone};

/// Where the API begins.
pub(super) const BASE: &str = "/client/v4";
const VERIFY: &str = "/client/v4/user/tokens/verify";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/user/tokens/verify", get(verify))
        .route("/zones", get(zone::list))
        .route("/zones/{zone}", get(zone::one))
        .route(
            "/zones/{zone}/dns_records",
            get(records::list).post(records::create),
        )
        .route("/zones/{zone}/dns_records/batch", post(batch::batch))
        .route(
            "/zones/{zone}/dns_records/{record}",
            get(records::one)
                .patch(records::edit)
                .put(records::replace)
                .delete(records::delete),
        )
        .fallback(no_route)
        .method_not_allowed_fallback(no_method);
    Router::new()
        .nest(BASE, api)
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(shared.clone(), around))
        .with_state(shared)
}

async fn no_route(request: Request) -> Refusal {
    Refusal::no_route(request.uri().path())
}

async fn no_method(request: Request) -> Refusal {
    let words = format!("Method {} not available for that URI.", request.method());
    Refusal::new(405, 7001, words)
}

async fn verify(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let tokens = shared.state.lock().tokens.clone();
    token::verify(&headers, &tokens)
}

/// Faults, the limit, the token, and a line in the list of requests.
async fn around(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let target = request.uri().to_string();
    let target = target.strip_prefix(BASE).unwrap_or(&target).to_owned();
    let agent = request.headers().get(header::USER_AGENT);
    let user_agent = agent
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();

    tokio::time::sleep(shared.knobs.current().latency).await;
    let (fault, refused) = shared.knobs.update(|knobs| {
        let refused = knobs.rate_limit.as_mut().and_then(|limit| {
            let over = limit.left == 0;
            limit.left = limit.left.saturating_sub(1);
            over.then_some(*limit)
        });
        let fault = (refused.is_none() && !knobs.faults.is_empty()).then(|| knobs.faults.remove(0));
        (fault, refused)
    });
    let mut answer = match (refused, fault) {
        (Some(limit), _) => too_many(limit.retry_after),
        (
            None,
            Some(Fault::Refuse {
                status,
                code,
                message,
            }),
        ) => Refusal::new(status, code, message).into_response(),
        (None, Some(Fault::Gateway(status))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, Html("<html><body>error code: 1020</body></html>")).into_response()
        }
        (None, lost) => {
            let path = request.uri().path();
            // a token is asked for before anything else, but not where it is itself looked at
            let token = if path == VERIFY {
                None
            } else {
                Some(token::authenticate(
                    request.headers(),
                    &shared.state.lock().tokens,
                ))
            };
            let done = match token {
                Some(Err(refusal)) => refusal.into_response(),
                Some(Ok(token)) => {
                    request.extensions_mut().insert(token);
                    next.run(request).await
                }
                None => next.run(request).await,
            };
            if lost.is_some() {
                StatusCode::BAD_GATEWAY.into_response()
            } else {
                done
            }
        }
    };
    count(&mut answer, shared.knobs.current().rate_limit);
    let seen = RequestSeen {
        method,
        target,
        status: answer.status().as_u16(),
        user_agent,
    };
    shared.state.lock().requests.push(seen);
    answer
}

/// What is left, as every answer of the real API says it.
fn count(answer: &mut Response, limit: Option<RateLimit>) {
    let (left, seconds) = limit.map_or((1_199, 300), |limit| {
        (limit.left, limit.retry_after.unwrap_or(300))
    });
    let headers = answer.headers_mut();
    let policy = HeaderValue::from_static("\"default\";q=1200;w=300");
    headers.insert("ratelimit-policy", policy);
    if let Ok(left) = HeaderValue::try_from(format!("\"default\";r={left};t={seconds}")) {
        headers.insert("ratelimit", left);
    }
}

fn too_many(retry_after: Option<u64>) -> Response {
    let words = "Please wait and consider throttling your request speed";
    let mut answer = Refusal::new(429, 971, words).into_response();
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
