//! Challenges: the answer to one, and the validation that follows (RFC 8555 sections 7.5.1, 8.4).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{HeaderMap, header};
use openssl::sha::sha256;
use serde_json::{Value, json};

use super::knobs::NameStage;
use super::ledger::ValidationSeen;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Authorization, AuthorizationStatus, Method, Outcome};
use super::{Ca, Site};

pub(super) async fn challenge(
    State(site): State<Site>,
    Path((id, index)): Path<(u64, usize)>,
    post: Post,
) -> Result<Response, Problem> {
    let account = post.account()?;
    let answered = !post.is_get();
    if answered && !post.json::<Value>()?.is_object() {
        return Err(Problem::malformed("a challenge is answered with a JSON object"));
    }
    let knobs = site.ca.knobs.current();
    let mut state = site.ca.state.lock();
    let thumbprint = state
        .accounts
        .get(&account)
        .map(|account| account.key.thumbprint().to_owned());
    let thumbprint = thumbprint.ok_or_else(|| Problem::not_found("account"))?;
    let authorization = state
        .authorizations
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("challenge"))?;
    if authorization.account != account {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "the challenge is another account's",
        ));
    }
    let is_pending = authorization.status(site.ca.now()) == AuthorizationStatus::Pending;
    let name = authorization.name.clone();
    let challenge = authorization
        .challenges
        .get_mut(index)
        .ok_or_else(|| Problem::not_found("challenge"))?;
    if answered && is_pending && matches!(challenge.outcome, Outcome::Pending) {
        challenge.outcome = Outcome::Processing;
        let expected = match challenge.method {
            Method::Dns01 => dns_01_value(&challenge.token, &thumbprint),
        };
        let ca = site.ca.clone();
        site.ca
            .spawn(async move { validate(ca, id, index, name, expected).await });
    }

    let mut headers = HeaderMap::new();
    if let Ok(up) = format!("<{}>;rel=\"up\"", site.url(&format!("/authz/{id}"))).parse() {
        headers.insert(header::LINK, up);
    }
    if let Some(Ok(value)) = knobs
        .authorization_retry_after
        .header(site.ca.now())
        .map(|value| value.parse())
    {
        headers.insert(header::RETRY_AFTER, value);
    }
    Ok((headers, Json(object(&site, id, authorization, index))).into_response())
}

pub(super) fn object(
    site: &Site,
    authorization_id: u64,
    authorization: &Authorization,
    index: usize,
) -> Value {
    let Some(challenge) = authorization.challenges.get(index) else {
        return Value::Null;
    };
    let mut object = json!({
        "type": match challenge.method { Method::Dns01 => "dns-01" },
        "url": site.url(&format!("/challenge/{authorization_id}/{index}")),
        "token": challenge.token,
    });
    let status = match &challenge.outcome {
        Outcome::Pending => "pending",
        Outcome::Processing => "processing",
        Outcome::Valid { at } => {
            object["validated"] = json!(at);
            "valid"
        }
        Outcome::Invalid(problem) => {
            object["error"] = problem.to_json();
            "invalid"
        }
    };
    object["status"] = json!(status);
    object
}

/// Section 8.4: base64url of the SHA-256 of the key authorization (8.1).
fn dns_01_value(token: &str, thumbprint: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(format!("{token}.{thumbprint}").as_bytes()))
}

async fn validate(ca: Arc<Ca>, id: u64, index: usize, name: String, expected: String) {
    let knobs = ca.knobs.current();
    tokio::time::sleep(knobs.validation_delay).await;
    let verdict = match knobs.name_problem(&name, NameStage::Validation) {
        Some(problem) => Err(Problem::new(problem.problem, problem.detail.clone())),
        None => look(&ca, &name, &expected).await,
    };
    let now = ca.now();
    let failure = verdict.as_ref().err().map(|problem| problem.detail.clone());
    let mut state = ca.state.lock();
    state.ledger.validation(ValidationSeen {
        at: now,
        name,
        failure,
    });
    let Some(authorization) = state.authorizations.get_mut(&id) else {
        return;
    };
    let Some(challenge) = authorization.challenges.get_mut(index) else {
        return;
    };
    challenge.outcome = match verdict {
        Ok(()) => Outcome::Valid { at: now },
        Err(problem) => Outcome::Invalid(problem),
    };
}

/// Every server must show the value, among whatever else is there.
async fn look(ca: &Ca, name: &str, expected: &str) -> Result<(), Problem> {
    let owner = format!("_acme-challenge.{name}");
    let answers = ca.vantage.txt(&owner).await;
    let answers = answers.map_err(|error| Problem::new(ProblemType::Dns, format!("DNS problem: {error}")))?;
    for (server, values) in answers {
        if values.iter().any(|value| value == expected) {
            continue;
        }
        let detail = match values.first() {
            None => format!("no TXT record found at {owner} on {server}"),
            Some(first) => {
                let more = values.len() - 1;
                format!("incorrect TXT record \"{first}\" (and {more} more) found at {owner} on {server}")
            }
        };
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    Ok(())
}
