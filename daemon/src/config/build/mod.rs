//! Shapes to options: everything is parsed, looked up and held against the
//! rest here, and every fault is noted without stopping at it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    Config, Descriptions, Faults, NoDescriptions, Plugins,
    findings::{Findings, Location},
    load::Presence,
    option_source::ConfiguredOptions,
    raw::{self, Included, Root},
    yaml::Tree,
};
use crate::plugin::{OptionSource, ProviderDescription};

mod accounts;
mod authority_choice;
mod ca;
mod certificate;
mod chain;
mod challenges;
mod contact;
mod digest;
mod dns;
mod endpoint;
mod environment;
mod external_account;
mod hook;
mod limits;
mod merge;
mod names;
mod output;
mod parameter;
mod paths;
mod preset;
mod provider;
mod request;
pub(super) mod route;
mod secret;
mod system;
mod trial;
mod zone;

use merge::Entries;

/// What all files together say.
#[derive(Debug, Default)]
pub(super) struct Parts {
    main: Option<(usize, Root)>,
    included: Vec<(usize, Included)>,
}

impl Parts {
    /// The main file.
    pub fn main(&mut self, document: usize, root: Root) {
        self.main = Some((document, root));
    }

    /// A file that the main file includes.
    pub fn included(&mut self, document: usize, included: Included) {
        self.included.push((document, included));
    }
}

/// What every part of the building needs.
struct Builder<'a> {
    findings: &'a mut Findings,
    descriptions: &'a dyn Descriptions,
    presence: Presence,
    /// A secret may stand in the configuration itself.
    inline_secrets: bool,
}

impl Builder<'_> {
    /// True when files, programs, users and groups are looked for.
    fn looks(&self) -> bool {
        self.presence == Presence::Checked
    }
}

/// Builds the options of every part. `None` without a main file; with faults
/// in `findings`, the result only stands in for what is missing.
pub(super) fn build(
    parts: Parts,
    files: Vec<PathBuf>,
    descriptions: &dyn Descriptions,
    presence: Presence,
    findings: &mut Findings,
) -> Option<Config> {
    let (document, mut root) = parts.main?;
    let top = Location::top(document);
    let mut cas = Entries::new(&top.key("cas"), root.cas);
    let mut providers = Entries::new(&top.key("providers"), root.providers);
    let mut certificates = Entries::new(&top.key("certificates"), root.certificates);
    let mut zones = Entries::new(&top.key("dns").key("zones"), std::mem::take(&mut root.dns.zones));
    for (document, included) in parts.included {
        let top = Location::top(document);
        cas.add(&top.key("cas"), included.cas, findings);
        providers.add(&top.key("providers"), included.providers, findings);
        certificates.add(&top.key("certificates"), included.certificates, findings);
        zones.add(&top.key("dns").key("zones"), included.dns.zones, findings);
    }

    let mut builder = Builder {
        findings,
        descriptions,
        presence,
        inline_secrets: root
            .allow_inline_secrets
            .is_some_and(|raw::Flag(allowed)| allowed),
    };
    let state_directory = builder.state_directory(&top, root.state_directory);
    let control = builder.control(&top.key("control"), root.control);
    let plugins = builder.plugins(&top.key("plugins"), root.plugins);
    let dns = builder.dns(&top.key("dns"), root.dns, zones);
    let cas = builder.cas(cas);
    let providers = builder.providers(providers, &plugins);
    let routes = builder.routes(&providers);
    let defaults = builder.defaults(&top.key("defaults"), root.defaults, &cas);
    let context = certificate::Context {
        cas: &cas,
        routes: &routes,
        state_directory: &state_directory,
        defaults,
    };
    let certificates = builder.certificates(certificates, context, &top);
    let canary = builder.canary(&top.key("canary"), root.canary);
    let engine = builder.engine(&top.key("engine"), root.engine, canary);
    Some(Config {
        state_directory,
        control,
        log: system::log(root.log),
        plugin_host: plugins.host,
        providers: providers
            .built
            .into_iter()
            .map(|provider| provider.config)
            .collect(),
        routes: routes.routes,
        dns,
        cas: cas.built.into_iter().map(|ca| ca.options).collect(),
        engine,
        certificates,
        drain: system::drain(root.shutdown),
        files,
        warnings: Faults::default(),
    })
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

/// Builds the options of one provider that are written in a file of their own.
pub(super) fn provider_options(
    at: &Location,
    options: BTreeMap<String, Tree>,
    provider: &ProviderDescription,
    findings: &mut Findings,
) -> Arc<dyn OptionSource> {
    let mut builder = Builder {
        findings,
        descriptions: &NoDescriptions,
        presence: Presence::Checked,
        // the file may lie beside the source of a plugin
        inline_secrets: false,
    };
    Arc::new(ConfiguredOptions {
        options: builder.parameters(at, options, Some(provider)),
        variables: Vec::new(),
    })
}

/// Builds what concerns plugins alone, as far as it can be read; `None` without a main file.
pub(super) fn plugins(parts: Parts, findings: &mut Findings) -> Option<Plugins> {
    let (document, root) = parts.main?;
    let top = Location::top(document);
    let mut providers = Entries::new(&top.key("providers"), root.providers);
    for (document, included) in parts.included {
        providers.add(
            &Location::top(document).key("providers"),
            included.providers,
            findings,
        );
    }
    let mut builder = Builder {
        findings,
        descriptions: &NoDescriptions,
        presence: Presence::Checked,
        inline_secrets: root
            .allow_inline_secrets
            .is_some_and(|raw::Flag(allowed)| allowed),
    };
    let plugins = builder.plugins(&top.key("plugins"), root.plugins);
    let providers = builder.providers(providers, &plugins);
    let instances = providers.built.into_iter();
    Some(Plugins {
        instances: instances.map(|provider| provider.config.options).collect(),
        host: plugins.host,
        directories: plugins.directories,
        faulty: false,
    })
}
