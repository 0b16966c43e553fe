//! The library's tables, copied and checked.

use std::{collections::HashSet, ffi::CString};

use dns01_plugin_api::abi::{self, AbiStruct, Undersized, option_flag, provider_flag};
use dns01_plugin_wire::{Description, OptionDescription, OptionKind, ProviderDescription, TableFault};

use super::text::{copy, copy_optional};

/// The largest bridge known opens 200 providers.
const MAX_PROVIDERS: u32 = 4096;
const MAX_OPTIONS: u32 = 1024;
/// Identifiers, names, versions, keys.
const WORD: usize = 256;
/// Titles, addresses, help.
const SENTENCE: usize = 4096;
/// Default values.
const VALUE: usize = 64 << 10;

/// A library's tables.
#[derive(Debug)]
pub struct Tables {
    /// The functions.
    pub plugin: abi::Plugin,
    /// The words.
    pub description: Description,
    /// Flags of all options, in the order of `description`.
    pub option_flags: Vec<Vec<u32>>,
}

/// Copies the tables.
///
/// # Errors
/// The first fault that is found.
///
/// # Safety
/// `plugin` came from a plugin's entry: what it points to keeps to the ABI, or is NULL, misaligned,
/// undersized or ill-formed text.
pub unsafe fn read(plugin: *const abi::Plugin) -> Result<Tables, TableFault> {
    // SAFETY: the caller's promise, also for everything below.
    let plugin = unsafe { fetch(plugin, "the table")? };
    for (present, what) in [
        (plugin.open.is_some(), "dns01_plugin.open"),
        (plugin.close.is_some(), "dns01_plugin.close"),
        (plugin.present.is_some(), "dns01_plugin.present"),
        (plugin.remove.is_some(), "dns01_plugin.remove"),
    ] {
        if !present {
            return Err(TableFault::Null {
                what: what.to_owned(),
            });
        }
    }
    // SAFETY: as above.
    let (name, version, license) = unsafe {
        (
            copy(plugin.name, WORD, "dns01_plugin.name")?,
            copy(plugin.version, WORD, "dns01_plugin.version")?,
            copy_optional(plugin.license, WORD, "dns01_plugin.license")?,
        )
    };
    // SAFETY: as above.
    let entries = unsafe {
        list(
            plugin.providers,
            plugin.provider_count,
            MAX_PROVIDERS,
            "dns01_plugin.providers",
        )?
    };
    let mut providers = Vec::with_capacity(entries.len());
    let mut option_flags = Vec::with_capacity(entries.len());
    let mut seen = HashSet::new();
    for entry in entries {
        // SAFETY: as above.
        let (provider, flags) = unsafe { read_provider(entry)? };
        if !seen.insert(provider.id.clone()) {
            return Err(TableFault::Twice {
                what: "provider".to_owned(),
                id: provider.id,
            });
        }
        providers.push(provider);
        option_flags.push(flags);
    }
    let description = Description {
        name,
        version,
        license,
        abi_minor: plugin.abi_minor,
        providers,
    };
    Ok(Tables {
        plugin,
        description,
        option_flags,
    })
}

impl Tables {
    /// A provider with the flags of its options.
    pub fn provider(&self, id: &str) -> Option<(&ProviderDescription, &[u32])> {
        let at = self
            .description
            .providers
            .iter()
            .position(|provider| provider.id == id)?;
        Some((&self.description.providers[at], &self.option_flags[at]))
    }

    /// The id as C text.
    pub fn c_id(provider: &ProviderDescription) -> CString {
        // checked to be [a-z0-9_.:-]+
        CString::new(provider.id.as_str()).unwrap_or_default()
    }
}

/// # Safety
/// As for [`read`].
unsafe fn read_provider(entry: *const abi::Provider) -> Result<(ProviderDescription, Vec<u32>), TableFault> {
    // SAFETY: the caller's promise.
    let (provider, id) = unsafe {
        let provider = fetch(entry, "a provider")?;
        (provider, copy(provider.id, WORD, "dns01_provider.id")?)
    };
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_.:-".contains(&c);
    check_id("provider", &id, allowed, "[a-z0-9_.:-]+")?;
    // SAFETY: as above.
    let (title, url, entries) = unsafe {
        (
            copy(provider.title, SENTENCE, &format!("the title of provider {id}"))?,
            copy_optional(provider.url, SENTENCE, &format!("the url of provider {id}"))?,
            list(
                provider.options,
                provider.option_count,
                MAX_OPTIONS,
                &format!("the options of provider {id}"),
            )?,
        )
    };
    let mut options = Vec::with_capacity(entries.len());
    let mut flags = Vec::with_capacity(entries.len());
    let mut seen = HashSet::new();
    for entry in entries {
        // SAFETY: as above.
        let (option, flag) = unsafe { read_option(entry)? };
        if !seen.insert(option.key.clone()) {
            return Err(TableFault::Twice {
                what: format!("option of provider {id}"),
                id: option.key,
            });
        }
        options.push(option);
        flags.push(flag);
    }
    let description = ProviderDescription {
        id,
        title,
        url,
        open_config: provider.flags & provider_flag::OPEN_CONFIG != 0,
        execs: provider.flags & provider_flag::EXECS != 0,
        options,
    };
    Ok((description, flags))
}

/// # Safety
/// As for [`read`].
unsafe fn read_option(entry: *const abi::OptionDesc) -> Result<(OptionDescription, u32), TableFault> {
    // SAFETY: the caller's promise.
    let (option, key) = unsafe {
        let option = fetch(entry, "an option")?;
        (option, copy(option.key, WORD, "dns01_option_desc.key")?)
    };
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
    check_id("option", &key, allowed, "[A-Za-z0-9_.-]+")?;
    let kinds = [
        (option_flag::FILE, OptionKind::File),
        (option_flag::INTEGER, OptionKind::Integer),
        (option_flag::BOOLEAN, OptionKind::Boolean),
        (option_flag::DURATION, OptionKind::Duration),
    ];
    let mut kinds = kinds
        .into_iter()
        .filter(|(flag, _)| option.flags & flag != 0)
        .map(|(_, kind)| kind);
    let kind = kinds.next().unwrap_or_default();
    if kinds.next().is_some() {
        return Err(TableFault::Types { key });
    }
    // SAFETY: as above.
    let (help, default) = unsafe {
        (
            copy_optional(option.help, SENTENCE, &format!("the help of option {key}"))?.unwrap_or_default(),
            copy_optional(
                option.default_value,
                VALUE,
                &format!("the default of option {key}"),
            )?,
        )
    };
    let description = OptionDescription {
        help,
        default,
        required: option.flags & option_flag::REQUIRED != 0,
        secret: option.flags & option_flag::SECRET != 0,
        list: option.flags & option_flag::LIST != 0,
        kind,
        key,
    };
    Ok((description, option.flags))
}

/// Copies one struct.
///
/// # Safety
/// `source` is NULL, misaligned, or a struct of the plugin.
unsafe fn fetch<T: AbiStruct>(source: *const T, what: &str) -> Result<T, TableFault> {
    if !source.is_aligned() {
        return Err(TableFault::Misaligned {
            what: what.to_owned(),
        });
    }
    // SAFETY: aligned, and the caller's promise.
    unsafe { abi::read(source) }.map_err(|Undersized { name, found, floor }| match found {
        Some(size) => TableFault::Small {
            what: name.to_owned(),
            size,
            floor,
        },
        None => TableFault::Null {
            what: what.to_owned(),
        },
    })
}

/// Copies an array of pointers.
///
/// # Safety
/// `array` is NULL, misaligned, or `count` pointers of the plugin.
unsafe fn list<T>(
    array: *const *const T,
    count: u32,
    limit: u32,
    what: &str,
) -> Result<Vec<*const T>, TableFault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > limit {
        return Err(TableFault::Many {
            what: format!("the number of {what}"),
            count: u64::from(count),
            limit: u64::from(limit),
        });
    }
    if array.is_null() {
        return Err(TableFault::Null {
            what: what.to_owned(),
        });
    }
    if !array.is_aligned() {
        return Err(TableFault::Misaligned {
            what: what.to_owned(),
        });
    }
    // SAFETY: not NULL, aligned, and the caller vouches for `count` of them.
    Ok(unsafe { std::slice::from_raw_parts(array, count as usize) }.to_vec())
}

fn check_id(what: &str, id: &str, allowed: impl Fn(u8) -> bool, rule: &str) -> Result<(), TableFault> {
    if !id.is_empty() && id.bytes().all(allowed) {
        return Ok(());
    }
    let id = id
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    Err(TableFault::Id {
        what: what.to_owned(),
        id,
        allowed: rule.to_owned(),
    })
}
