//! Names that operators give and addresses that CAs give.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A name from the configuration with characters that a path cannot hold safely.
    #[error("`{0}` is not allowed: use 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit")]
    Name(String),
    /// An address that is not absolute http or https.
    #[error("`{0}` is not an absolute https address")]
    Url(String),
}

macro_rules! operator_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text; safe as one component of a path.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
                let good = (1..=64).contains(&text.len())
                    && text.starts_with(plain)
                    && text.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '-'));
                if good { Ok($name(text.to_owned())) } else { Err(IdError::Name(text.to_owned())) }
            }
        }

        text_conversions!($name);
    };
}

macro_rules! resource_url {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The address as the CA gave it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                match url::Url::parse(text) {
                    Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok($name(text.to_owned())),
                    _ => Err(IdError::Url(text.to_owned())),
                }
            }
        }

        text_conversions!($name);
    };
}

macro_rules! text_conversions {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

operator_name! {
    /// A certificate's key in the configuration; also its directory's name.
    CertificateName
}
operator_name! {
    /// A provider instance's key in the configuration.
    InstanceName
}
operator_name! {
    /// A certificate authority's key in the configuration.
    CaName
}
resource_url! {
    /// An account (RFC 8555 7.1.2); the `kid` of every later request.
    AccountUrl
}
resource_url! {
    /// An order (RFC 8555 7.1.3).
    OrderUrl
}
resource_url! {
    /// An authorization (RFC 8555 7.1.4).
    AuthorizationUrl
}
resource_url! {
    /// A challenge (RFC 8555 7.1.5).
    ChallengeUrl
}
resource_url! {
    /// Where an order takes its certificate request (RFC 8555 7.1.3).
    FinalizeUrl
}
resource_url! {
    /// An issued certificate (RFC 8555 7.4.2).
    CertificateUrl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operator_names_are_safe_path_components() {
        for bad in ["", ".", "..", "../x", "a/b", "A", "-a", &"a".repeat(65)] {
            assert!(bad.parse::<CertificateName>().is_err(), "{bad}");
        }
        assert!("internal.example_1-x".parse::<CertificateName>().is_ok());
    }
}
