//! One source after the other.

use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};

/// Sources in their order: the first that has credentials gives them, one that is faulty
/// ends it. In contrast to the SDK's own chain it says what was tried.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    links: Vec<(&'static str, SharedCredentialsProvider)>,
}

/// Why no source had any.
#[derive(Debug)]
pub(crate) struct Tried(Vec<(&'static str, String)>);

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (source, why)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{source}: {why}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Tried {}

/// A source that was asked, and failed.
#[derive(Debug, thiserror::Error)]
#[error("from {name}")]
struct Failed {
    name: &'static str,
    source: CredentialsError,
}

impl Chain {
    pub(crate) fn push(&mut self, name: &'static str, provider: SharedCredentialsProvider) {
        self.links.push((name, provider));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    async fn first(&self) -> provider::Result {
        let mut tried = Vec::new();
        for (name, link) in &self.links {
            match link.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
                    tried.push((*name, crate::aws::causes(&error)));
                }
                Err(source) => return Err(CredentialsError::provider_error(Failed { name, source })),
            }
        }
        Err(CredentialsError::not_loaded(Tried(tried)))
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.first())
    }
}
