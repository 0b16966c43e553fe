//! What there is to say of the configuration as a whole.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _};

use crate::{app::handle::InForce, config::Config, control::protocol::Verdict, types::InstanceName};

/// Something about the configuration.
pub(in crate::app) struct Configured {
    pub verdict: Verdict,
    pub seen: String,
    pub remedy: Option<String>,
}

/// Of the one that a daemon uses.
pub(in crate::app) fn in_force(in_force: &InForce) -> Vec<Configured> {
    let mut said = vec![good(&in_force.config)];
    let check =
        || Some("`dns01d check` says what is wrong with it, `dns01d reload` takes it over".to_owned());
    if let Some(error) = &in_force.error {
        let first = error.lines().next().unwrap_or_default();
        said.push(Configured {
            verdict: Verdict::Warning,
            seen: format!("the last reload was refused, the one from before is in use: {first}"),
            remedy: check(),
        });
    }
    let loaded_at = in_force.loaded_at.as_millisecond();
    let changed = in_force.config.files.iter().find(|path| {
        path.metadata()
            .is_ok_and(|file| file.mtime() * 1000 + file.mtime_nsec() / 1_000_000 > loaded_at)
    });
    if let (Some(path), None) = (changed, &in_force.error) {
        said.push(Configured {
            verdict: Verdict::Warning,
            seen: format!("{} has changed since the daemon read it", path.display()),
            remedy: Some("`dns01d reload`, then this check again".to_owned()),
        });
    }
    said
}

/// Of one that was read just now.
pub(super) fn good(config: &Config) -> Configured {
    let count = |number: usize, noun: &str| match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    };
    Configured {
        verdict: Verdict::Fine,
        seen: format!(
            "{}, {}, {}; no fault",
            count(config.certificates.len(), "certificate"),
            count(config.cas.len(), "CA"),
            count(config.providers.len(), "provider")
        ),
        remedy: None,
    }
}

/// What each provider instance is made of.
pub(in crate::app) fn libraries(config: &Config) -> BTreeMap<InstanceName, String> {
    let providers = config.providers.iter().map(|provider| {
        let options = &provider.options;
        let of = options
            .provider
            .as_ref()
            .map(|id| format!("{id} of "))
            .unwrap_or_default();
        (
            options.instance.clone(),
            format!("{of}{}", options.library.display()),
        )
    });
    providers.collect()
}
