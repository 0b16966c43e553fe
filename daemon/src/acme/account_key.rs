use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey, EcKeyRef},
    ecdsa::EcdsaSig,
    error::ErrorStack,
    nid::Nid,
    pkey::{PKey, Private},
    sha::sha256,
};
use serde::Serialize;

use crate::secret::Secret;

/// Octets of a P-256 coordinate (RFC 7518 6.2.1.2) and of each half of a signature (3.4).
const P256_OCTETS: i32 = 32;

/// How an account signs (RFC 7518 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, which RFC 8555 6.2 obliges every CA to take.
    #[serde(rename = "ES256")]
    Es256,
}

/// The key that is the account. It must be durable before `newAccount` is sent: a lost
/// answer is then found again with it.
pub struct AccountKey {
    key: SigningKey,
    jwk: Jwk,
    thumbprint: String,
}

/// One variant for each [`Algorithm`].
enum SigningKey {
    Es256(EcKey<Private>),
}

/// The public half (RFC 7517), members in the order that RFC 7638 3.3 hashes them in.
#[derive(Debug, Serialize)]
pub(super) struct Jwk {
    crv: &'static str,
    kty: &'static str,
    x: String,
    y: String,
}

/// Why an account key cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountKeyError {
    /// OpenSSL failed at what it can do.
    #[error("openssl cannot work with the account key: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// The text is no private key, or an encrypted one.
    #[error("the account key is not an unencrypted private key in PEM form: {0}")]
    Read(ErrorStack),
    /// A key of a kind that accounts here do not have.
    #[error("the account key is not an elliptic-curve key on P-256, the only kind that accounts use here")]
    Kind,
}

impl AccountKey {
    /// Makes a P-256 key; a fraction of a millisecond.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn generate() -> Result<Self, AccountKeyError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        Self::new(EcKey::generate(&group)?)
    }

    /// Reads a P-256 key in PEM form (PKCS#8 or SEC 1).
    ///
    /// # Errors
    /// For other kinds, encrypted keys and what is no key.
    pub fn from_pem(pem: &Secret) -> Result<Self, AccountKeyError> {
        // without a callback OpenSSL would ask for a passphrase on the terminal
        let key = PKey::private_key_from_pem_callback(pem.expose().as_bytes(), |_| Ok(0))
            .map_err(AccountKeyError::Read)?;
        let key = key.ec_key().map_err(|_| AccountKeyError::Kind)?;
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(AccountKeyError::Kind);
        }
        key.check_key()?;
        Self::new(key)
    }

    /// The key as PKCS#8 in PEM form.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn to_pem(&self) -> Result<Secret, AccountKeyError> {
        let SigningKey::Es256(key) = &self.key;
        let pem = PKey::from_ec_key(key.clone())?.private_key_to_pem_pkcs8()?;
        Ok(Secret::new(String::from_utf8(pem).expect("PEM is ASCII")))
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            SigningKey::Es256(_) => Algorithm::Es256,
        }
    }

    /// SHA-256 of the public key, base64url (RFC 7638).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The signature as JWS wants it: the two halves side by side (RFC 7518 3.4).
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let SigningKey::Es256(key) = &self.key;
        let signature = EcdsaSig::sign(&sha256(data), key)?;
        let mut octets = signature.r().to_vec_padded(P256_OCTETS)?;
        octets.extend_from_slice(&signature.s().to_vec_padded(P256_OCTETS)?);
        Ok(octets)
    }

    fn new(key: EcKey<Private>) -> Result<Self, AccountKeyError> {
        let jwk = Jwk::p256(&key)?;
        let thumbprint = jwk.thumbprint();
        Ok(AccountKey {
            key: SigningKey::Es256(key),
            jwk,
            thumbprint,
        })
    }
}

impl Jwk {
    fn p256(key: &EcKeyRef<Private>) -> Result<Self, ErrorStack> {
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        let mut context = BigNumContext::new()?;
        key.public_key()
            .affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let coordinate = |number: &BigNum| Ok(URL_SAFE_NO_PAD.encode(number.to_vec_padded(P256_OCTETS)?));
        Ok(Jwk {
            crv: "P-256",
            kty: "EC",
            x: coordinate(&x)?,
            y: coordinate(&y)?,
        })
    }

    fn thumbprint(&self) -> String {
        let text = serde_json::to_vec(self).expect("four strings are JSON");
        URL_SAFE_NO_PAD.encode(sha256(&text))
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({}, ..)", self.thumbprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{KeyType, PrivateKey};

    #[test]
    fn a_key_survives_the_way_to_disk_and_back() {
        let key = AccountKey::generate().expect("a key");
        let again = AccountKey::from_pem(&key.to_pem().expect("PEM")).expect("the key");
        assert_eq!(again.thumbprint(), key.thumbprint());
    }

    #[test]
    fn only_p256_is_taken() {
        for kind in [KeyType::EcdsaP384, KeyType::Rsa2048, KeyType::Ed25519] {
            let pem = PrivateKey::generate(kind)
                .and_then(|key| key.to_pem())
                .expect("PEM");
            assert!(
                matches!(AccountKey::from_pem(&pem), Err(AccountKeyError::Kind)),
                "{kind}"
            );
        }
        assert!(matches!(
            AccountKey::from_pem(&Secret::new("x".into())),
            Err(AccountKeyError::Read(_))
        ));
    }

    #[test]
    fn the_thumbprint_of_a_known_key_is_right() {
        // the key of RFC 7517 A.1; the hash was made outside OpenSSL
        let jwk = Jwk {
            crv: "P-256",
            kty: "EC",
            x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4".into(),
            y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM".into(),
        };
        assert_eq!(jwk.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn debug_never_prints_the_key() {
        let key = AccountKey::generate().expect("a key");
        assert_eq!(
            format!("{key:?}"),
            format!("AccountKey({}, ..)", key.thumbprint())
        );
    }
}
