//! Options: declared once, described to the host from that, read as their type.
//!
//! ```
//! use dns01_plugin_api::{Opt, OptionSpec, Secret};
//! use std::time::Duration;
//!
//! const TOKEN: Opt<Secret> = Opt::required("token", "API token with edit rights on the zone");
//! const ZONE: Opt<Option<String>> = Opt::optional("zone", "zone, if it cannot be found by name");
//! const TIMEOUT: Opt<Duration> = Opt::with_default("timeout", "10000", "limit of one request");
//! const OPTIONS: &[OptionSpec] = &[TOKEN.spec(), ZONE.spec(), TIMEOUT.spec()];
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Description, Error};
use crate::abi::option_flag;

/// Text that is wiped when dropped and that no `Debug` shows.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: never into a log, a message or a handle.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// What the host is told of one option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OptionSpec {
    pub(crate) key: &'static str,
    pub(crate) help: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) flags: u32,
}

impl OptionSpec {
    /// Its name in the configuration.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }
}

/// A declared option whose value is read as `T`: one of the types of [`Value`], an
/// `Option` of it, or a `Vec` for a list.
#[derive(Debug)]
pub struct Opt<T> {
    spec: OptionSpec,
    reads: PhantomData<fn() -> T>,
}

/// A type that one option value can have.
///
/// [`String`] (text), [`Secret`], [`PathBuf`] (a file that the provider reads: the
/// sandbox lets it), `i64` and `u32` (integer), [`bool`], [`Duration`] (given to
/// [`Opt::with_default`] in milliseconds).
pub trait Value: Sized {
    /// Its [`option_flag`] bits.
    const FLAGS: u32;

    /// Reads it, or says what it is not: `a whole number`.
    ///
    /// # Errors
    /// What was expected.
    fn parse(text: &str) -> Result<Self, &'static str>;
}

impl<T: Value> Opt<T> {
    /// The operator must give it.
    #[must_use]
    pub const fn required(key: &'static str, help: &'static str) -> Self {
        Self::declare(key, help, None, T::FLAGS | option_flag::REQUIRED)
    }

    /// It has a value if the operator says nothing.
    #[must_use]
    pub const fn with_default(key: &'static str, default: &'static str, help: &'static str) -> Self {
        Self::declare(key, help, Some(default), T::FLAGS)
    }
}

impl<T: Value> Opt<Option<T>> {
    /// It may be absent.
    #[must_use]
    pub const fn optional(key: &'static str, help: &'static str) -> Self {
        Self::declare(key, help, None, T::FLAGS)
    }
}

impl<T: Value> Opt<Vec<T>> {
    /// Any number of values, in order.
    #[must_use]
    pub const fn list(key: &'static str, help: &'static str) -> Self {
        Self::declare(key, help, None, T::FLAGS | option_flag::LIST)
    }

    /// One value at least, in order.
    #[must_use]
    pub const fn required_list(key: &'static str, help: &'static str) -> Self {
        Self::declare(
            key,
            help,
            None,
            T::FLAGS | option_flag::LIST | option_flag::REQUIRED,
        )
    }
}

impl<T> Opt<T> {
    const fn declare(
        key: &'static str,
        help: &'static str,
        default: Option<&'static str>,
        flags: u32,
    ) -> Self {
        Self {
            spec: OptionSpec {
                key,
                help,
                default,
                flags,
            },
            reads: PhantomData,
        }
    }

    /// What the host is told, for [`Description::options`].
    #[must_use]
    pub const fn spec(&self) -> OptionSpec {
        self.spec
    }

    /// Its name in the configuration, for messages.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.spec.key
    }
}

/// The options of one instance. Values are wiped when dropped; `Debug` shows keys.
#[derive(Default)]
pub struct Options {
    values: Vec<(String, Zeroizing<String>)>,
}

impl Options {
    /// Takes what the host gave and holds it against the description.
    ///
    /// # Errors
    /// A key that is unknown, or given twice without being a list.
    pub(crate) fn accept(
        description: &Description,
        values: Vec<(String, Zeroizing<String>)>,
    ) -> Result<Self, Error> {
        for (at, (key, _)) in values.iter().enumerate() {
            let spec = description.options.iter().find(|spec| spec.key == key);
            if spec.is_none() && !description.open_config {
                return Err(Error::config(format!(
                    "provider {} has no option `{key}`",
                    description.id
                )));
            }
            let is_list = spec.is_some_and(|spec| spec.flags & option_flag::LIST != 0);
            if !is_list && values[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(Error::config(format!("option `{key}` is given twice")));
            }
        }
        Ok(Self { values })
    }

    /// Reads an option as its type. An empty value counts as absent.
    ///
    /// # Errors
    /// [`Class::Config`](super::Class::Config), naming the option: it is missing or
    /// malformed.
    pub fn read<T: Read>(&self, option: &Opt<T>) -> Result<T, Error> {
        T::read(&option.spec, self.of(option.key()))
    }

    /// All values with their keys, as text: for providers of
    /// [`Description::open_config`]. May hold secrets.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |(found, value)| *found == key && !value.is_empty())
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.values.iter().map(|(key, _)| key))
            .finish()
    }
}

/// How an [`Opt`] is read; implemented for each [`Value`], its `Option` and its `Vec`.
pub trait Read: Sized {
    /// Reads it from the values given for its key.
    ///
    /// # Errors
    /// The option is missing or malformed.
    fn read<'a>(spec: &OptionSpec, values: impl Iterator<Item = &'a str>) -> Result<Self, Error>;
}

impl<T: Value> Read for Option<T> {
    fn read<'a>(spec: &OptionSpec, mut values: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        values
            .next()
            .or(spec.default)
            .map(|text| parse(spec, text))
            .transpose()
    }
}

impl<T: Value> Read for Vec<T> {
    fn read<'a>(spec: &OptionSpec, values: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let values = values
            .map(|text| parse(spec, text))
            .collect::<Result<Self, Error>>()?;
        if values.is_empty() && spec.flags & option_flag::REQUIRED != 0 {
            return Err(missing(spec));
        }
        Ok(values)
    }
}

/// One value: the host has seen to `required` and `default`, which hold here too.
macro_rules! single_value {
    ($($type:ty, $flags:expr, $text:ident => $parse:expr;)*) => {$(
        impl Value for $type {
            const FLAGS: u32 = $flags;

            fn parse($text: &str) -> Result<Self, &'static str> {
                $parse
            }
        }

        impl Read for $type {
            fn read<'a>(spec: &OptionSpec, values: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
                Option::<Self>::read(spec, values)?.ok_or_else(|| missing(spec))
            }
        }
    )*};
}

single_value! {
    String, 0, text => Ok(text.to_owned());
    Secret, option_flag::SECRET, text => Ok(Self::new(text.to_owned()));
    PathBuf, option_flag::FILE, text => Ok(Self::from(text));
    i64, option_flag::INTEGER, text => text.parse().map_err(|_| "a whole number");
    u32, option_flag::INTEGER, text => text.parse().map_err(|_| "a whole number from 0 to 4294967295");
    bool, option_flag::BOOLEAN, text => text.parse().map_err(|_| "true or false");
    Duration, option_flag::DURATION, text =>
        text.parse().map(Self::from_millis).map_err(|_| "a duration in whole milliseconds");
}

fn parse<T: Value>(spec: &OptionSpec, text: &str) -> Result<T, Error> {
    T::parse(text).map_err(|expected| {
        let key = spec.key;
        Error::config(if spec.flags & option_flag::SECRET != 0 {
            format!("option `{key}` is not {expected}")
        } else {
            format!("option `{key}` is not {expected}: `{text}`")
        })
    })
}

fn missing(spec: &OptionSpec) -> Error {
    Error::config(format!("option `{}` is missing: {}", spec.key, spec.help))
}
