//! Account key rollover (RFC 8555 section 7.3.5).

use axum::Json;
use axum::extract::State;
use hyper::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use super::jwk::Jwk;
use super::jws::{Jws, KeyClaim};
use super::post::Post;
use super::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange {
    account: String,
    old_key: Value,
}

pub(super) async fn key_change(State(site): State<Site>, post: Post) -> Result<Json<Value>, Problem> {
    let id = post.account()?;
    let inner = Jws::parse(&post.payload)?;
    let KeyClaim::Key(new_key) = inner.key_claim()? else {
        return Err(Problem::malformed("the inner JWS must carry `jwk`, the new key"));
    };
    inner.verify(new_key.key())?;
    if inner.protected.nonce.is_some() {
        return Err(Problem::malformed("the inner JWS must not carry a nonce"));
    }
    if inner.protected.url.as_deref() != Some(site.here("/key-change").as_str()) {
        return Err(Problem::malformed("the inner JWS must have the outer one's url"));
    }
    let change: KeyChange = serde_json::from_slice(&inner.payload)
        .map_err(|error| Problem::malformed(format!("inner payload: {error}")))?;
    if site.account_id(&change.account) != Some(id) {
        return Err(Problem::malformed("the inner payload names another account"));
    }

    let mut state = site.ca.state.lock();
    if let Some(holder) = state.account_with_key(new_key.thumbprint()) {
        let problem =
            Problem::malformed("an account has the new key already").with_status(StatusCode::CONFLICT);
        return Err(problem.with_header(header::LOCATION, &site.account_url(holder)));
    }
    let account = state
        .accounts
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("account"))?;
    if Jwk::parse(&change.old_key)?.thumbprint() != account.key.thumbprint() {
        return Err(Problem::malformed("oldKey is not the account's key"));
    }
    account.key = new_key;
    Ok(Json(json!({ "status": "valid", "contact": account.contact })))
}
