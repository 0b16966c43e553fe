use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    cli::DEFAULT_CONFIG,
    config,
    plugin::{self, Found},
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
    /// Every library of the directories and of the configuration, described.
    pub async fn libraries(&self) -> Result<Vec<Found>, PlacesError> {
        let plugins = plugin::Plugins::new(self.known.host.clone()).map_err(PlacesError::Start)?;
        let configured = self.known.instances.iter().map(|options| &options.library);
        let configured = configured.filter(|path| !path.as_os_str().is_empty()).cloned();
        plugin::catalogue(&plugins, &self.known.directories, configured)
            .await
            .map_err(PlacesError::Directory)
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PlacesError> {
    std::path::absolute(path).map_err(|source| PlacesError::Path {
        path: path.to_owned(),
        source,
    })
}
