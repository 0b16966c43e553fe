use std::fmt;

use openssl::{
    ec::EcKey,
    nid::Nid,
    pkey::{HasPublic, Id, PKey, PKeyRef, Public},
    sha::sha256,
};

use super::{KeyType, PrivateKey};

/// The public half of a key: what a certificate vouches for.
#[derive(Clone)]
pub struct PublicKey(PKey<Public>);

impl PublicKey {
    /// The kind of key; `None` for one that this daemon does not make.
    pub fn key_type(&self) -> Option<KeyType> {
        key_type(&self.0)
    }

    /// SHA-256 of its SubjectPublicKeyInfo (RFC 5280 4.1) in DER: the same for every certificate
    /// of the key, whoever issued it.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.der())
    }

    fn der(&self) -> Vec<u8> {
        self.0
            .public_key_to_der()
            .expect("a key that was read can be written")
    }
}

impl From<PKey<Public>> for PublicKey {
    fn from(key: PKey<Public>) -> Self {
        PublicKey(key)
    }
}

impl From<&PrivateKey> for PublicKey {
    fn from(key: &PrivateKey) -> Self {
        let half = match key.as_pkey().id() {
            // the way through DER costs OpenSSL 3 a search through all its decoders: more than the key itself
            Id::EC => key.as_pkey().ec_key().and_then(|key| {
                let half = EcKey::from_public_key(key.group(), key.public_key())?;
                PKey::from_ec_key(half)
            }),
            _ => {
                let der = key.as_pkey().public_key_to_der();
                der.and_then(|der| PKey::public_key_from_der(&der))
            }
        };
        PublicKey(half.expect("OpenSSL holds the public half with every private key"))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_eq(&other.0)
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key_type() {
            Some(kind) => write!(f, "PublicKey({kind})"),
            None => f.write_str("PublicKey"),
        }
    }
}

/// The kind of a key, or of half of one.
pub(super) fn key_type<T: HasPublic>(key: &PKeyRef<T>) -> Option<KeyType> {
    match (key.id(), key.bits()) {
        (Id::EC, _) => match key.ec_key().ok()?.group().curve_name()? {
            Nid::X9_62_PRIME256V1 => Some(KeyType::EcdsaP256),
            Nid::SECP384R1 => Some(KeyType::EcdsaP384),
            _ => None,
        },
        (Id::RSA, 2048) => Some(KeyType::Rsa2048),
        (Id::RSA, 3072) => Some(KeyType::Rsa3072),
        (Id::RSA, 4096) => Some(KeyType::Rsa4096),
        (Id::ED25519, _) => Some(KeyType::Ed25519),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Csr, csr};

    #[test]
    fn the_public_half_of_every_kind_is_that_of_its_key_and_of_no_other() {
        for kind in [
            KeyType::EcdsaP256,
            KeyType::EcdsaP384,
            KeyType::Rsa2048,
            KeyType::Ed25519,
        ] {
            let key = PrivateKey::generate(kind).expect("a key");
            let half = key.public();
            assert_eq!(half.key_type(), Some(kind));
            assert_eq!(half, key.public());
            assert_eq!(half.sha256(), key.public().sha256());
            let read = PrivateKey::from_pem(&key.to_pem().expect("PEM")).expect("the key again");
            assert_eq!(half, read.public());
            assert_eq!(half.sha256(), read.public().sha256());
            let request = csr(&read, &["example.org".parse().expect("a name")]).expect("a request");
            let request = Csr::parse(&request).expect("the request again");
            assert_eq!(half, *request.public_key());
            assert_eq!(half.sha256(), request.public_key().sha256());
            let other = PrivateKey::generate(kind).expect("a key").public();
            assert_ne!(half, other);
            assert_ne!(half.sha256(), other.sha256());
        }
    }
}
