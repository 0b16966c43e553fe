//! From a configured instance to an open one.

use std::{path::Path, sync::Arc, time::Duration};

use dns01_plugin_wire::{
    Description, Open, OptionEntry, OptionKind, ProviderDescription, Sensitive, Start, TrialRules,
};
use tokio::time::{Instant, timeout_at};

use super::{
    ending::{Death, Ending},
    error::CallError,
    host::Host,
    library::Library,
    mask::Mask,
    options::{OptionSource, OptionValue, Options, Sandbox},
    output::Voice,
    plugins::{Plugins, log_level, open_library},
    process::Run,
    session::{Limits, Session},
    state::PluginState,
};
use crate::secret::Secret;

/// Loading and opening use no network, so this is for a slow disk; a provider that takes longer hangs.
pub const START: Duration = Duration::from_secs(30);

/// What a process of an instance is started from.
#[derive(Debug)]
pub struct Launch {
    pub plugins: Plugins,
    pub options: Options,
    pub source: Arc<dyn OptionSource>,
    pub state: Arc<dyn PluginState>,
}

/// A checked library and the provider of it that is meant.
pub struct Chosen {
    pub library: Library,
    pub provider: ProviderDescription,
}

/// What of a process its tests decide.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub trial: TrialRules,
    /// See [`Start::log_level`].
    pub log_level: i32,
}

/// What an instance is given, read just now.
#[derive(Debug)]
pub struct Given {
    pub options: Vec<OptionValue>,
    /// Environment variables with secret values.
    pub variables: Vec<(String, Secret)>,
}

impl Launch {
    /// Starts a process and opens the instance in it.
    pub async fn open(&self, timeout: Duration, deadline: Instant) -> Result<Session, CallError> {
        let limit = START.min(timeout);
        let deadline = deadline.min(Instant::now() + START);
        let chosen = self.choose(timeout, deadline).await?;
        let provider = chosen.provider.clone();
        let given = timeout_at(deadline, read(Arc::clone(&self.source)));
        let given = given.await.map_err(|_| CallError::NoTime(timeout))??;
        let manner = Manner {
            trial: TrialRules::default(),
            log_level: log_level(),
        };
        let host = self.load(chosen, &given, manner, limit, deadline).await?;
        let open = open(&provider, &given.options, deadline);
        let host_options = self.plugins.options();
        let limits = Limits {
            idle: host_options.idle,
            grace: host_options.grace,
            calls: self.options.concurrent_calls,
        };
        Session::open(host, open, deadline, Arc::clone(&self.state), limits).await
    }

    /// Opens the library, once, so that what is described is what is loaded; and holds it against the options.
    pub async fn choose(&self, timeout: Duration, deadline: Instant) -> Result<Chosen, CallError> {
        let options = &self.options;
        if let Some(name) = options.forbidden_variable() {
            return Err(CallError::Environment {
                name: name.to_owned(),
            });
        }
        let library = open_library(&options.library, options.sha256.as_ref()).await?;
        let description = timeout_at(deadline, self.plugins.describe_open(library.duplicate()?))
            .await
            .map_err(|_| CallError::NoTime(timeout))??;
        let provider = choose(&description, options)?.clone();
        if provider.execs && !options.allow_exec {
            return Err(CallError::Exec {
                provider: provider.id,
            });
        }
        Ok(Chosen { library, provider })
    }

    /// Starts a process that has loaded the library, and may do what this provider with these options needs.
    pub async fn load(
        &self,
        Chosen { library, provider }: Chosen,
        given: &Given,
        manner: Manner,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Host, CallError> {
        let options = &self.options;
        let secret_options = given.options.iter().filter(|value| is_secret(&provider, value));
        let secrets = secret_options
            .map(|option| &option.value)
            .chain(given.variables.iter().map(|(_, value)| value))
            .map(Secret::expose);
        let voice = Arc::new(Voice::new(
            options.instance.as_str().to_owned(),
            Mask::new(secrets),
        ));
        let exec = provider.execs && options.allow_exec;
        let cgroup = exec.then(|| self.plugins.cgroup(options.memory)).flatten();
        let start = Start {
            strict: self.plugins.options().sandbox == Sandbox::Required,
            memory: options.memory,
            exec,
            cgroup: cgroup.is_some(),
            read: readable(&provider, &given.options, options.rotates),
            log_level: manner.log_level,
            trial: manner.trial,
        };
        let environment = options
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(
                given
                    .variables
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.expose())),
            );
        let run = Run::Serve(options.instance.as_str());
        let plan = self
            .plugins
            .plan(run, environment.collect(), library, start, cgroup);
        let loaded = timeout_at(deadline, Host::load(plan, Arc::clone(&voice))).await;
        let (host, _) = loaded.unwrap_or_else(|_| {
            Err(CallError::Died(Death {
                ending: Ending::Overrun(limit),
                last_words: voice.last_words(),
            }))
        })?;
        Ok(host)
    }
}

/// What opens an instance with these options.
pub fn open(provider: &ProviderDescription, values: &[OptionValue], deadline: Instant) -> Open {
    let left = deadline.saturating_duration_since(Instant::now());
    Open {
        provider: provider.id.clone(),
        timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1),
        options: values
            .iter()
            .map(|value| entry(value, is_secret(provider, value)))
            .collect(),
    }
}

fn is_secret(provider: &ProviderDescription, value: &OptionValue) -> bool {
    value.secret
        || provider
            .option(&value.key)
            .is_some_and(|described| described.secret)
}

/// The provider that is meant.
pub fn choose<'a>(
    description: &'a Description,
    options: &Options,
) -> Result<&'a ProviderDescription, CallError> {
    let known = || {
        description
            .providers
            .iter()
            .map(|provider| provider.id.clone())
            .collect()
    };
    match (&options.provider, description.providers.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(CallError::Ambiguous {
            library: options.library.clone(),
            known: known(),
        }),
        (Some(wanted), _) => description
            .provider(wanted)
            .ok_or_else(|| CallError::UnknownProvider {
                library: options.library.clone(),
                wanted: wanted.clone(),
                known: known(),
            }),
    }
}

async fn read(source: Arc<dyn OptionSource>) -> Result<Given, CallError> {
    let read = move || {
        Ok(Given {
            options: source.read()?,
            variables: source.environment()?,
        })
    };
    let read = tokio::task::spawn_blocking(read).await;
    // the runtime is going down
    let read = read.map_err(|_| CallError::ShutDown)?;
    read.map_err(|reason| CallError::Options { reason })
}

/// The files that the options name.
fn readable(provider: &ProviderDescription, values: &[OptionValue], rotates: bool) -> Vec<String> {
    let is_file = |key: &str| {
        provider
            .option(key)
            .is_some_and(|described| described.kind == OptionKind::File)
    };
    let configured = values
        .iter()
        .filter(|value| is_file(&value.key))
        .map(|value| value.value.expose());
    let unset = |key: &str| !values.iter().any(|value| value.key == key);
    let defaults = provider
        .options
        .iter()
        .filter(|known| is_file(&known.key) && unset(&known.key));
    let defaults = defaults.filter_map(|known| known.default.as_deref());
    let paths = configured.chain(defaults).filter(|path| path.starts_with('/'));
    paths.map(|path| opened(path, rotates)).collect()
}

/// What is opened to a plugin for an option that names `path`.
fn opened(path: &str, rotates: bool) -> String {
    match Path::new(path).parent().and_then(Path::to_str) {
        // never the whole file system for a file at its top, nor what lies beside a directory
        Some(parent) if rotates && parent != "/" && !Path::new(path).is_dir() => parent.to_owned(),
        _ => path.to_owned(),
    }
}

fn entry(value: &OptionValue, secret: bool) -> OptionEntry {
    OptionEntry {
        key: value.key.clone(),
        value: Sensitive::new(value.value.expose().as_bytes().to_vec()),
        secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_rotates_opens_its_directory_and_nothing_else_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().to_str().expect("a path");
        let file = format!("{place}/secret");
        assert_eq!(opened(&file, true), place);
        assert_eq!(opened(&file, false), file);
        assert_eq!(opened(place, true), place, "the directory itself, not its parent");
        assert_eq!(opened("/secret", true), "/secret");
    }
}
