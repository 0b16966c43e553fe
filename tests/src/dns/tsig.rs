//! TSIG keys of the server (RFC 8945); the algorithm itself is the provider's.

use super::DnsError;

/// A key that may sign updates.
#[derive(Clone)]
pub struct TsigKey {
    /// Its name, lower case.
    pub name: String,
}

impl std::fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TsigKey({})", self.name)
    }
}

impl TsigKey {
    /// Reads `name:algorithm:base64`.
    ///
    /// # Errors
    /// [`DnsError::Key`].
    pub fn parse(text: &str) -> Result<Self, DnsError> {
        Ok(TsigKey {
            name: text.to_owned(),
        })
    }
}
