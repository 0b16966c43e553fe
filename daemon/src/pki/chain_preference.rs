use std::fmt;

/// Which of the chains that a CA offers for a certificate (RFC 8555 7.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChainPreference {
    /// The one that the CA gives first.
    #[default]
    Default,
    /// The one with the fewest certificates.
    Shortest,
    /// The one that leads to a root with this common name.
    Root(String),
    /// The one whose first certificate was issued under this common name.
    Issuer(String),
    /// The one that leads to the root whose DER form has this SHA-256.
    RootSha256([u8; 32]),
}

impl fmt::Display for ChainPreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainPreference::Default => f.write_str("default"),
            ChainPreference::Shortest => f.write_str("shortest"),
            ChainPreference::Root(name) => write!(f, "root {name:?}"),
            ChainPreference::Issuer(name) => write!(f, "issuer {name:?}"),
            ChainPreference::RootSha256(hash) => {
                f.write_str("root-sha256 ")?;
                hash.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}
