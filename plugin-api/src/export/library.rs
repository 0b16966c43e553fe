//! The table of the library, built once and never freed (M4).
#![expect(unsafe_code, reason = "hands the tables out")]

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use super::provider::{Description, Provider};
use super::{Batch, Call, Error, Host, Info, Level, Options, entry};
use crate::abi::{self, provider_flag};

/// What [`export_provider!`](crate::export_provider) says of its crate.
pub trait Library: 'static {
    /// Name of the crate.
    const NAME: &'static str;
    /// Version of the crate.
    const VERSION: &'static str;
    /// SPDX expression, empty if the crate gives none.
    const LICENSE: &'static str;
    /// Its providers.
    const PROVIDERS: &'static [Exported];
}

/// [`Provider::open`], its type erased.
pub(super) type OpenFn = fn(Host, &Call<'_>, &Options) -> Result<Box<dyn Erased>, Error>;

/// One provider of the library, its type erased.
#[derive(Clone, Copy)]
pub struct Exported {
    pub(super) description: &'static Description,
    pub(super) open: OpenFn,
}

impl Exported {
    /// The provider `P`.
    #[must_use]
    pub const fn new<P: Provider>() -> Self {
        Self {
            description: &P::DESCRIPTION,
            open: |host, call, options| Ok(Box::new(P::open(host, call, options)?)),
        }
    }
}

impl std::fmt::Debug for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Exported").field(&self.description.id).finish()
    }
}

/// [`Provider`] behind a pointer.
pub trait Erased: Send + Sync {
    /// [`Provider::info`].
    fn info(&self) -> Info;
    /// The operation of this name.
    ///
    /// # Errors
    /// Those of the operation.
    fn run(&self, operation: Operation, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error>;
}

/// The record operations, which have one shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// [`Provider::present`]
    Present,
    /// [`Provider::remove`]
    Remove,
    /// [`Provider::sync`]
    Sync,
    /// [`Provider::check`]
    Check,
    /// [`Provider::setup`]
    Setup,
}

impl<P: Provider> Erased for P {
    fn info(&self) -> Info {
        Provider::info(self)
    }

    fn run(&self, operation: Operation, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        match operation {
            Operation::Present => self.present(call, batch),
            Operation::Remove => self.remove(call, batch),
            Operation::Sync => self.sync(call, batch),
            Operation::Check => self.check(call, batch),
            Operation::Setup => self.setup(call, batch),
        }
    }
}

/// Where the macro keeps the table of its library.
#[derive(Debug, Default)]
pub struct Table(OnceLock<Option<&'static abi::Plugin>>);

impl Table {
    /// Not built yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The body of `dns01_plugin_v1`: the table, or NULL after logging why.
    ///
    /// # Safety
    /// `host` is NULL or keeps the header's promises on `dns01_host`.
    pub unsafe fn enter<L: Library>(&'static self, host: *const abi::Host) -> *const abi::Plugin {
        let built = self.0.get_or_init(|| {
            // SAFETY: the caller's promise.
            let host = unsafe { Host::adopt(host) }.ok()?;
            match entry::guard(build::<L>) {
                Ok(Ok(plugin)) => Some(plugin),
                Ok(Err(fault)) => {
                    host.log(Level::Error, &fault);
                    None
                }
                Err(panicked) => {
                    host.log(Level::Error, panicked.message());
                    None
                }
            }
        });
        built.map_or(std::ptr::null(), std::ptr::from_ref)
    }
}

/// Makes the table; the words of a failure are for the author of the provider.
fn build<L: Library>() -> Result<&'static abi::Plugin, String> {
    let mut providers = Vec::with_capacity(L::PROVIDERS.len());
    for exported in L::PROVIDERS {
        providers.push(std::ptr::from_ref(describe(exported.description)?));
    }
    Ok(Box::leak(Box::new(abi::Plugin {
        struct_size: struct_size::<abi::Plugin>(),
        abi_minor: abi::ABI_MINOR,
        name: text(L::NAME)?,
        version: text(L::VERSION)?,
        license: optional_text(Some(L::LICENSE))?,
        provider_count: count(&providers),
        reserved0: 0,
        providers: providers.leak().as_ptr(),
        open: Some(entry::open::<L>),
        close: Some(entry::close),
        info: Some(entry::info),
        present: Some(entry::present),
        remove: Some(entry::remove),
        sync: Some(entry::sync),
        check: Some(entry::check),
        setup: Some(entry::setup),
        get_extension: None,
    })))
}

fn describe(description: &Description) -> Result<&'static abi::Provider, String> {
    let mut options = Vec::with_capacity(description.options.len());
    for spec in description.options {
        options.push(std::ptr::from_ref::<abi::OptionDesc>(Box::leak(Box::new(
            abi::OptionDesc {
                struct_size: struct_size::<abi::OptionDesc>(),
                flags: spec.flags,
                key: text(spec.key)?,
                help: text(spec.help)?,
                default_value: spec.default.map_or(Ok(std::ptr::null()), text)?,
            },
        ))));
    }
    let open_config = if description.open_config {
        provider_flag::OPEN_CONFIG
    } else {
        0
    };
    let execs = if description.execs {
        provider_flag::EXECS
    } else {
        0
    };
    Ok(Box::leak(Box::new(abi::Provider {
        struct_size: struct_size::<abi::Provider>(),
        flags: open_config | execs,
        id: text(description.id)?,
        title: text(description.title)?,
        url: optional_text(description.url)?,
        option_count: count(&options),
        reserved0: 0,
        options: options.leak().as_ptr(),
    })))
}

/// Text of the tables, which live until the process ends.
fn text(text: &str) -> Result<*const c_char, String> {
    CString::new(text)
        .map(|text| text.into_raw().cast_const())
        .map_err(|_| format!("a text of the plugin's table holds a NUL: {text:?}"))
}

fn optional_text(given: Option<&str>) -> Result<*const c_char, String> {
    given
        .filter(|given| !given.is_empty())
        .map_or(Ok(std::ptr::null()), text)
}

fn count<T>(entries: &[T]) -> u32 {
    u32::try_from(entries.len()).unwrap_or(u32::MAX)
}

fn struct_size<T>() -> u32 {
    // every struct of the ABI has some hundred bytes at most
    size_of::<T>() as u32
}
