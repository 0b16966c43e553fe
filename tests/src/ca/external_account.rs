//! External account bindings (RFC 8555 section 7.3.4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jwk::Jwk;
use super::jws::Jws;
use super::problem::{Problem, ProblemType};

/// "The "alg" field MUST indicate a MAC-based algorithm".
const ALGORITHMS: &[&str] = &["HS256", "HS384", "HS512"];

/// An account elsewhere, to which one ACME account can be bound.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExternalAccount {
    /// What the CA calls it.
    pub kid: String,
    /// The MAC key, base64url without padding.
    pub hmac_key: String,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("kid", &self.kid)
            .field("hmac_key", &"..")
            .finish()
    }
}

/// The key identifier of a binding that is good for the account key.
pub(super) fn check<'a>(
    binding: &Value,
    accounts: &'a [ExternalAccount],
    account_key: &Jwk,
    new_account_url: &str,
) -> Result<&'a str, Problem> {
    let bad = |detail: &str| Problem::malformed(format!("externalAccountBinding: {detail}"));
    let jws = Jws::parse_with(binding.to_string().as_bytes(), ALGORITHMS)?;
    if jws.protected.nonce.is_some() {
        return Err(bad("a nonce is not allowed"));
    }
    if jws.protected.url.as_deref() != Some(new_account_url) {
        return Err(bad("the url must be the outer one's"));
    }
    let kid = jws
        .protected
        .kid
        .as_deref()
        .ok_or_else(|| bad("kid is missing"))?;
    let payload: Value =
        serde_json::from_slice(&jws.payload).map_err(|error| bad(&format!("payload: {error}")))?;
    if Jwk::parse(&payload)?.thumbprint() != account_key.thumbprint() {
        return Err(bad("the payload is not the account's key"));
    }
    let refused = |detail: String| Problem::new(ProblemType::Unauthorized, detail);
    let account = accounts
        .iter()
        .find(|account| account.kid == kid)
        .ok_or_else(|| refused(format!("no external account {kid}")))?;
    if is_signed(&jws, account)? {
        Ok(&account.kid)
    } else {
        Err(refused(format!("the MAC is not by external account {kid}")))
    }
}

fn is_signed(jws: &Jws, account: &ExternalAccount) -> Result<bool, Problem> {
    let key = URL_SAFE_NO_PAD.decode(&account.hmac_key).map_err(|_| {
        let detail = format!("the lab's hmac-key of {} is not unpadded base64url", account.kid);
        Problem::new(ProblemType::ServerInternal, detail)
    })?;
    let digest = match jws.protected.alg.as_str() {
        "HS256" => MessageDigest::sha256(),
        "HS384" => MessageDigest::sha384(),
        _ => MessageDigest::sha512(),
    };
    let wanted =
        Signer::new(digest, &*PKey::hmac(&key)?)?.sign_oneshot_to_vec(jws.signing_input.as_bytes())?;
    Ok(wanted.len() == jws.signature.len() && memcmp::eq(&wanted, &jws.signature))
}
