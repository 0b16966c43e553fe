//! Signed requests: flattened JWS JSON (RFC 7515 section 7.2.2) as RFC 8555 section 6.2 narrows it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKeyRef, Public};
use openssl::sign::Verifier;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::jwk::{self, Jwk};
use super::problem::{Problem, ProblemType};

/// What this CA verifies.
const ALGORITHMS: &[&str] = &["ES256", "ES384", "RS256"];

/// The JSON as it comes.
#[derive(Deserialize)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
    /// Unprotected: "MUST NOT be used".
    header: Option<IgnoredAny>,
    /// The form with several signatures: not taken either.
    signatures: Option<IgnoredAny>,
}

/// The protected header.
#[derive(Debug, Deserialize)]
pub(super) struct Protected {
    pub(super) alg: String,
    pub(super) nonce: Option<String>,
    pub(super) url: Option<String>,
    jwk: Option<serde_json::Value>,
    pub(super) kid: Option<String>,
}

/// A JWS that is well formed. Its signature is not yet checked.
#[derive(Debug)]
pub(super) struct Jws {
    pub(super) protected: Protected,
    pub(super) payload: Vec<u8>,
    pub(super) signing_input: String,
    pub(super) signature: Vec<u8>,
}

/// Who says to have signed.
#[derive(Debug)]
pub(super) enum KeyClaim {
    /// An account's URL.
    Account(String),
    /// The key itself.
    Key(Jwk),
}

impl Jws {
    /// Signed by an account key, as every request.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        Self::parse_with(body, ALGORITHMS)
    }

    /// Signed by one of these algorithms.
    pub(super) fn parse_with(body: &[u8], algorithms: &'static [&'static str]) -> Result<Self, Problem> {
        let flat: Flattened =
            serde_json::from_slice(body).map_err(|error| Problem::malformed(format!("JWS: {error}")))?;
        if flat.header.is_some() || flat.signatures.is_some() {
            return Err(Problem::malformed(
                "JWS: `header` and `signatures` are not allowed in ACME",
            ));
        }
        let decode = |member: &str, text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| Problem::malformed(format!("JWS: {member} is not unpadded base64url")))
        };
        let protected: Protected = serde_json::from_slice(&decode("protected", &flat.protected)?)
            .map_err(|error| Problem::malformed(format!("JWS protected header: {error}")))?;
        if !algorithms.contains(&protected.alg.as_str()) {
            let mut problem = Problem::new(
                ProblemType::BadSignatureAlgorithm,
                format!("signature algorithm `{}` is not taken", protected.alg),
            );
            problem.algorithms = Some(algorithms);
            return Err(problem);
        }
        Ok(Jws {
            payload: decode("payload", &flat.payload)?,
            signature: decode("signature", &flat.signature)?,
            signing_input: format!("{}.{}", flat.protected, flat.payload),
            protected,
        })
    }

    /// RFC 8555 section 6.2: "the "jwk" and "kid" fields are mutually exclusive".
    pub(super) fn key_claim(&self) -> Result<KeyClaim, Problem> {
        match (&self.protected.jwk, &self.protected.kid) {
            (Some(jwk), None) => Ok(KeyClaim::Key(Jwk::parse(jwk)?)),
            (None, Some(kid)) => Ok(KeyClaim::Account(kid.clone())),
            (Some(_), Some(_)) => Err(Problem::malformed("JWS header has both jwk and kid")),
            (None, None) => Err(Problem::malformed("JWS header has neither jwk nor kid")),
        }
    }

    /// Checks the signature with the algorithm of the header, which must be one for this key.
    pub(super) fn verify(&self, key: &PKeyRef<Public>) -> Result<(), Problem> {
        let alg = self.protected.alg.as_str();
        let fits = match alg {
            "ES256" => jwk::family(key) == Some("P-256"),
            "ES384" => jwk::family(key) == Some("P-384"),
            _ => jwk::family(key) == Some("RSA"),
        };
        if !fits {
            return Err(Problem::malformed(format!(
                "JWS algorithm {alg} does not fit the key"
            )));
        }
        let input = self.signing_input.as_bytes();
        let good = match alg {
            "ES256" => self.verify_ecdsa(key, &hash(MessageDigest::sha256(), input)?, 32)?,
            "ES384" => self.verify_ecdsa(key, &hash(MessageDigest::sha384(), input)?, 48)?,
            _ => Verifier::new(MessageDigest::sha256(), key)?
                .verify_oneshot(&self.signature, input)
                .unwrap_or(false),
        };
        // Boulder and Pebble call it malformed as well: nobody was identified who could lack a right
        if good {
            Ok(())
        } else {
            Err(Problem::malformed("JWS verification error"))
        }
    }

    /// RFC 7518 section 3.4: R and S, each of the curve's length, not DER.
    fn verify_ecdsa(&self, key: &PKeyRef<Public>, digest: &[u8], length: usize) -> Result<bool, Problem> {
        if self.signature.len() != 2 * length {
            return Ok(false);
        }
        let (r, s) = self.signature.split_at(length);
        let signature = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
        // OpenSSL reports R or S out of range as an error, which is a bad signature and no fault of ours
        Ok(signature.verify(digest, &*key.ec_key()?).unwrap_or(false))
    }
}
