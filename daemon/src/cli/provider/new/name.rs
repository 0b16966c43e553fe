use std::{fmt, str::FromStr};

/// Longest name: it becomes part of file names, crate names and log lines.
const MAX: usize = 40;

/// What a new provider is called: `[a-z][a-z0-9-]*`, so that it can be a file, a crate and an id at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderName(String);

/// Why a name is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// A character that some file system, language or configuration would not take.
    #[error("write it with lower-case letters, digits and single dashes, a letter first: my-dns")]
    Characters,
    /// Over the limit.
    #[error("it has more than {MAX} characters")]
    Long,
}

impl ProviderName {
    /// As given: the id of the provider, and what a configuration calls its library.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As part of an identifier and of the library's file name.
    pub fn word(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for ProviderName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts_are_good = text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        if !parts_are_good || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(NameError::Characters);
        }
        if text.len() > MAX {
            return Err(NameError::Long);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_a_file_a_crate_and_an_id_at_once() {
        for good in ["a", "my-dns", "route53", "acme-dns-2"] {
            assert_eq!(good.parse::<ProviderName>().expect(good).as_str(), good);
        }
        for bad in [
            "", "-a", "a-", "a--b", "9lives", "My", "a_b", "a.b", "a/b", "../a", "ä", "a b", "a\n",
        ] {
            assert_eq!(bad.parse::<ProviderName>(), Err(NameError::Characters), "{bad}");
        }
        assert_eq!("a".repeat(41).parse::<ProviderName>(), Err(NameError::Long));
        assert_eq!("my-dns".parse::<ProviderName>().expect("good").word(), "my_dns");
    }
}
