//! What the plugin allocates: its immutable tables. And the functions in them.

use std::ffi::{c_char, c_void};

use super::{Call, Host, OptionValue, Record, ResultSlot, Status};

/// One accepted configuration key, `dns01_option_desc`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct OptionDesc {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// Bits of [`option_flag`](super::option_flag).
    pub flags: u32,
    /// `[A-Za-z0-9_.-]+`.
    pub key: *const c_char,
    /// One line.
    pub help: *const c_char,
    /// In the form that `open` gets it; NULL: none.
    pub default_value: *const c_char,
}

/// One provider of the library, `dns01_provider`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Provider {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// Bits of [`provider_flag`](super::provider_flag).
    pub flags: u32,
    /// `[a-z0-9_.:-]+`.
    pub id: *const c_char,
    /// For humans.
    pub title: *const c_char,
    /// Documentation, or NULL.
    pub url: *const c_char,
    /// Entries of `options`.
    pub option_count: u32,
    /// 0.
    pub reserved0: u32,
    /// Array of pointers (S3).
    pub options: *const *const OptionDesc,
}

/// Properties of an open instance, `dns01_instance_info`. The host allocates and
/// zeroes it; zero means no special need, or the host's default.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct InstanceInfo {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// Most records per call.
    pub max_batch: u32,
    /// Bits of [`cap`](super::cap).
    pub caps: u64,
    /// TXT values that fit at one name at once.
    pub max_values_per_name: u32,
    /// Seconds.
    pub min_ttl: u32,
    /// Least time between two calls.
    pub min_call_interval_ms: i64,
    /// Do not look for the record before.
    pub propagation_initial_ms: i64,
    /// Time between two looks.
    pub propagation_interval_ms: i64,
    /// Typical worst case.
    pub propagation_timeout_ms: i64,
    /// Bit `1 << kind`; 0 means DNS01 and CANARY only.
    pub kinds: u32,
    /// 0.
    pub reserved0: u32,
}

/// An open instance, `dns01_instance`: opaque, the plugin's own.
#[derive(Debug)]
#[repr(C)]
pub struct Instance {
    _opaque: [u8; 0],
    _not_send: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
}

/// The one shape of all record operations, `dns01_batch_fn`:
/// `(instance, call, records, results, count)`.
pub type BatchFn = unsafe extern "C" fn(
    *mut Instance,
    *const Call,
    *const *const Record,
    *const *mut ResultSlot,
    usize,
) -> Status;

/// The table of the library, `dns01_plugin`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Plugin {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// [`ABI_MINOR`](super::ABI_MINOR) of the header it was built with.
    pub abi_minor: u32,
    /// Name of the library.
    pub name: *const c_char,
    /// Its version.
    pub version: *const c_char,
    /// SPDX expression, or NULL.
    pub license: *const c_char,
    /// Entries of `providers`.
    pub provider_count: u32,
    /// 0.
    pub reserved0: u32,
    /// Array of pointers (S3).
    pub providers: *const *const Provider,
    /// Required: `(host, provider id, call, options, option count, error, out)`.
    pub open: Option<
        unsafe extern "C" fn(
            *const Host,
            *const c_char,
            *const Call,
            *const *const OptionValue,
            usize,
            *mut ResultSlot,
            *mut *mut Instance,
        ) -> Status,
    >,
    /// Required.
    pub close: Option<unsafe extern "C" fn(*mut Instance)>,
    /// Optional.
    pub info: Option<unsafe extern "C" fn(*mut Instance, *mut InstanceInfo)>,
    /// Required: add the values, keep every other.
    pub present: Option<BatchFn>,
    /// Required: remove exactly these pairs of name and value.
    pub remove: Option<BatchFn>,
    /// Optional: are accepted changes live on all servers of the provider?
    pub sync: Option<BatchFn>,
    /// Optional: dry run; count may be 0.
    pub check: Option<BatchFn>,
    /// Optional: run by the operator, may create what the provider needs.
    pub setup: Option<BatchFn>,
    /// Optional interface by id, or NULL. Any thread.
    pub get_extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
}

/// Type of [`ENTRY_SYMBOL`](super::ENTRY_SYMBOL), `dns01_plugin_entry_fn`.
pub type EntryFn = unsafe extern "C" fn(*const Host) -> *const Plugin;

// SAFETY: the tables are immutable and live until the process ends (M4).
unsafe impl Sync for OptionDesc {}
// SAFETY: as above.
unsafe impl Sync for Provider {}
// SAFETY: as above.
unsafe impl Sync for Plugin {}
// SAFETY: as above; they own nothing that belongs to a thread.
unsafe impl Send for OptionDesc {}
// SAFETY: as above.
unsafe impl Send for Provider {}
// SAFETY: as above.
unsafe impl Send for Plugin {}
