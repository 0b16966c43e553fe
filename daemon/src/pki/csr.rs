use openssl::{
    error::ErrorStack,
    hash::MessageDigest,
    stack::Stack,
    x509::{X509Req, extension::SubjectAlternativeName},
};

use super::{KeyType, PrivateKey};
use crate::types::Identifier;

/// Why a certificate request cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CsrError {
    /// Nothing to ask for.
    #[error("a certificate request needs at least one name")]
    NoNames,
    /// OpenSSL cannot build or sign it.
    #[error("openssl cannot build the certificate request: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// A certificate request (RFC 2986) in DER for exactly `identifiers` (RFC 8555 7.4).
///
/// The subject is empty: names live in subjectAltName, a common name is limited to 64
/// octets, and CAs drop it. Key usages are left to the CA's profile: clientAuth in a
/// request is refused by public CAs since 2026.
///
/// # Errors
/// See [`CsrError`].
pub fn csr(key: &PrivateKey, identifiers: &[Identifier]) -> Result<Vec<u8>, CsrError> {
    if identifiers.is_empty() {
        return Err(CsrError::NoNames);
    }
    let mut request = X509Req::builder()?;
    request.set_version(0)?;
    request.set_pubkey(key.as_pkey())?;
    let mut names = SubjectAlternativeName::new();
    // RFC 5280 4.2.1.6: with an empty subject the extension is critical
    names.critical();
    for identifier in identifiers {
        names.dns(&identifier.to_string());
    }
    let names = names.build(&request.x509v3_context(None))?;
    let mut extensions = Stack::new()?;
    extensions.push(names)?;
    request.add_extensions(&extensions)?;
    request.sign(key.as_pkey(), digest_for(key))?;
    Ok(request.build().to_der()?)
}

fn digest_for(key: &PrivateKey) -> MessageDigest {
    match key.key_type() {
        Some(KeyType::EcdsaP384) => MessageDigest::sha384(),
        // EdDSA hashes by itself
        Some(KeyType::Ed25519) => MessageDigest::null(),
        Some(KeyType::EcdsaP256 | KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096) | None => {
            MessageDigest::sha256()
        }
    }
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509Req;

    use super::*;

    #[test]
    fn a_request_asks_for_the_names_and_nothing_else() {
        let names: Vec<Identifier> = ["*.example.org", "example.org"]
            .map(|name| name.parse().expect("a name"))
            .into();
        for kind in [
            KeyType::EcdsaP256,
            KeyType::EcdsaP384,
            KeyType::Rsa2048,
            KeyType::Ed25519,
        ] {
            let key = PrivateKey::generate(kind).expect("a key");
            let der = csr(&key, &names).expect("a request");
            let request = X509Req::from_der(&der).expect("valid DER");
            assert!(request.verify(key.as_pkey()).expect("a signature"), "{kind}");
            assert_eq!(request.subject_name().entries().count(), 0);
            assert_eq!(request.extensions().expect("extensions").len(), 1);
            let text = String::from_utf8(request.to_text().expect("text")).expect("UTF-8");
            assert!(
                text.contains("X509v3 Subject Alternative Name: critical"),
                "{text}"
            );
            assert!(text.contains("DNS:*.example.org, DNS:example.org"), "{text}");
        }
    }

    #[test]
    fn a_request_without_names_is_refused() {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        assert!(matches!(csr(&key, &[]), Err(CsrError::NoNames)));
    }
}
