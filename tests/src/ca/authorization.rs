//! Authorizations (RFC 8555 sections 7.1.4, 7.5, 7.5.2).

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use super::challenge;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Authorization, Outcome};

#[derive(Debug, Deserialize)]
struct Update {
    status: String,
}

pub(super) async fn authorization(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Response, Problem> {
    let account = post.account()?;
    let update: Option<Update> = if post.is_get() { None } else { Some(post.json()?) };
    let mut state = site.ca.state.lock();
    let authorization = state
        .authorizations
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("authorization"))?;
    if authorization.account != account {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "the authorization is another account's",
        ));
    }
    match update {
        Some(update) if update.status == "deactivated" => authorization.deactivated = true,
        Some(_) => return Err(Problem::malformed("an authorization can only be deactivated")),
        None => {}
    }
    let mut headers = HeaderMap::new();
    let is_validating = authorization
        .challenges
        .iter()
        .any(|c| matches!(c.outcome, Outcome::Processing));
    if let Some(Ok(value)) = site
        .ca
        .knobs
        .current()
        .authorization_retry_after
        .header(site.ca.now())
        .map(|v| v.parse())
        && is_validating
    {
        headers.insert(header::RETRY_AFTER, value);
    }
    Ok((headers, Json(object(&site, id, authorization))).into_response())
}

fn object(site: &Site, id: u64, authorization: &Authorization) -> Value {
    let challenges: Vec<Value> = (0..authorization.challenges.len())
        .map(|index| challenge::object(site, id, authorization, index))
        .collect();
    let mut object = json!({
        "identifier": { "type": "dns", "value": authorization.name },
        "status": authorization.status(site.ca.now()).as_str(),
        "expires": authorization.expires,
        "challenges": challenges,
    });
    // "MUST be present and true for authorizations created as a result of a wildcard", else absent
    if authorization.wildcard {
        object["wildcard"] = json!(true);
    }
    object
}
