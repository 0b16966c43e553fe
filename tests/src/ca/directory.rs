//! The directory and fresh nonces (RFC 8555 sections 7.1.1, 7.2).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Site;
use super::renewal_info::RenewalAnswers;

pub(super) async fn directory(State(site): State<Site>) -> Json<Value> {
    let knobs = site.ca.knobs.current();
    let mut directory = json!({
        "newNonce": site.url("/new-nonce"),
        "newAccount": site.url("/new-account"),
        "newOrder": site.url("/new-order"),
        "revokeCert": site.url("/revoke-cert"),
        "keyChange": site.url("/key-change"),
        "meta": {
            "termsOfService": site.terms_url(site.ca.state.lock().terms),
            "caaIdentities": knobs.issuer_domain_names,
            "externalAccountRequired": knobs.external_account_required,
        },
    });
    if !knobs.profiles.is_empty() {
        let profiles = knobs.profiles.iter();
        let descriptions: BTreeMap<&String, &String> = profiles
            .map(|(name, profile)| (name, &profile.description))
            .collect();
        directory["meta"]["profiles"] = json!(descriptions);
    }
    if knobs.renewal_info != RenewalAnswers::Absent {
        directory["renewalInfo"] = json!(site.url("/renewal-info"));
    }
    Json(directory)
}

/// The nonce itself is a header that every answer carries.
pub(super) async fn new_nonce(method: Method) -> StatusCode {
    if method == Method::HEAD {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }
}
