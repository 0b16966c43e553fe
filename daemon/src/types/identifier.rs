//! What a certificate is asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{DnsName, NameError};

/// An ACME `dns` identifier (RFC 8555 7.1.3): a name, or a name with a
/// wildcard as its whole first label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier {
    name: DnsName,
    wildcard: bool,
}

impl Identifier {
    /// The name without `*.`: what an authorization is about (RFC 8555 7.1.4).
    pub fn name(&self) -> &DnsName {
        &self.name
    }

    /// True for `*.example.org`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// The identifier with international labels decoded, for people.
    pub fn unicode(&self) -> String {
        let name = self.name.unicode();
        if self.wildcard { format!("*.{name}") } else { name }
    }

    /// True when a certificate for `self` is also good for `host`.
    pub fn covers(&self, host: &DnsName) -> bool {
        if self.wildcard {
            host.parent().as_ref() == Some(&self.name)
        } else {
            *host == self.name
        }
    }
}

impl From<DnsName> for Identifier {
    fn from(name: DnsName) -> Self {
        Identifier {
            name,
            wildcard: false,
        }
    }
}

impl FromStr for Identifier {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (wildcard, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name: DnsName = name.parse()?;
        // an A-label that nothing decodes: no CA signs it, and people were never shown what it says
        if name.labels().any(|label| label.starts_with("xn--"))
            && idna::domain_to_unicode(name.as_str()).1.is_err()
        {
            return Err(NameError::Idna);
        }
        Ok(Identifier { name, wildcard })
    }
}

impl TryFrom<String> for Identifier {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> String {
        identifier.to_string()
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            f.write_str("*.")?;
        }
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label_and_not_its_apex() {
        let wildcard: Identifier = "*.example.org".parse().expect("an identifier");
        assert!(wildcard.covers(&"a.example.org".parse().expect("a name")));
        assert!(!wildcard.covers(&"example.org".parse().expect("a name")));
        assert!(!wildcard.covers(&"a.b.example.org".parse().expect("a name")));
        assert_eq!(wildcard.to_string(), "*.example.org");
        assert_eq!("*.*.org".parse::<Identifier>(), Err(NameError::Wildcard));
    }

    #[test]
    fn an_a_label_must_be_one() {
        assert_eq!(
            "xn--zzzzzz.example.org".parse::<Identifier>(),
            Err(NameError::Idna)
        );
        let coffee: Identifier = "*.XN--caf-dma.example".parse().expect("an identifier");
        assert_eq!(coffee.unicode(), "*.café.example");
    }
}
