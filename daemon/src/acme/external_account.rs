//! Binding a new account to one that its CA knows already (RFC 8555 7.3.4).

use std::{fmt, str::FromStr};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use openssl::{error::ErrorStack, hash::MessageDigest, pkey::PKey, sign::Signer};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AccountKey,
    jwk::Jwk,
    jws::{Jws, Payload},
};
use crate::secret::Secret;

/// CAs give the key in base64url (RFC 8555 7.3.4); some pad it.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a CA gave its customer for the one request that makes an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key identifier.
    pub kid: String,
    /// The MAC key in base64url, padded or not, as the CA shows it.
    pub hmac_key: Secret,
    /// How the binding is authenticated.
    pub algorithm: MacAlgorithm,
}

/// MACs of RFC 7518 3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MacAlgorithm {
    /// HMAC with SHA-256: the default, and what the CAs that say which one ask for.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// A text that is no MAC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no MAC of an external account: use one of hs256, hs384, hs512")]
pub struct UnknownMacAlgorithm(String);

/// An HMAC key that cannot be decoded. It says nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the HMAC key of the external account is not base64url; copy it again from the CA's page")]
pub struct UnusableHmacKey;

impl MacAlgorithm {
    /// Every MAC, as configured.
    pub const ALL: [MacAlgorithm; 3] = [MacAlgorithm::Hs256, MacAlgorithm::Hs384, MacAlgorithm::Hs512];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            MacAlgorithm::Hs256 => "hs256",
            MacAlgorithm::Hs384 => "hs384",
            MacAlgorithm::Hs512 => "hs512",
        }
    }

    /// The name in a JWS (RFC 7518 3.1).
    fn jws_name(self) -> &'static str {
        match self {
            MacAlgorithm::Hs256 => "HS256",
            MacAlgorithm::Hs384 => "HS384",
            MacAlgorithm::Hs512 => "HS512",
        }
    }

    fn digest(self) -> MessageDigest {
        match self {
            MacAlgorithm::Hs256 => MessageDigest::sha256(),
            MacAlgorithm::Hs384 => MessageDigest::sha384(),
            MacAlgorithm::Hs512 => MessageDigest::sha512(),
        }
    }
}

impl FromStr for MacAlgorithm {
    type Err = UnknownMacAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownMacAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| UnknownMacAlgorithm(text.to_owned()))
    }
}

impl TryFrom<String> for MacAlgorithm {
    type Error = UnknownMacAlgorithm;

    fn try_from(text: String) -> Result<Self, UnknownMacAlgorithm> {
        text.parse()
    }
}

impl From<MacAlgorithm> for String {
    fn from(algorithm: MacAlgorithm) -> String {
        algorithm.as_str().to_owned()
    }
}

impl fmt::Display for MacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// RFC 8555 7.3.4: no nonce, and the address of the outer request.
#[derive(Serialize)]
struct Protected<'a> {
    alg: &'static str,
    kid: &'a str,
    url: &'a str,
}

impl ExternalAccount {
    /// Tells early whether the key can be used.
    ///
    /// # Errors
    /// When it is empty or not base64url.
    pub fn check(&self) -> Result<(), UnusableHmacKey> {
        self.mac_key().map(drop)
    }

    fn mac_key(&self) -> Result<Zeroizing<Vec<u8>>, UnusableHmacKey> {
        match KEY_TEXT.decode(self.hmac_key.expose().trim()) {
            Ok(key) if !key.is_empty() => Ok(Zeroizing::new(key)),
            _ => Err(UnusableHmacKey),
        }
    }

    /// The member `externalAccountBinding` of a `newAccount` request at `url`: the CA's key
    /// vouches for the account's.
    pub(super) fn bind(&self, key: &AccountKey, url: &str) -> Result<Jws, BindError> {
        let mac_key = self.mac_key()?;
        let protected = Protected {
            alg: self.algorithm.jws_name(),
            kid: &self.kid,
            url,
        };
        let jwk: &Jwk = key.jwk();
        Ok(Jws::seal(&protected, &Payload::json(jwk), |text| {
            let mac_key = PKey::hmac(&mac_key)?;
            Signer::new(self.algorithm.digest(), &mac_key)?.sign_oneshot_to_vec(text)
        })?)
    }
}

/// Why no binding can be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum BindError {
    #[error(transparent)]
    Key(#[from] UnusableHmacKey),
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use openssl::memcmp;
    use serde_json::{Value, json};

    use super::*;
    use crate::acme::{
        Algorithm,
        jws::tests::{decode, header},
    };

    fn external(hmac_key: &str, algorithm: MacAlgorithm) -> ExternalAccount {
        ExternalAccount {
            kid: "kid-1".into(),
            hmac_key: Secret::new(hmac_key.into()),
            algorithm,
        }
    }

    #[test]
    fn rfc8555_7_3_4_the_binding_holds_the_accounts_key_under_the_cas_mac() {
        let key = AccountKey::generate(Algorithm::Es256).expect("a key");
        for (algorithm, alg, octets) in [
            (MacAlgorithm::Hs256, "HS256", 32),
            (MacAlgorithm::Hs384, "HS384", 48),
            (MacAlgorithm::Hs512, "HS512", 64),
        ] {
            let secret = [7; 40];
            let external = external(&URL_SAFE_NO_PAD.encode(secret), algorithm);
            let jws = external
                .bind(&key, "https://ca.example/new-account")
                .expect("a binding");
            let jws = serde_json::to_value(jws).expect("JSON");
            let expected = json!({"alg": alg, "kid": "kid-1", "url": "https://ca.example/new-account"});
            assert_eq!(header(&jws), expected, "no nonce");
            let payload: Value = serde_json::from_slice(&decode(&jws["payload"])).expect("JSON");
            assert_eq!(payload, serde_json::to_value(key.jwk()).expect("JSON"));

            let text = format!(
                "{}.{}",
                jws["protected"].as_str().expect("text"),
                jws["payload"].as_str().expect("text")
            );
            let mac = Signer::new(algorithm.digest(), &PKey::hmac(&secret).expect("a key"))
                .and_then(|mut signer| signer.sign_oneshot_to_vec(text.as_bytes()))
                .expect("a MAC");
            assert_eq!(mac.len(), octets);
            assert!(memcmp::eq(&mac, &decode(&jws["signature"])));
        }
    }

    #[test]
    fn a_key_is_taken_padded_or_not_and_a_wrong_one_is_not_shown() {
        for text in ["aGk", "aGk=", " aGk\n", "-_-_"] {
            assert_eq!(external(text, MacAlgorithm::Hs256).check(), Ok(()), "{text}");
        }
        for text in ["", "=", "aG k", "a+/b", "hunter2!", "aGk=="] {
            let external = external(text, MacAlgorithm::Hs256);
            let error = external.check().expect_err(text);
            assert!(!error.to_string().contains("hunter2") && !format!("{external:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_mac_is_written_in_lower_case_and_a_wrong_one_is_named() {
        for algorithm in MacAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        let error = "md5".parse::<MacAlgorithm>().expect_err("not one");
        assert!(error.to_string().contains("hs256, hs384, hs512"), "{error}");
    }
}
