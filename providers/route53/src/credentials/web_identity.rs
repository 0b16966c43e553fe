//! A role for an OIDC token in a file (IAM roles for service accounts, workload identity).
//!
//! Written here because the SDK's provider takes no other STS than Amazon's.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

use super::Access;

/// Exchanges the token, which is read each time: it is replaced before it ends.
#[derive(Debug)]
pub(super) struct WebIdentity {
    token: Option<(PathBuf, String)>,
    session_name: String,
    sts: aws_sdk_sts::Client,
}

/// The token cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the token {}: {source}; a file that no option names cannot be read in the sandbox", .path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

impl WebIdentity {
    /// From the two options, or from the two variables that EKS sets, where they are listed.
    pub(super) fn configured(access: &Access, sts: &SdkConfig) -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (path, role) = match &access.token_file {
            Some(path) => (path.clone(), access.role_arn.clone()?),
            None => (
                PathBuf::from(variable("AWS_WEB_IDENTITY_TOKEN_FILE")?),
                variable("AWS_ROLE_ARN")?,
            ),
        };
        Some(Self {
            token: Some((path, role)),
            session_name: variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| access.session_name.clone()),
            sts: aws_sdk_sts::Client::new(sts),
        })
    }

    /// Asked for, but without a token: it says so.
    pub(super) fn unconfigured(sts: &SdkConfig) -> Self {
        Self {
            token: None,
            session_name: String::new(),
            sts: aws_sdk_sts::Client::new(sts),
        }
    }

    async fn exchange(&self) -> provider::Result {
        let Some((path, role)) = &self.token else {
            return Err(CredentialsError::not_loaded(
                "no `web-identity-token-file` and `role-arn`, nor the variables of that name",
            ));
        };
        let token = std::fs::read_to_string(path).map_err(|source| {
            CredentialsError::invalid_configuration(Unreadable {
                path: path.clone(),
                source,
            })
        })?;
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name(&self.session_name)
            .web_identity_token(token.trim())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let session = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("STS answers without credentials"))?;
        let ends = SystemTime::try_from(session.expiration).map_err(CredentialsError::unhandled)?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            Some(ends),
            "web identity",
        ))
    }
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.exchange())
    }
}
