//! Revocation (RFC 8555 section 7.6).

use std::collections::BTreeSet;

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use jiff::Timestamp;
use openssl::x509::X509;
use serde::Deserialize;

use super::Site;
use super::post::{Post, Signer};
use super::problem::{Problem, ProblemType};
use super::state::{AuthorizationStatus, Certificate, Revocation, State as CaState};

const KEY_COMPROMISE: u32 = 1;

/// Reasons of RFC 5280 section 5.3.1 that a subscriber may give, as Boulder has them: unspecified,
/// keyCompromise, affiliationChanged, superseded, cessationOfOperation.
const REASONS: &[u32] = &[0, 1, 3, 4, 5];

#[derive(Debug, Deserialize)]
struct Wish {
    certificate: String,
    #[serde(default)]
    reason: u32,
}

pub(super) async fn revoke(State(site): State<Site>, post: Post) -> Result<StatusCode, Problem> {
    let wish: Wish = post.json()?;
    let der = URL_SAFE_NO_PAD
        .decode(&wish.certificate)
        .map_err(|_| Problem::malformed("certificate is not unpadded base64url"))?;
    let wanted = X509::from_der(&der).map_err(|error| Problem::malformed(format!("certificate: {error}")))?;
    let mut state = site.ca.state.lock();
    let found = state
        .certificates
        .iter()
        .find(|(_, certificate)| certificate.leaf == wanted);
    let (id, certificate) = found.ok_or_else(|| Problem::not_found("certificate"))?;
    if !may_revoke(&state, &post.signer, certificate, site.ca.now())? {
        let detail = "neither the certificate's key, nor its account, nor one authorized for all its names";
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    if !REASONS.contains(&wish.reason) {
        let detail = format!("reason {} is not one of {REASONS:?}", wish.reason);
        return Err(Problem::new(ProblemType::BadRevocationReason, detail));
    }
    if certificate.revoked.is_some() {
        return Err(Problem::new(
            ProblemType::AlreadyRevoked,
            "the certificate is revoked already",
        ));
    }
    let id = *id;
    // as Boulder: who signs with the key and says that it is compromised has shown it
    if let (Signer::Key(key), KEY_COMPROMISE) = (&post.signer, wish.reason) {
        state.blocked_keys.insert(key.key().public_key_to_der()?);
    }
    if let Some(certificate) = state.certificates.get_mut(&id) {
        certificate.revoked = Some(Revocation {
            reason: wish.reason,
            at: site.ca.now(),
        });
    }
    Ok(StatusCode::OK)
}

fn may_revoke(
    state: &CaState,
    signer: &Signer,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<bool, Problem> {
    let account = match signer {
        Signer::Key(key) => return Ok(key.is_same_key(&*certificate.leaf.public_key()?)),
        Signer::Account(account) => *account,
    };
    if certificate.account == account {
        return Ok(true);
    }
    let authorized: BTreeSet<String> = state
        .authorizations
        .values()
        .filter(|authz| authz.account == account && authz.status(now) == AuthorizationStatus::Valid)
        .map(|authz| {
            if authz.wildcard {
                format!("*.{}", authz.name)
            } else {
                authz.name.clone()
            }
        })
        .collect();
    Ok(certificate.names.is_subset(&authorized))
}
