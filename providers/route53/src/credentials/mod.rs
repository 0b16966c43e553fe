//! Where the credentials come from: AWS's chain, of what the operator configured.
//!
//! A plugin's environment holds only the variables that its instance lists, and its sandbox
//! lets it read only files that options name. So each source has options of its own; the
//! usual AWS_* variables count where they are listed, and an option wins over its variable.

mod chain;
mod profile;
mod web_identity;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::identity::IdentityCache;
use aws_config::imds::{self, credentials::ImdsCredentialsProvider};
use aws_config::meta::region::RegionProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_types::region::Region;
use dns01_plugin_api::Secret;
use dns01_provider_http as http;

use crate::connector::Connector;
use chain::Chain;
pub(crate) use chain::Tried;
use profile::Profile;
use web_identity::WebIdentity;

/// The SDK's defaults of this date: later ones come with a change here, not with an update.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Keeps credentials until shortly before they end, those without an end for a quarter of an hour.
pub(crate) fn cache() -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build()
}

/// Where nothing says otherwise: Route 53's own, in the partition of most accounts.
const DEFAULT_REGION: Region = Region::from_static("us-east-1");
/// Instance metadata, then STS: two services with a retry each.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one metadata request: a second each on a machine that has no such service.
const IMDS_ATTEMPTS: u32 = 2;
/// Tries of one request, the first included.
const ATTEMPTS: u32 = 4;
/// Before the second try; doubled for each further one. The account's five requests a
/// second are there again after this.
const BACKOFF: Duration = Duration::from_millis(500);

/// Which source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// Those that are configured, in AWS's order; instance metadata if none is.
    Auto,
    /// The access key of the options.
    Static,
    /// AWS_ACCESS_KEY_ID and what belongs to it.
    Environment,
    /// A profile of the AWS files: keys, roles, SSO.
    Profile,
    /// An OIDC token in a file, for a role.
    WebIdentity,
    /// ECS tasks and EKS pod identities.
    Container,
    /// The instance metadata service of EC2, version 2.
    Imds,
}

/// A static access key.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub id: String,
    pub secret: Secret,
    pub token: Option<Secret>,
}

/// All that says who we are to AWS.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub source: Source,
    pub keys: Option<Keys>,
    pub profile: Option<String>,
    pub config_file: Option<PathBuf>,
    pub credentials_file: Option<PathBuf>,
    pub token_file: Option<PathBuf>,
    pub role_arn: Option<String>,
    pub external_id: Option<String>,
    pub session_name: String,
    pub region: Option<String>,
    pub sts_endpoint: Option<String>,
    pub imds_endpoint: Option<String>,
}

/// The endpoint of the instance metadata service cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("option `imds-endpoint`: is not a URL that can be asked")]
pub(crate) struct BadImdsEndpoint;

impl Access {
    /// What every client of an AWS service is made from. Reads files, but uses no network:
    /// credentials are fetched when a request is signed, and again before they end.
    ///
    /// `direct` reaches this machine's surroundings, past any proxy.
    pub(crate) async fn load(
        &self,
        client: &Arc<http::Client>,
        direct: &Arc<http::Client>,
    ) -> Result<SdkConfig, BadImdsEndpoint> {
        let profile = Profile::new(self);
        let region = RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile.region())
            .or_else(DEFAULT_REGION);
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(BACKOFF);
        let mut loader = aws_config::defaults(behavior())
            .http_client(Connector(Arc::clone(client)))
            .region(region)
            .retry_config(retry.clone())
            .identity_cache(cache())
            .no_credentials();
        if let Ok(name) = AppName::new("dns01d") {
            loader = loader.app_name(name);
        }
        let sdk = profile.configure(loader).load().await;

        let provider = |client: &Arc<http::Client>| {
            ProviderConfig::without_region()
                .with_behavior_version(Some(behavior()))
                .with_region(sdk.region().cloned())
                .with_retry_config(retry.clone())
                .with_http_client(Connector(Arc::clone(client)))
        };
        let mut sts = sdk.clone().into_builder();
        if let Some(endpoint) = &self.sts_endpoint {
            sts.set_endpoint_url(Some(endpoint.clone()));
        }
        let sts = sts.build();

        let mut chain = Chain::default();
        let configured = |source, by: bool| self.source == source || (self.source == Source::Auto && by);
        if let Some(keys) = &self.keys
            && configured(Source::Static, true)
        {
            chain.push("options", keys.provider());
        }
        if configured(Source::Environment, listed("AWS_ACCESS_KEY_ID")) {
            let environment = EnvironmentVariableCredentialsProvider::new();
            chain.push("environment", SharedCredentialsProvider::new(environment));
        }
        if configured(Source::Profile, profile.is_configured()) {
            let profile = profile.provider(provider(client));
            chain.push("profile", SharedCredentialsProvider::new(profile));
        }
        let web_identity = WebIdentity::configured(self, &sts);
        if configured(Source::WebIdentity, web_identity.is_some()) {
            let web_identity = web_identity.unwrap_or_else(|| WebIdentity::unconfigured(&sts));
            chain.push("web identity", SharedCredentialsProvider::new(web_identity));
        }
        let container =
            listed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || listed("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        if configured(Source::Container, container) {
            let container = EcsCredentialsProvider::builder()
                .configure(&provider(direct))
                .build();
            chain.push("container", SharedCredentialsProvider::new(container));
        }
        if configured(Source::Imds, chain.is_empty()) {
            let mut imds = imds::Client::builder()
                .configure(&provider(direct))
                .max_attempts(IMDS_ATTEMPTS);
            if let Some(endpoint) = &self.imds_endpoint {
                imds = imds.endpoint(endpoint).map_err(|_| BadImdsEndpoint)?;
            }
            let imds = ImdsCredentialsProvider::builder()
                .configure(&provider(direct))
                .imds_client(imds.build())
                .build();
            chain.push("instance metadata (IMDSv2)", SharedCredentialsProvider::new(imds));
        }

        // that of a token file is assumed with the token
        let role = self.role_arn.as_ref().filter(|_| self.token_file.is_none());
        let credentials = match role {
            None => SharedCredentialsProvider::new(chain),
            Some(role) => {
                let mut assume = AssumeRoleProvider::builder(role)
                    .session_name(&self.session_name)
                    .configure(&sts);
                if let Some(id) = &self.external_id {
                    assume = assume.external_id(id);
                }
                SharedCredentialsProvider::new(assume.build_from_provider(chain).await)
            }
        };
        Ok(sdk.into_builder().credentials_provider(credentials).build())
    }
}

impl Keys {
    fn provider(&self) -> SharedCredentialsProvider {
        let token = self.token.as_ref().map(|token| token.reveal().to_owned());
        SharedCredentialsProvider::new(Credentials::new(
            &self.id,
            self.secret.reveal(),
            token,
            None,
            "options",
        ))
    }
}

/// Whether the instance lists this variable, with a value.
fn listed(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
