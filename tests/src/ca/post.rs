//! Signed POSTs: who asks, and for what (RFC 8555 sections 6.2 to 6.5).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use hyper::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Site;
use super::endpoint::Endpoint;
use super::jwk::Jwk;
use super::jws::{Jws, KeyClaim};
use super::problem::{Problem, ProblemType};
use super::state::AccountStatus;

/// What an account may do that has not agreed to the current terms: agree, leave, and limit damage.
const WITHOUT_TERMS: [Endpoint; 3] = [Endpoint::Account, Endpoint::KeyChange, Endpoint::RevokeCert];

/// A POST whose signature, nonce and URL are good.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) signer: Signer,
    pub(super) payload: Vec<u8>,
}

/// Who signed.
#[derive(Debug)]
pub(super) enum Signer {
    /// An account that is valid.
    Account(u64),
    /// A key that may or may not have an account.
    Key(Jwk),
}

impl Post {
    /// The account, where the RFC wants `kid`.
    pub(super) fn account(&self) -> Result<u64, Problem> {
        match &self.signer {
            Signer::Account(id) => Ok(*id),
            Signer::Key(_) => Err(Problem::malformed("this resource wants `kid`, not `jwk`")),
        }
    }

    /// The key, where the RFC wants `jwk`.
    pub(super) fn key(&self) -> Result<&Jwk, Problem> {
        match &self.signer {
            Signer::Key(key) => Ok(key),
            Signer::Account(_) => Err(Problem::malformed("this resource wants `jwk`, not `kid`")),
        }
    }

    /// POST-as-GET (section 6.3).
    pub(super) fn is_get(&self) -> bool {
        self.payload.is_empty()
    }

    pub(super) fn want_get(&self) -> Result<(), Problem> {
        if self.is_get() {
            return Ok(());
        }
        Err(Problem::malformed(
            "this resource is read by POST-as-GET: the payload must be empty",
        ))
    }

    /// A member that is null counts as absent, as for Boulder and Pebble: there are clients that rely on it.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bad = |error| Problem::malformed(format!("payload: {error}"));
        let mut payload: Value = serde_json::from_slice(&self.payload).map_err(bad)?;
        if let Some(members) = payload.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        serde_json::from_value(payload).map_err(bad)
    }
}

impl FromRequest<Site> for Post {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if content_type != Some("application/jose+json") {
            let problem = Problem::malformed("the content type must be application/jose+json");
            return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let path = request.uri().path().to_owned();
        let url = site.here(&path);
        let body = Bytes::from_request(request, site)
            .await
            .map_err(|error| Problem::malformed(format!("body: {error}")))?;

        let jws = Jws::parse(&body)?;
        let signer = match jws.key_claim()? {
            KeyClaim::Key(jwk) => {
                jws.verify(jwk.key())?;
                Signer::Key(jwk)
            }
            KeyClaim::Account(kid) => Signer::Account(verify_by_account(site, &jws, &kid, &path)?),
        };
        let reject = site.ca.knobs.update(|knobs| knobs.nonce_reject);
        let nonce = jws.protected.nonce.as_deref().unwrap_or_default();
        if !site.ca.nonces.lock().redeem(nonce, reject) {
            return Err(Problem::new(
                ProblemType::BadNonce,
                "the nonce is not one of ours, or was used",
            ));
        }
        // section 6.4: "the server MUST reject the request as unauthorized"
        if jws.protected.url.as_deref() != Some(url.as_str()) {
            let detail = format!("JWS header url {:?} is not {url}", jws.protected.url);
            return Err(Problem::new(ProblemType::Unauthorized, detail));
        }
        Ok(Post {
            signer,
            payload: jws.payload,
        })
    }
}

fn verify_by_account(site: &Site, jws: &Jws, kid: &str, path: &str) -> Result<u64, Problem> {
    let missing = || Problem::new(ProblemType::AccountDoesNotExist, format!("no account {kid}"));
    let id = site.account_id(kid).ok_or_else(missing)?;
    let (key, status, terms, current) = {
        let state = site.ca.state.lock();
        let account = state.accounts.get(&id).ok_or_else(missing)?;
        (account.key.clone(), account.status, account.terms, state.terms)
    };
    jws.verify(key.key())?;
    match status {
        AccountStatus::Valid if terms != current && !WITHOUT_TERMS.contains(&Endpoint::of(path)) => {
            Err(site.terms_changed(id, current))
        }
        AccountStatus::Valid => Ok(id),
        // section 7.3.6
        AccountStatus::Deactivated => Err(Problem::new(
            ProblemType::Unauthorized,
            "the account was deactivated",
        )),
    }
}
