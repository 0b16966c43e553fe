//! What can go wrong, whose fault it is, and what to do.

use dns01_plugin_api::Class;
use dns01_provider_http as http;

/// A refusal by the portal, or a record that cannot be told it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer, or one without words.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// A refusal with the portal's words.
    #[error("{refusal} (it says: {said})")]
    Refused {
        /// By status.
        refusal: http::Error,
        /// Its words, shortened, secrets masked.
        said: String,
    },
    /// Raw mode without a challenge.
    #[error(
        "{fqdn} comes without token and key authorization, which mode raw sends: the default mode can write \
         it"
    )]
    NoChallenge {
        /// Name of the record.
        fqdn: String,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) | Self::Refused { refusal: error, .. } => error.class(),
            Self::NoChallenge { .. } => Class::Unsupported,
        }
    }

    /// Nothing that follows in this call could go better.
    pub(crate) fn ends_call(&self) -> bool {
        match self {
            Self::Http(error) | Self::Refused { refusal: error, .. } => error.ends_call(),
            Self::NoChallenge { .. } => false,
        }
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let said = error.to_string();
        match error {
            Error::Http(inner) => inner.into(),
            Error::Refused { refusal, .. } => {
                // status and wait of the refusal, under the portal's words
                let plain = Self::from(refusal);
                let full = Self::new(plain.class(), said).with_native_code(plain.native_code());
                match plain.retry_after() {
                    Some(wait) => full.with_retry_after(wait),
                    None => full,
                }
            }
            Error::NoChallenge { .. } => Self::new(error.class(), said),
        }
    }
}
