//! Domain names as ACME and DNS mean them.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Longest name in text form without the final dot (RFC 1035 2.3.4: 255 octets
/// on the wire, two of which are the first length and the root).
const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 2.3.4).
const MAX_LABEL: usize = 63;

/// A fully qualified domain name: lower-case A-labels, no final dot, at least
/// one label, never a wildcard.
///
/// Labels may begin with an underscore (`_acme-challenge`). International names
/// are accepted when parsed and kept as A-labels; [`DnsName::unicode`] shows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

/// Why a text is not a [`DnsName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only a dot.
    #[error("the name is empty")]
    Empty,
    /// Over 253 octets as A-labels.
    #[error("the name is {0} octets long; DNS allows 253")]
    TooLong(usize),
    /// Two dots in a row, or one at the start.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A label over 63 octets.
    #[error("the label `{0}` is longer than 63 octets")]
    LabelTooLong(String),
    /// A character that no host name has.
    #[error("`{0}` is not allowed in a DNS name")]
    Character(char),
    /// A label that begins or ends with a hyphen.
    #[error("the label `{0}` begins or ends with a hyphen")]
    Hyphen(String),
    /// Not a valid international name (UTS 46).
    #[error("the name is not a valid international domain name")]
    Idna,
    /// `*` anywhere but as the whole first label of an identifier.
    #[error("a wildcard is only allowed as the whole first label, as in `*.example.org`")]
    Wildcard,
    /// An IP address where a name is wanted, or at its end.
    #[error("an IP address is not a DNS name; DNS-01 proves names only")]
    IpAddress,
}

impl DnsName {
    /// The name as A-labels, without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with international labels decoded, for people.
    pub fn unicode(&self) -> String {
        let (text, result) = idna::domain_to_unicode(&self.0);
        if result.is_ok() { text } else { self.0.clone() }
    }

    /// The labels, leftmost first.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// The name without its first label; `None` for a single label.
    pub fn parent(&self) -> Option<DnsName> {
        self.0.split_once('.').map(|(_, rest)| DnsName(rest.to_owned()))
    }

    /// True for `self == zone` and for every name below it.
    pub fn is_within(&self, zone: &DnsName) -> bool {
        self.0 == zone.0
            || self
                .0
                .strip_suffix(&zone.0)
                .is_some_and(|rest| rest.ends_with('.'))
    }

    /// The name with `label` in front of it.
    ///
    /// # Errors
    /// When the result is not a name, for example because it is too long.
    pub fn child(&self, label: &str) -> Result<DnsName, NameError> {
        format!("{label}.{}", self.0).parse()
    }
}

impl FromStr for DnsName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.contains('*') {
            return Err(NameError::Wildcard);
        }
        if text.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() {
            return Err(NameError::IpAddress);
        }
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| NameError::Idna)?
        };
        if ends_in_address(&ascii) {
            return Err(NameError::IpAddress);
        }
        if let Some(bad) = ascii
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        {
            return Err(NameError::Character(bad));
        }
        for label in ascii.split('.') {
            if label.is_empty() {
                return Err(NameError::EmptyLabel);
            }
            if label.len() > MAX_LABEL {
                return Err(NameError::LabelTooLong(label.to_owned()));
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(NameError::Hyphen(label.to_owned()));
            }
        }
        if ascii.len() > MAX_NAME {
            return Err(NameError::TooLong(ascii.len()));
        }
        Ok(DnsName(ascii))
    }
}

/// An IPv4 address, or a name whose last four labels are one: no such name can be (RFC 1123 2.1), and its parent would
/// be the address.
fn ends_in_address(ascii: &str) -> bool {
    let start = ascii.rmatch_indices('.').nth(3).map_or(0, |(at, _)| at + 1);
    ascii[start..]
        .trim_matches(['[', ']'])
        .parse::<Ipv4Addr>()
        .is_ok()
}

impl TryFrom<String> for DnsName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> String {
        name.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> DnsName {
        text.parse().expect("a name")
    }

    #[test]
    fn names_are_folded_to_lower_case_a_labels() {
        assert_eq!(name("Example.ORG.").as_str(), "example.org");
        assert_eq!(name("bücher.example").as_str(), "xn--bcher-kva.example");
        assert_eq!(name("xn--bcher-kva.example").unicode(), "bücher.example");
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("", NameError::Empty),
            (".", NameError::Empty),
            ("a..b", NameError::EmptyLabel),
            ("a b.c", NameError::Character(' ')),
            ("-a.b", NameError::Hyphen("-a".into())),
            ("a*.b", NameError::Wildcard),
            ("192.0.2.1", NameError::IpAddress),
            ("[192.0.2.1]", NameError::IpAddress),
            ("\u{ff11}92.0.2.1", NameError::IpAddress),
            ("a.192.0.2.1", NameError::IpAddress),
            ("2001:db8::1", NameError::IpAddress),
        ] {
            assert_eq!(text.parse::<DnsName>(), Err(why), "{text}");
        }
    }

    #[test]
    fn within_is_by_whole_labels() {
        assert!(name("a.example.org").is_within(&name("example.org")));
        assert!(name("example.org").is_within(&name("example.org")));
        assert!(!name("badexample.org").is_within(&name("example.org")));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(text in "\\PC{0,80}") {
            if let Ok(parsed) = text.parse::<DnsName>() {
                prop_assert_eq!(parsed.as_str().parse::<DnsName>(), Ok(parsed.clone()));
            }
        }
    }
}
