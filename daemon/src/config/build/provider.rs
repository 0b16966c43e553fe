use std::{path::PathBuf, sync::Arc, time::Duration};

use dns01_plugin_wire::{Description, ProviderDescription};

use super::{
    Builder, Entries, digest::digest, environment::Environment, paths::PathProblem, system::Plugins,
};
use crate::{
    challenge::DEFAULT_BATCH_WINDOW,
    config::{
        ProviderConfig,
        findings::Location,
        near::nearest,
        option_source::ConfiguredOptions,
        raw::{self, ByteSize, Flag, Text},
    },
    plugin,
    types::{DnsName, InstanceName},
};

mod problem;

use problem::ProviderProblem;

/// Go's runtime does not start in less.
const MIN_MEMORY: u64 = 16 << 20;
/// A person may wait for one of the orders.
const MAX_BATCH_WINDOW: Duration = Duration::from_secs(60);

/// The providers.
#[derive(Default)]
pub(super) struct Providers {
    pub built: Vec<Provider>,
    /// A name or zone could not be read: what looks unserved may be served.
    pub uncertain: bool,
}

/// One provider instance.
pub(super) struct Provider {
    pub location: Location,
    pub config: ProviderConfig,
    /// Suffixes it serves and where they are written; `None`: every name that no other serves.
    pub zones: Option<Vec<(Location, DnsName)>>,
}

impl Builder<'_> {
    pub(super) fn providers(&mut self, entries: Entries<raw::Provider>, plugins: &Plugins) -> Providers {
        let mut providers = Providers::default();
        for (name, location, raw) in entries.into_each() {
            let zones = self.provider_zones(&location, raw.zones.as_deref(), &mut providers.uncertain);
            match self.provider(&name, &location, raw, plugins) {
                Some(config) => providers.built.push(Provider {
                    location,
                    config,
                    zones,
                }),
                None => providers.uncertain = true,
            }
        }
        providers
    }

    /// Faulty parts are replaced by their defaults, so that its names count as served.
    fn provider(
        &mut self,
        name: &str,
        location: &Location,
        raw: raw::Provider,
        plugins: &Plugins,
    ) -> Option<ProviderConfig> {
        let library = match &raw.library {
            Some(Text(text)) => self.library(&location.key("library"), text, &plugins.directories),
            None => {
                self.findings
                    .missing(location, "library", &ProviderProblem::NoLibrary(name.to_owned()));
                None
            }
        };
        let known_library = library.is_some();
        let sha256 = raw.sha256.and_then(|Text(text)| {
            let pin = digest(&text);
            if pin.is_none() {
                self.findings
                    .value(&location.key("sha256"), &ProviderProblem::Sha256);
            }
            pin
        });
        let memory = match raw.memory {
            None => plugin::DEFAULT_MEMORY,
            Some(ByteSize(bytes)) => {
                if bytes < MIN_MEMORY {
                    self.findings
                        .value(&location.key("memory"), &ProviderProblem::Memory(bytes));
                }
                bytes
            }
        };
        let concurrent_calls = match raw.concurrent_calls {
            None => plugin::MAX_CONCURRENT_CALLS,
            Some(calls) => match usize::try_from(calls) {
                Ok(calls @ 1..=plugin::MAX_CONCURRENT_CALLS) => calls,
                _ => {
                    self.findings.value(
                        &location.key("concurrent-calls"),
                        &ProviderProblem::ConcurrentCalls(calls),
                    );
                    1
                }
            },
        };
        let batch_window = raw
            .batch_window
            .map_or(DEFAULT_BATCH_WINDOW, |raw::Duration(time)| time);
        if batch_window > MAX_BATCH_WINDOW {
            self.findings
                .value(&location.key("batch-window"), &ProviderProblem::BatchWindow);
        }
        let Environment { plain, secret } = self.environment(&location.key("environment"), raw.environment);
        let instance: Option<InstanceName> = match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.findings.key(location, &ProviderProblem::Name(error));
                None
            }
        };
        let options = plugin::Options {
            instance: instance?,
            library: library.unwrap_or_default(),
            sha256,
            provider: raw.provider.map(|Text(id)| id),
            environment: plain,
            memory,
            call_timeout: raw
                .call_timeout
                .map_or(plugin::DEFAULT_CALL_TIMEOUT, |raw::Duration(time)| time),
            call_interval: raw
                .call_interval
                .map_or(Duration::ZERO, |raw::Duration(time)| time),
            concurrent_calls,
            allow_exec: raw.allow_exec.is_some_and(|Flag(allowed)| allowed),
            rotates: raw.rotates.is_some_and(|Flag(rotates)| rotates),
        };
        let description = if known_library {
            self.describe(location, &plugins.host, &options)
        } else {
            None
        };
        let description = description
            .as_ref()
            .and_then(|library| self.described(location, library, &options));
        let source = ConfiguredOptions {
            options: self.parameters(&location.key("options"), raw.options, description),
            variables: secret,
        };
        Some(ProviderConfig {
            options,
            batch_window,
            source: Arc::new(source),
        })
    }

    fn library(&mut self, location: &Location, text: &str, directories: &[PathBuf]) -> Option<PathBuf> {
        let candidates = if text.starts_with('/') {
            vec![self.path(location, &Text(text.to_owned()))?]
        } else {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if text.is_empty() || !text.chars().all(plain) {
                self.findings
                    .value(location, &ProviderProblem::LibraryName(text.to_owned()));
                return None;
            }
            let file = plugin::file_name(text);
            directories
                .iter()
                .map(|directory| directory.join(&file))
                .collect()
        };
        if !self.looks() {
            return candidates.into_iter().next();
        }
        if let Some(found) = candidates.iter().find(|path| path.exists()) {
            if found.is_file() {
                return Some(found.clone());
            }
            self.findings
                .value(location, &PathProblem::NotAFile(found.clone()));
            return None;
        }
        let problem = match candidates.as_slice() {
            [path] if text.starts_with('/') => ProviderProblem::LibraryMissing(path.clone()),
            _ => ProviderProblem::LibraryNotFound {
                name: text.to_owned(),
                looked_at: candidates,
            },
        };
        self.findings.value(location, &problem);
        None
    }

    fn describe(
        &mut self,
        location: &Location,
        host: &plugin::HostOptions,
        options: &plugin::Options,
    ) -> Option<Description> {
        match self.descriptions.describe(host, options) {
            Ok(description) => description,
            Err(undescribed) => {
                self.findings.value(
                    &location.key("library"),
                    &ProviderProblem::Undescribed(undescribed),
                );
                None
            }
        }
    }

    /// The provider of the library that is meant.
    fn described<'d>(
        &mut self,
        location: &Location,
        library: &'d Description,
        options: &plugin::Options,
    ) -> Option<&'d ProviderDescription> {
        let known = || {
            library
                .providers
                .iter()
                .map(|provider| provider.id.clone())
                .collect::<Vec<_>>()
        };
        let found = match (&options.provider, library.providers.as_slice()) {
            (Some(id), providers) => {
                let found = providers.iter().find(|provider| provider.id == *id);
                if found.is_none() {
                    let near = nearest(id, providers.iter().map(|provider| provider.id.as_str()));
                    let problem = ProviderProblem::NoSuchProvider {
                        id: id.clone(),
                        near: near.map(str::to_owned),
                        known: known(),
                    };
                    self.findings.value(&location.key("provider"), &problem);
                }
                found
            }
            (None, [only]) => Some(only),
            (None, _) => {
                self.findings
                    .missing(location, "provider", &ProviderProblem::WhichProvider(known()));
                None
            }
        };
        if found.is_some_and(|provider| provider.execs) && !options.allow_exec {
            self.findings
                .missing(location, "allow-exec", &ProviderProblem::Execs);
        }
        found
    }

    fn provider_zones(
        &mut self,
        location: &Location,
        texts: Option<&[Text]>,
        uncertain: &mut bool,
    ) -> Option<Vec<(Location, DnsName)>> {
        let at = location.key("zones");
        let Some(texts) = texts else {
            *uncertain |= self.findings.is_peeled(&at);
            return None;
        };
        if texts.is_empty() {
            self.findings.key(&at, &ProviderProblem::NoZones);
        }
        let mut zones = Vec::new();
        for (index, Text(text)) in texts.iter().enumerate() {
            let location = at.index(index);
            match text.parse() {
                Ok(name) => zones.push((location, name)),
                Err(error) => {
                    *uncertain = true;
                    self.findings.value(
                        &location,
                        &ProviderProblem::Zone {
                            text: text.clone(),
                            error,
                        },
                    );
                }
            }
        }
        Some(zones)
    }
}
