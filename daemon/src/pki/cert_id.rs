use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Serial;

/// Names a certificate to its CA (RFC 9773 4.1): in the address of its renewal
/// information and as `replaces` of the order that follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertId(String);

impl CertId {
    /// "constructed by concatenating the base64url-encoding of the keyIdentifier field of
    /// the certificate's Authority Key Identifier (AKI) extension, the literal period
    /// character, and the base64url-encoding of the DER-encoded Serial Number field
    /// (without the tag and length bytes)".
    pub(super) fn new(authority_key_id: &[u8], serial: &Serial) -> Self {
        CertId(format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(authority_key_id),
            URL_SAFE_NO_PAD.encode(serial.der())
        ))
    }

    /// One that was made before and kept as text; `None` for what cannot be one.
    pub fn kept(text: &str) -> Option<Self> {
        let is_base64url = |part: &str| !part.is_empty() && URL_SAFE_NO_PAD.decode(part).is_ok();
        let (authority, serial) = text.split_once('.')?;
        (is_base64url(authority) && is_base64url(serial)).then(|| CertId(text.to_owned()))
    }

    /// The identifier as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use openssl::{asn1::Asn1Integer, bn::BigNum};

    use super::*;

    #[test]
    fn the_example_of_rfc_9773_keeps_the_leading_zero_octet() {
        let aki = [
            0x69, 0x88, 0x5B, 0x6B, 0x87, 0x46, 0x40, 0x41, 0xE1, 0xB3, 0x7B, 0x84, 0x7B, 0xA0, 0xAE, 0x2C,
            0xDE, 0x01, 0xC8, 0xD4,
        ];
        let number = BigNum::from_u32(0x8765_4321).expect("a number");
        let serial = Serial::new(&Asn1Integer::from_bn(&number).expect("an integer")).expect("positive");
        let id = CertId::new(&aki, &serial);
        assert_eq!(id.as_str(), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
        assert_eq!(CertId::kept(id.as_str()), Some(id));
    }

    #[test]
    fn a_text_that_could_lead_elsewhere_is_no_identifier() {
        for text in ["", ".", "a.", "../x", "aa.bb/cc", "aYhba4dG", "a?.bb"] {
            assert_eq!(CertId::kept(text), None, "{text}");
        }
    }
}
