use std::fmt;

use openssl::{
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    nid::Nid,
    pkey::{PKey, PKeyRef, Private},
    rsa::Rsa,
};

use super::{KeyType, PublicKey, public_key};
use crate::secret::Secret;

/// A private key. OpenSSL wipes it when it is dropped; `Debug` shows only its kind.
#[derive(Clone)]
pub struct PrivateKey(PKey<Private>);

/// Why a key cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// OpenSSL cannot make one.
    #[error("openssl cannot make an {kind} key: {source}")]
    Generate {
        /// What was asked for.
        kind: KeyType,
        /// What OpenSSL says.
        source: ErrorStack,
    },
    /// The text is no private key, or an encrypted one.
    #[error("the text is not an unencrypted private key in PEM form: {0}")]
    Read(ErrorStack),
    /// OpenSSL cannot write it.
    #[error("openssl cannot write the private key: {0}")]
    Write(ErrorStack),
}

impl PrivateKey {
    /// Makes a key from the kernel's randomness.
    ///
    /// RSA takes from a tenth of a second to several seconds of CPU: call it from `spawn_blocking`.
    ///
    /// # Errors
    /// When OpenSSL refuses, for example Ed25519 under a FIPS provider.
    pub fn generate(kind: KeyType) -> Result<Self, KeyError> {
        let key = match kind {
            KeyType::EcdsaP256 => ec(Nid::X9_62_PRIME256V1),
            KeyType::EcdsaP384 => ec(Nid::SECP384R1),
            KeyType::Rsa2048 => Rsa::generate(2048).and_then(PKey::from_rsa),
            KeyType::Rsa3072 => Rsa::generate(3072).and_then(PKey::from_rsa),
            KeyType::Rsa4096 => Rsa::generate(4096).and_then(PKey::from_rsa),
            KeyType::Ed25519 => PKey::generate_ed25519(),
        };
        key.map(PrivateKey)
            .map_err(|source| KeyError::Generate { kind, source })
    }

    /// Reads a key in PEM form (PKCS#8, or the older forms of OpenSSL).
    ///
    /// # Errors
    /// [`KeyError::Read`], also for encrypted keys.
    pub fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        // without a callback OpenSSL would ask for a passphrase on the terminal
        PKey::private_key_from_pem_callback(pem.expose().as_bytes(), |_| Ok(0))
            .map(PrivateKey)
            .map_err(KeyError::Read)
    }

    /// The key as PKCS#8 in PEM form.
    ///
    /// # Errors
    /// [`KeyError::Write`].
    pub fn to_pem(&self) -> Result<Secret, KeyError> {
        let pem = self.0.private_key_to_pem_pkcs8().map_err(KeyError::Write)?;
        Ok(Secret::new(String::from_utf8(pem).expect("PEM is ASCII")))
    }

    /// The kind of key; `None` for one that this daemon does not make.
    pub fn key_type(&self) -> Option<KeyType> {
        public_key::key_type(&self.0)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::from(self)
    }

    /// For signing and comparing.
    pub(crate) fn as_pkey(&self) -> &PKeyRef<Private> {
        &self.0
    }
}

/// A key that was put together from its parts.
impl From<PKey<Private>> for PrivateKey {
    fn from(key: PKey<Private>) -> Self {
        PrivateKey(key)
    }
}

fn ec(curve: Nid) -> Result<PKey<Private>, ErrorStack> {
    // named curves only: CAs refuse explicit parameters
    let group = EcGroup::from_curve_name(curve)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key_type() {
            Some(kind) => write!(f, "PrivateKey({kind}, ..)"),
            None => f.write_str("PrivateKey(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use openssl::symm::Cipher;

    use super::*;

    #[test]
    fn every_kind_survives_the_way_to_disk_and_back() {
        for kind in KeyType::ALL
            .into_iter()
            .filter(|kind| !matches!(kind, KeyType::Rsa3072 | KeyType::Rsa4096))
        {
            let key = PrivateKey::generate(kind).expect("a key");
            let pem = key.to_pem().expect("PEM");
            assert!(
                pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"),
                "{kind} is PKCS#8"
            );
            let back = PrivateKey::from_pem(&pem).expect("the key again");
            assert!(back.as_pkey().public_eq(key.as_pkey()));
            assert_eq!(back.key_type(), Some(kind));
        }
    }

    #[test]
    fn an_encrypted_key_is_refused_without_asking_for_a_passphrase() {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let pem = key
            .as_pkey()
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"hunter2")
            .expect("PEM");
        let pem = Secret::new(String::from_utf8(pem).expect("ASCII"));
        assert!(matches!(PrivateKey::from_pem(&pem), Err(KeyError::Read(_))));
    }

    #[test]
    fn debug_never_prints_the_key() {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        assert_eq!(format!("{key:?}"), "PrivateKey(ecdsa-p256, ..)");
    }
}
