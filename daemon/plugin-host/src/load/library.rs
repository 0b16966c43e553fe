//! Mapping the library and finding its entry.

use std::{
    error::Error,
    ffi::CString,
    os::fd::{AsRawFd, BorrowedFd},
};

use dns01_plugin_api::abi::{ENTRY_SYMBOL, EntryFn};
use dns01_plugin_wire::LoadFault;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// Majors that a library for another host may speak.
const OTHER_MAJORS: std::ops::RangeInclusive<u32> = 2..=9;

/// Maps the library behind the descriptor, for ever, and returns its entry.
///
/// # Errors
/// [`LoadFault::Loader`], [`LoadFault::OtherAbi`], [`LoadFault::NoEntry`].
pub fn load(file: BorrowedFd<'_>) -> Result<EntryFn, LoadFault> {
    // by descriptor, so that what was checked is what is loaded
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: runs the library's initialisers, which is what a plugin host is for; the process is confined.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| LoadFault::Loader {
        // the loader's own words are the cause
        what: without_path(
            &error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string),
            &path,
        ),
    })?;
    // never unloaded: Rust, Go and OpenSSL all break on dlclose
    let library: &'static Library = Box::leak(Box::new(library));

    // SAFETY: the symbol's name carries the major version of the type.
    if let Ok(entry) = unsafe { library.get::<EntryFn>(ENTRY_SYMBOL.to_bytes_with_nul()) } {
        return Ok(*entry);
    }
    let other = OTHER_MAJORS.into_iter().find(|major| {
        let symbol = CString::new(format!("dns01_plugin_v{major}")).unwrap_or_default();
        // SAFETY: only its presence is looked at.
        unsafe { library.get::<*const ()>(symbol.as_bytes_with_nul()) }.is_ok()
    });
    Err(other.map_or(LoadFault::NoEntry, |found| LoadFault::OtherAbi { found }))
}

/// The loader names the file by its descriptor, which tells an operator nothing.
fn without_path(error: &str, path: &str) -> String {
    error.replace(&format!("{path}: "), "")
}
