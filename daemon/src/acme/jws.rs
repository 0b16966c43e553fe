//! Signed requests: flattened JWS (RFC 7515 7.2.2, RFC 8555 6.2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::error::ErrorStack;
use serde::Serialize;

use super::{AccountKey, Algorithm, account_key::Jwk, nonce::Nonce};
use crate::types::AccountUrl;

/// Who signs, and how the CA is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signer<'a> {
    /// By the key itself: `newAccount`, and revocation by the certificate's key.
    Key(&'a AccountKey),
    /// By the account's address: everything else.
    Account(&'a AccountKey, &'a AccountUrl),
}

/// What is signed, in base64url, made once and used for each try.
#[derive(Debug)]
pub(super) struct Payload(String);

impl Payload {
    /// RFC 8555 6.3: a POST-as-GET has an empty payload.
    pub(super) fn none() -> Self {
        Payload(String::new())
    }

    pub(super) fn json<T: Serialize>(value: &T) -> Self {
        let text = serde_json::to_vec(value).expect("payloads are maps of strings and booleans");
        Payload(URL_SAFE_NO_PAD.encode(text))
    }
}

/// RFC 8555 6.2: "alg", "nonce", "url" and either "jwk" or "kid".
#[derive(Serialize)]
struct Protected<'a> {
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    nonce: &'a str,
    url: &'a str,
}

/// The body of one request. It takes the nonce, so that none is signed twice.
pub(super) fn sign(
    signer: Signer<'_>,
    nonce: Nonce,
    url: &str,
    payload: &Payload,
) -> Result<String, ErrorStack> {
    let (key, jwk, kid) = match signer {
        Signer::Key(key) => (key, Some(key.jwk()), None),
        Signer::Account(key, url) => (key, None, Some(url.as_str())),
    };
    let protected = Protected {
        alg: key.algorithm(),
        jwk,
        kid,
        nonce: nonce.as_str(),
        url,
    };
    let protected = serde_json::to_vec(&protected).expect("a map of strings");
    // signed text first: "protected" "." "payload"
    let mut signed = URL_SAFE_NO_PAD.encode(protected);
    let split = signed.len();
    signed.push('.');
    signed.push_str(&payload.0);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    let protected = &signed[..split];
    // base64url needs no escapes
    Ok(format!(
        r#"{{"protected":"{protected}","payload":"{}","signature":"{signature}"}}"#,
        payload.0
    ))
}

#[cfg(test)]
mod tests {
    use openssl::{bn::BigNum, ecdsa::EcdsaSig, pkey::PKey, sha::sha256};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn decode(value: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD
            .decode(value.as_str().expect("text"))
            .expect("base64url without padding")
    }

    fn verify(key: &AccountKey, body: &Value) -> bool {
        let signature = decode(&body["signature"]);
        let (r, s) = signature.split_at(32);
        let number = |octets| BigNum::from_slice(octets).expect("a number");
        let signature = EcdsaSig::from_private_components(number(r), number(s)).expect("a signature");
        let signed = format!(
            "{}.{}",
            body["protected"].as_str().expect("text"),
            body["payload"].as_str().expect("text")
        );
        let pem = key.to_pem().expect("PEM");
        let key = PKey::private_key_from_pem(pem.expose().as_bytes())
            .and_then(|key| key.ec_key())
            .expect("a key");
        signature
            .verify(&sha256(signed.as_bytes()), &key)
            .expect("a result")
    }

    #[test]
    fn the_header_names_the_key_or_the_account_and_never_both() {
        let key = AccountKey::generate().expect("a key");
        let url: AccountUrl = "https://ca.example/acct/1".parse().expect("an address");
        let nonce = || Nonce::parse("abc").expect("a nonce");
        for (signer, with, without) in [
            (Signer::Key(&key), "jwk", "kid"),
            (Signer::Account(&key, &url), "kid", "jwk"),
        ] {
            let body = sign(signer, nonce(), "https://ca.example/x", &Payload::none()).expect("a body");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["payload"], "", "POST-as-GET");
            let header: Value = serde_json::from_slice(&decode(&body["protected"])).expect("JSON");
            assert_eq!(header["alg"], "ES256");
            assert_eq!(header["nonce"], "abc");
            assert_eq!(header["url"], "https://ca.example/x");
            assert!(header.get(with).is_some() && header.get(without).is_none());
            assert!(verify(&key, &body));
        }
    }

    proptest! {
        // short halves of a signature are padded: one in 128 needs it
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn every_signature_has_64_octets_and_verifies(text in any::<String>()) {
            static KEY: std::sync::LazyLock<AccountKey> = std::sync::LazyLock::new(|| AccountKey::generate().expect("a key"));
            let nonce = Nonce::parse("n").expect("a nonce");
            let body = sign(Signer::Key(&KEY), nonce, "https://ca.example/\"x", &Payload::json(&text)).expect("a body");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            prop_assert_eq!(decode(&body["signature"]).len(), 64);
            prop_assert!(verify(&KEY, &body));
            let payload: String = serde_json::from_slice(&decode(&body["payload"])).expect("JSON");
            prop_assert_eq!(payload, text);
        }
    }
}
