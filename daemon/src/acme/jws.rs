//! Signed JSON: flattened JWS (RFC 7515 7.2.2, RFC 8555 6.2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::error::ErrorStack;
use serde::Serialize;

use super::{AccountKey, account_key::Scheme, jwk::Jwk, nonce::Nonce};
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
        let text = serde_json::to_vec(value).expect("payloads are maps of strings, numbers and booleans");
        Payload(URL_SAFE_NO_PAD.encode(text))
    }
}

/// A signed text, as the body of a request or within one.
#[derive(Debug, Serialize)]
pub(super) struct Jws {
    protected: String,
    payload: String,
    signature: String,
}

impl Jws {
    /// Puts what `sign` makes of "protected" "." "payload" beside both.
    pub(super) fn seal(
        protected: &impl Serialize,
        payload: &Payload,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, ErrorStack>,
    ) -> Result<Self, ErrorStack> {
        let protected = serde_json::to_vec(protected).expect("a map of strings");
        let mut signed = URL_SAFE_NO_PAD.encode(protected);
        let split = signed.len();
        signed.push('.');
        signed.push_str(&payload.0);
        let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes())?);
        signed.truncate(split);
        Ok(Jws {
            protected: signed,
            payload: payload.0.clone(),
            signature,
        })
    }
}

/// RFC 8555 6.2: "alg", "nonce", "url" and either "jwk" or "kid".
#[derive(Serialize)]
struct Protected<'a> {
    alg: Scheme,
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
        alg: key.scheme(),
        jwk,
        kid,
        nonce: nonce.as_str(),
        url,
    };
    let jws = Jws::seal(&protected, payload, |text| key.sign(text))?;
    Ok(serde_json::to_string(&jws).expect("three strings are JSON"))
}

#[cfg(test)]
pub(super) mod tests {
    use openssl::{
        bn::BigNum,
        ecdsa::EcdsaSig,
        hash::{MessageDigest, hash},
        pkey::{PKey, Private},
        sign::Verifier,
    };
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{
        acme::Algorithm,
        pki::{KeyType, PrivateKey},
    };

    pub(in crate::acme) fn decode(value: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD
            .decode(value.as_str().expect("text"))
            .expect("base64url without padding")
    }

    /// The protected header.
    pub(in crate::acme) fn header(body: &Value) -> Value {
        serde_json::from_slice(&decode(&body["protected"])).expect("JSON")
    }

    /// True when `key` signed it, as `alg` says.
    pub(in crate::acme) fn verify(key: &AccountKey, body: &Value) -> bool {
        let pem = key.to_pem().expect("PEM");
        let key = PKey::private_key_from_pem(pem.expose().as_bytes()).expect("a key");
        let text = format!(
            "{}.{}",
            body["protected"].as_str().expect("text"),
            body["payload"].as_str().expect("text")
        );
        let (text, signature) = (text.as_bytes(), decode(&body["signature"]));
        match header(body)["alg"].as_str().expect("text") {
            "ES256" => ecdsa(&key, &signature, MessageDigest::sha256(), text),
            "ES384" => ecdsa(&key, &signature, MessageDigest::sha384(), text),
            "RS256" => Verifier::new(MessageDigest::sha256(), &key)
                .and_then(|mut verifier| verifier.verify_oneshot(&signature, text))
                .expect("a result"),
            "EdDSA" => Verifier::new_without_digest(&key)
                .and_then(|mut verifier| verifier.verify_oneshot(&signature, text))
                .expect("a result"),
            other => panic!("{other}"),
        }
    }

    fn ecdsa(key: &PKey<Private>, signature: &[u8], digest: MessageDigest, text: &[u8]) -> bool {
        let (r, s) = signature.split_at(digest.size());
        let number = |octets| BigNum::from_slice(octets).expect("a number");
        EcdsaSig::from_private_components(number(r), number(s))
            .and_then(|signature| signature.verify(&hash(digest, text)?, &*key.ec_key()?))
            .expect("a result")
    }

    fn nonce() -> Nonce {
        Nonce::parse("abc").expect("a nonce")
    }

    #[test]
    fn the_header_names_the_key_or_the_account_and_never_both() {
        let key = AccountKey::generate(Algorithm::Es256).expect("a key");
        let url: AccountUrl = "https://ca.example/acct/1".parse().expect("an address");
        for (signer, with, without) in [
            (Signer::Key(&key), "jwk", "kid"),
            (Signer::Account(&key, &url), "kid", "jwk"),
        ] {
            let body = sign(signer, nonce(), "https://ca.example/x", &Payload::none()).expect("a body");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["payload"], "", "POST-as-GET");
            let header = header(&body);
            assert_eq!(header["alg"], "ES256");
            assert_eq!(header["nonce"], "abc");
            assert_eq!(header["url"], "https://ca.example/x");
            assert!(header.get(with).is_some() && header.get(without).is_none());
            assert!(verify(&key, &body));
        }
    }

    #[test]
    fn rfc8555_6_2_each_kind_of_key_signs_by_its_own_algorithm() {
        for (kind, alg, octets) in [
            (KeyType::EcdsaP256, "ES256", 64),
            (KeyType::EcdsaP384, "ES384", 96),
            (KeyType::Rsa2048, "RS256", 256),
            (KeyType::Ed25519, "EdDSA", 64),
        ] {
            let key = PrivateKey::generate(kind).expect("a key");
            let key = AccountKey::of_certificate(&key).expect("a key that signs");
            let body = sign(
                Signer::Key(&key),
                nonce(),
                "https://ca.example/x",
                &Payload::json(&"x"),
            )
            .expect("a body");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(header(&body)["alg"], alg);
            assert_eq!(decode(&body["signature"]).len(), octets);
            assert!(verify(&key, &body), "{alg}");
        }
    }

    proptest! {
        // short halves of a signature are padded: one in 128 needs it
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn every_signature_has_64_octets_and_verifies(text in any::<String>()) {
            static KEY: std::sync::LazyLock<AccountKey> =
                std::sync::LazyLock::new(|| AccountKey::generate(Algorithm::Es256).expect("a key"));
            let body = sign(Signer::Key(&KEY), nonce(), "https://ca.example/\"x", &Payload::json(&text)).expect("a body");
            let body: Value = serde_json::from_str(&body).expect("JSON");
            prop_assert_eq!(decode(&body["signature"]).len(), 64);
            prop_assert!(verify(&KEY, &body));
            let payload: String = serde_json::from_slice(&decode(&body["payload"])).expect("JSON");
            prop_assert_eq!(payload, text);
        }
    }
}
