use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use crate::{
    cli::DEFAULT_CONFIG,
    config,
    plugin::{self, CallError, Description, Found, ProviderDescription},
    types::InstanceName,
};

/// Where plugins are, beside what the configuration says.
#[derive(Debug, Args)]
pub struct Places {
    /// Look for plugins in this directory instead of the configured ones; may be repeated
    #[arg(long = "plugin-dir", value_name = "DIRECTORY")]
    directories: Vec<PathBuf>,
    /// The dns01-plugin-host program, instead of the configured one
    #[arg(long = "plugin-host", env = "DNS01D_PLUGIN_HOST", value_name = "FILE")]
    host: Option<PathBuf>,
}

/// Why the plugins of this machine cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlacesError {
    /// The configuration that was named cannot be read.
    #[error("{} cannot be read: `dns01d check` says why", .0.display())]
    Configuration(PathBuf),
    /// A relative path, and no directory to start from.
    #[error("{}: {source}", path.display())]
    Path {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory cannot be read.
    #[error(transparent)]
    Directory(io::Error),
    /// Nothing has that name.
    #[error(
        "there is no provider, library or provider instance `{0}`: `dns01d provider list` shows what there is; \
         a path has a `/`"
    )]
    Unknown(String),
    /// A library of several providers.
    #[error("{} holds several providers: name one of {}", path.display(), known.join(", "))]
    Several {
        /// The library.
        path: PathBuf,
        /// What it holds.
        known: Vec<String>,
    },
    /// The instance means a provider that its library does not hold, or no library that is there.
    #[error("the instance `{0}` cannot be shown: `dns01d check` says what is wrong with it")]
    Instance(InstanceName),
    /// The library is not fit to be used.
    #[error("{error}{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unusable {
        /// Why.
        error: Box<CallError>,
        /// What to do about it.
        help: Option<String>,
    },
    /// No thread for starting processes.
    #[error("plugins cannot be started: {0}")]
    Start(io::Error),
}

/// What there is to look at.
#[derive(Debug)]
pub(super) struct Machine {
    /// Directories, host and instances.
    pub known: config::Plugins,
    /// The configuration that said so; `None` where there is none to read.
    pub configuration: Option<PathBuf>,
}

/// The provider that a name means.
#[derive(Debug)]
pub(super) struct Meant {
    /// Its library.
    pub path: PathBuf,
    /// All of that library.
    pub library: Arc<Description>,
    /// The provider.
    pub provider: ProviderDescription,
    /// The name was that of an instance.
    pub instance: Option<InstanceName>,
}

impl PlacesError {
    pub fn unusable(error: CallError) -> Self {
        PlacesError::Unusable {
            help: error.help(),
            error: Box::new(error),
        }
    }
}

impl Places {
    /// The configured places, those of the command line, or the usual ones.
    pub fn machine(&self, config: &Path) -> Result<Machine, PlacesError> {
        let configured = config::plugins(config);
        if configured.is_none() && config != Path::new(DEFAULT_CONFIG) {
            return Err(PlacesError::Configuration(config.to_owned()));
        }
        let configuration = configured.is_some().then(|| config.to_owned());
        let mut known = configured.unwrap_or_default();
        if let Some(host) = &self.host {
            known.host.executable = absolute(host)?;
        }
        if !self.directories.is_empty() {
            let directories = self.directories.iter().map(|path| absolute(path));
            known.directories = directories.collect::<Result<_, _>>()?;
        }
        Ok(Machine { known, configuration })
    }
}

impl Machine {
    /// What `library` of a configuration may say for this file instead of its path: no directory before its own
    /// has one of that name.
    pub fn short_name(&self, path: &Path) -> Option<String> {
        let file = path.file_name()?;
        let mut candidates = self
            .known
            .directories
            .iter()
            .map(|directory| directory.join(file));
        let first = candidates.find(|candidate| candidate.exists())?;
        (first == path).then(|| plugin::short_name(path)).flatten()
    }

    /// The provider that `name` means: an instance, else a path, else a provider's id, else a library of one.
    pub async fn find(&self, name: &str) -> Result<Meant, PlacesError> {
        let instances = &self.known.instances;
        if let Some(options) = instances.iter().find(|options| options.instance.as_str() == name) {
            let wrong = || PlacesError::Instance(options.instance.clone());
            if options.library.as_os_str().is_empty() {
                return Err(wrong());
            }
            let found = self.describe(&options.library).await?;
            let meant = match &options.provider {
                Some(id) => of_library(found, |provider| provider.id == *id).ok_or_else(wrong)?,
                None => only(found)?,
            };
            return Ok(Meant {
                instance: Some(options.instance.clone()),
                ..meant
            });
        }
        if name.contains('/') {
            return only(self.describe(&absolute(Path::new(name))?).await?);
        }
        let found = self.libraries().await?;
        let by_id = found
            .iter()
            .find_map(|found| of_library(found.clone(), |provider| provider.id == name));
        if let Some(meant) = by_id {
            return Ok(meant);
        }
        let library = found
            .into_iter()
            .find(|found| self.short_name(&found.path).as_deref() == Some(name));
        only(library.ok_or_else(|| PlacesError::Unknown(name.to_owned()))?)
    }

    async fn describe(&self, path: &Path) -> Result<Found, PlacesError> {
        let plugins = self.plugins()?;
        Ok(Found {
            description: plugins.describe(path, None).await,
            path: path.to_owned(),
        })
    }

    fn plugins(&self) -> Result<plugin::Plugins, PlacesError> {
        plugin::Plugins::new(self.known.host.clone()).map_err(PlacesError::Start)
    }

    /// Every library of the directories and of the configuration, described.
    pub async fn libraries(&self) -> Result<Vec<Found>, PlacesError> {
        let plugins = self.plugins()?;
        let configured = self.known.instances.iter().map(|options| &options.library);
        let configured = configured.filter(|path| !path.as_os_str().is_empty()).cloned();
        plugin::catalogue(&plugins, &self.known.directories, configured)
            .await
            .map_err(PlacesError::Directory)
    }
}

fn of_library(found: Found, is_meant: impl Fn(&ProviderDescription) -> bool) -> Option<Meant> {
    let library = found.description.ok()?;
    let provider = library
        .providers
        .iter()
        .find(|provider| is_meant(provider))?
        .clone();
    Some(Meant {
        path: found.path,
        library,
        provider,
        instance: None,
    })
}

fn only(found: Found) -> Result<Meant, PlacesError> {
    let library = found.description.clone().map_err(PlacesError::unusable)?;
    let several = || PlacesError::Several {
        path: found.path.clone(),
        known: library
            .providers
            .iter()
            .map(|provider| provider.id.clone())
            .collect(),
    };
    match library.providers.len() {
        1 => of_library(found.clone(), |_| true).ok_or_else(several),
        _ => Err(several()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PlacesError> {
    std::path::absolute(path).map_err(|source| PlacesError::Path {
        path: path.to_owned(),
        source,
    })
}
