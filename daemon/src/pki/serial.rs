use std::fmt;

use openssl::asn1::Asn1IntegerRef;

/// A certificate's serial number. Shown as upper-case hexadecimal with whole
/// octets, as `openssl x509 -serial` does: `03AB`, not `3ab`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial {
    /// Contents octets of the DER INTEGER: a leading 00 where the first bit would be a sign.
    der: Vec<u8>,
}

impl Serial {
    /// `None` for a negative number, which RFC 5280 4.1.2.2 forbids.
    pub(super) fn new(number: &Asn1IntegerRef) -> Option<Self> {
        let number = number.to_bn().ok()?;
        if number.is_negative() {
            return None;
        }
        let mut der = number.to_vec();
        if der.first().is_none_or(|first| first & 0x80 != 0) {
            der.insert(0, 0);
        }
        Some(Serial { der })
    }

    /// The contents octets of the DER INTEGER, with the leading 00 where there is one (RFC 9773 4.1).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    fn magnitude(&self) -> &[u8] {
        match self.der.as_slice() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            whole => whole,
        }
    }
}

impl fmt::UpperHex for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.magnitude()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::LowerHex for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.magnitude()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(self, f)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use openssl::{asn1::Asn1Integer, bn::BigNum};
    use proptest::prelude::*;

    use super::*;

    fn serial(hex: &str) -> Serial {
        let number = BigNum::from_hex_str(hex).expect("hexadecimal");
        Serial::new(&Asn1Integer::from_bn(&number).expect("an integer")).expect("positive")
    }

    #[test]
    fn hex_keeps_leading_zeros_and_der_keeps_its_sign_octet() {
        assert_eq!(serial("03ab").to_string(), "03AB");
        assert_eq!(serial("03ab").der(), [0x03, 0xab]);
        assert_eq!(format!("{:x}", serial("87654321")), "87654321");
        assert_eq!(serial("87654321").der(), [0x00, 0x87, 0x65, 0x43, 0x21]);
        assert_eq!(serial("0").der(), [0]);
        assert_eq!(serial("0").to_string(), "00");
    }

    #[test]
    fn a_negative_serial_is_refused() {
        let mut number = BigNum::from_u32(5).expect("a number");
        number.set_negative(true);
        assert_eq!(
            Serial::new(&Asn1Integer::from_bn(&number).expect("an integer")),
            None
        );
    }

    proptest! {
        #[test]
        fn der_octets_are_minimal_and_positive(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let number = BigNum::from_slice(&bytes).expect("a number");
            let serial = Serial::new(&Asn1Integer::from_bn(&number).expect("an integer")).expect("positive");
            let der = serial.der();
            prop_assert!(der[0] & 0x80 == 0);
            prop_assert!(der.len() == 1 || der[0] != 0 || der[1] & 0x80 != 0);
            prop_assert_eq!(BigNum::from_slice(der).expect("a number"), number);
        }
    }
}
