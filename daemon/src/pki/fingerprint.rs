use std::str::FromStr;

/// SHA-256 of a certificate, as people copy it: 64 hexadecimal digits, with or without colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Fingerprint(pub [u8; 32]);

/// A text that is no [`Sha256Fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")]
pub struct NoFingerprint(String);

impl FromStr for Sha256Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let octets: Option<Vec<u8>> = digits.filter(|digits| digits.len() == 64).map(|digits| {
            let pairs = digits.chunks_exact(2);
            pairs.map(|pair| pair[0] << 4 | pair[1]).collect()
        });
        octets
            .and_then(|octets| octets.try_into().ok())
            .map(Sha256Fingerprint)
            .ok_or_else(|| NoFingerprint(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons_and_at_its_length_only() {
        let hex = "ab".repeat(32);
        // as `openssl x509 -fingerprint -sha256` writes it
        let colons = ["AB"; 32].join(":");
        for text in [hex.as_str(), &colons] {
            assert_eq!(text.parse(), Ok(Sha256Fingerprint([0xab; 32])));
        }
        for text in [
            "",
            "ab",
            &hex[1..],
            &format!("{hex}a"),
            &hex.replace('a', "g"),
            &"\u{e9}".repeat(32),
        ] {
            assert!(text.parse::<Sha256Fingerprint>().is_err(), "{text}");
        }
    }
}
