//! Profiles of the two AWS files.

use aws_config::ConfigLoader;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::{Access, listed};

/// Which profile of which files; what no option says, listed variables do.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    name: Option<String>,
    files: Option<EnvConfigFiles>,
}

impl Profile {
    pub(super) fn new(access: &Access) -> Self {
        let files = [
            (EnvConfigFileKind::Config, &access.config_file),
            (EnvConfigFileKind::Credentials, &access.credentials_file),
        ];
        let named = files.iter().any(|(_, path)| path.is_some());
        let builder = files
            .into_iter()
            .fold(EnvConfigFiles::builder(), |builder, (kind, path)| match path {
                Some(path) => builder.with_file(kind, path),
                None => builder,
            });
        Self {
            name: access.profile.clone(),
            files: named.then(|| builder.build()),
        }
    }

    /// Whether anything names a profile or a file.
    pub(super) fn is_configured(&self) -> bool {
        let variables = ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
        self.name.is_some() || self.files.is_some() || variables.into_iter().any(listed)
    }

    /// Its region, if it has one.
    pub(super) fn region(&self) -> impl ProvideRegion + use<> {
        let mut region = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.name {
            region = region.profile_name(name);
        }
        if let Some(files) = &self.files {
            region = region.profile_files(files.clone());
        }
        region.build()
    }

    /// Its other settings: FIPS, dual stack.
    pub(super) fn configure(&self, mut loader: ConfigLoader) -> ConfigLoader {
        if let Some(name) = &self.name {
            loader = loader.profile_name(name);
        }
        if let Some(files) = &self.files {
            loader = loader.profile_files(files.clone());
        }
        loader
    }

    pub(super) fn provider(self, config: ProviderConfig) -> Fresh {
        Fresh {
            profile: self,
            config,
        }
    }
}

/// Reads the files anew each time. The SDK's provider reads them once, and would go on with
/// keys that were replaced; the cache of credentials asks at least every quarter of an hour.
#[derive(Debug)]
pub(super) struct Fresh {
    profile: Profile,
    config: ProviderConfig,
}

impl Fresh {
    async fn read(&self) -> provider::Result {
        let mut provider = ProfileFileCredentialsProvider::builder().configure(&self.config);
        if let Some(name) = &self.profile.name {
            provider = provider.profile_name(name);
        }
        if let Some(files) = &self.profile.files {
            provider = provider.profile_files(files.clone());
        }
        provider.build().provide_credentials().await
    }
}

impl ProvideCredentials for Fresh {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.read())
    }
}
