use std::fmt;

use openssl::{
    ecdsa::EcdsaSig,
    error::ErrorStack,
    hash::{MessageDigest, hash},
    nid::Nid,
    pkey::{Id, PKeyRef, Private},
    sign::Signer,
};
use serde::Serialize;

use super::{
    Algorithm,
    jwk::{self, Curve, Jwk, P256, P384},
};
use crate::{
    pki::{KeyError, PrivateKey},
    secret::Secret,
};

/// Bits of an RSA modulus: RFC 8555 6.2 and the Baseline Requirements begin at 2048, Boulder
/// ends at 4096.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The key that is the account. It must be durable before `newAccount` is sent: a lost
/// answer is then found again with it. Cheap to clone.
#[derive(Clone)]
pub struct AccountKey {
    key: PrivateKey,
    scheme: Scheme,
    jwk: Jwk,
    thumbprint: String,
}

/// The `alg` of a JWS (RFC 7518 3.1, RFC 8037 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Scheme {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Why an account key cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountKeyError {
    /// OpenSSL failed at what it can do.
    #[error("openssl cannot work with the account key: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// No key can be made of it, or out of it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key of a kind that accounts do not have.
    #[error("the key is not one that accounts use: ECDSA on P-256 or P-384, or RSA of 2048 to 4096 bits")]
    Kind,
    /// JSON that is no private key.
    #[error(
        "the JSON is not a private key (RFC 7517); certbot's is in `private_key.json`, lego's in a PEM file beside `account.json`"
    )]
    Json,
    /// A member that is not there, or no number in base64url.
    #[error("the member `{0}` of the key in JSON is missing or is not a number in base64url")]
    Member(&'static str),
    /// Numbers that do not belong together.
    #[error("the parts of the key do not fit together; copy it again from where it came")]
    Inconsistent,
}

impl AccountKey {
    /// Makes a key. P-256 and P-384 take a fraction of a millisecond; RSA (2048 bits) takes from
    /// a tenth of a second to several, so call it from `spawn_blocking`.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, AccountKeyError> {
        Self::signing(PrivateKey::generate(algorithm.key_type())?)
    }

    /// Reads a key in PEM form (PKCS#8, SEC 1 or PKCS#1): P-256, P-384, or RSA of 2048 to 4096 bits.
    ///
    /// # Errors
    /// For other kinds, encrypted keys and what is no key.
    pub fn from_pem(pem: &Secret) -> Result<Self, AccountKeyError> {
        Self::checked(PrivateKey::from_pem(pem)?)
    }

    /// Reads the key of an account that another client made: PEM as lego and acme.sh keep it, or
    /// a JWK in JSON as certbot does (RFC 7517).
    ///
    /// # Errors
    /// As [`AccountKey::from_pem`]; what is wrong with the JSON, never its values.
    pub fn import(text: &Secret) -> Result<Self, AccountKeyError> {
        if !text.expose().trim_start().starts_with('{') {
            return Self::from_pem(text);
        }
        Self::checked(PrivateKey::from(jwk::private_key(text)?))
    }

    /// The key of a certificate, to revoke it with (RFC 8555 7.6). Ed25519 is taken too (RFC 8037).
    ///
    /// # Errors
    /// [`AccountKeyError::Kind`] for keys that no JWS is signed with here.
    pub fn of_certificate(key: &PrivateKey) -> Result<Self, AccountKeyError> {
        Self::signing(key.clone())
    }

    /// The key as PKCS#8 in PEM form.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn to_pem(&self) -> Result<Secret, AccountKeyError> {
        Ok(self.key.to_pem()?)
    }

    /// How it signs; `None` for the Ed25519 key of a certificate, which no account has.
    pub fn algorithm(&self) -> Option<Algorithm> {
        match self.scheme {
            Scheme::Es256 => Some(Algorithm::Es256),
            Scheme::Es384 => Some(Algorithm::Es384),
            Scheme::Rs256 => Some(Algorithm::Rs256),
            Scheme::EdDsa => None,
        }
    }

    /// SHA-256 of the public key, base64url (RFC 7638).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The signature in the form of JWS (RFC 7518 3.3 and 3.4, RFC 8037 3.1).
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let key = self.key.as_pkey();
        match self.scheme {
            Scheme::Es256 => ecdsa(key, P256, MessageDigest::sha256(), data),
            Scheme::Es384 => ecdsa(key, P384, MessageDigest::sha384(), data),
            // PKCS#1 v1.5 is OpenSSL's default padding
            Scheme::Rs256 => Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(data),
            Scheme::EdDsa => Signer::new_without_digest(key)?.sign_oneshot_to_vec(data),
        }
    }

    /// A key that came from outside.
    fn checked(key: PrivateKey) -> Result<Self, AccountKeyError> {
        let fits = match key.as_pkey().id() {
            Id::EC => key.as_pkey().ec_key()?.check_key().is_ok(),
            Id::RSA => key.as_pkey().rsa()?.check_key().unwrap_or(false),
            _ => return Err(AccountKeyError::Kind),
        };
        if !fits {
            return Err(AccountKeyError::Inconsistent);
        }
        Self::signing(key)
    }

    fn signing(key: PrivateKey) -> Result<Self, AccountKeyError> {
        let pkey = key.as_pkey();
        let (scheme, jwk) = match pkey.id() {
            Id::EC => match pkey.ec_key()?.group().curve_name() {
                Some(Nid::X9_62_PRIME256V1) => (Scheme::Es256, Jwk::ec(pkey, P256)?),
                Some(Nid::SECP384R1) => (Scheme::Es384, Jwk::ec(pkey, P384)?),
                _ => return Err(AccountKeyError::Kind),
            },
            Id::RSA if RSA_BITS.contains(&pkey.bits()) => (Scheme::Rs256, Jwk::rsa(pkey)?),
            Id::ED25519 => (Scheme::EdDsa, Jwk::ed25519(pkey)?),
            _ => return Err(AccountKeyError::Kind),
        };
        Ok(AccountKey {
            thumbprint: jwk.thumbprint(),
            key,
            scheme,
            jwk,
        })
    }
}

/// RFC 7518 3.4: the two halves side by side, each as long as a coordinate.
fn ecdsa(
    key: &PKeyRef<Private>,
    curve: Curve,
    digest: MessageDigest,
    data: &[u8],
) -> Result<Vec<u8>, ErrorStack> {
    let signature = EcdsaSig::sign(&hash(digest, data)?, &*key.ec_key()?)?;
    let mut octets = signature.r().to_vec_padded(curve.octets)?;
    octets.extend_from_slice(&signature.s().to_vec_padded(curve.octets)?);
    Ok(octets)
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({}, ..)", self.thumbprint)
    }
}

#[cfg(test)]
mod tests;
