//! What the host allocates: calls, records, results, options, its own services.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::Status;

/// Borrowed text or bytes, `dns01_str`. Frozen for ever: it has no `struct_size`.
///
/// From the host: never NULL, NUL-terminated, no inner NUL, UTF-8; absent is
/// empty (M3).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Str {
    /// First byte.
    pub ptr: *const c_char,
    /// Bytes, without the terminating NUL.
    pub len: usize,
}

impl Str {
    /// The empty string.
    pub const EMPTY: Self = Self {
        ptr: c"".as_ptr(),
        len: 0,
    };

    /// The bytes behind it; none if `ptr` is NULL.
    ///
    /// # Safety
    /// If not NULL, `ptr` points to `len` bytes that stay readable and unchanged
    /// for `'a`.
    #[must_use]
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() {
            return &[];
        }
        // SAFETY: not NULL, and the caller vouches for `len` bytes during 'a.
        unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.len) }
    }
}

impl From<&std::ffi::CStr> for Str {
    /// Borrows: the result is valid no longer than `text`.
    fn from(text: &std::ffi::CStr) -> Self {
        Self {
            ptr: text.as_ptr(),
            len: text.to_bytes().len(),
        }
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// One call in progress, `dns01_call`. Valid until the call returns.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Call {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// 1 for the first try of this operation.
    pub attempt: u32,
    /// For correlating log lines.
    pub call_id: u64,
    /// Time left at entry, > 0.
    pub timeout_ms: i64,
    /// Readable once cancelled; -1: none. To be polled, never read or closed.
    pub cancel_fd: i32,
    /// 0.
    pub reserved0: u32,
}

/// One TXT record to publish or remove, `dns01_record`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Record {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// Wanted TTL in seconds.
    pub ttl: u32,
    /// Owner name to write: lower-case A-labels, absolute, no trailing dot, CNAMEs
    /// already followed.
    pub fqdn: Str,
    /// TXT text, printable ASCII, without quotes.
    pub value: Str,
    /// Zone apex found by SOA walk, empty if unknown: a hint.
    pub zone: Str,
    /// DNS name being validated, without `*.`.
    pub identifier: Str,
    /// `_acme-challenge.<identifier>`, before CNAMEs.
    pub challenge_name: Str,
    /// ACME challenge token, or empty.
    pub token: Str,
    /// `token.thumbprint`, or empty.
    pub key_authorization: Str,
    /// What `present` put into [`ResultSlot::handle`], empty if lost.
    pub handle: Str,
    /// One of [`kind`](super::kind).
    pub kind: u32,
    /// 0.
    pub reserved0: u32,
}

/// Outcome of one record, or of `open`: `dns01_result`.
///
/// The host zeroes it, sets `status` to [`status::UNSET`](super::status::UNSET)
/// and owns both buffers. At most `*_cap` bytes go into them, the terminating NUL
/// included.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ResultSlot {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// One of [`status`](super::status).
    pub status: Status,
    /// Earliest retry, or when to ask `sync` again; 0 unknown.
    pub retry_after_ms: i64,
    /// HTTP status, DNS RCODE, exit status; 0 none.
    pub native_code: i32,
    /// Bits of [`result_flag`](super::result_flag).
    pub flags: u32,
    /// For the operator; truncation is fine.
    pub message: *mut c_char,
    /// Opaque text for `remove`; never truncated.
    pub handle: *mut c_char,
    /// Bytes behind `message`, >= [`Self::MESSAGE_CAP_MIN`].
    pub message_cap: u32,
    /// Bytes behind `handle`, >= [`Self::HANDLE_CAP_MIN`].
    pub handle_cap: u32,
}

impl ResultSlot {
    /// The least that the host offers for a message.
    pub const MESSAGE_CAP_MIN: u32 = 1024;
    /// The least that the host offers for a handle.
    pub const HANDLE_CAP_MIN: u32 = 2048;
}

/// One configuration value, `dns01_option`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct OptionValue {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// The key's [`option_flag`](super::option_flag) bits.
    pub flags: u32,
    /// Key.
    pub key: Str,
    /// Value, in the form that its type names.
    pub value: Str,
}

/// Services of the host, `dns01_host`. Valid until the process ends; every
/// function may be called from any thread.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Host {
    /// Size of the struct on the side that made it (S2).
    pub struct_size: u32,
    /// Highest minor of major 1 that the host knows.
    pub abi_minor: u32,
    /// Name of the host program.
    pub name: *const c_char,
    /// Its version, for a User-Agent.
    pub version: *const c_char,
    /// `(host, call or NULL, level, text, length)`. Copies the text.
    pub log: Option<unsafe extern "C" fn(*const Host, *const Call, i32, *const c_char, usize)>,
    /// `(host, call in progress)`: 1 means stop now.
    pub is_cancelled: Option<unsafe extern "C" fn(*const Host, *const Call) -> i32>,
    /// `(host, call or NULL, key, value)`: durable once it returns OK.
    pub state_put: Option<unsafe extern "C" fn(*const Host, *const Call, Str, Str) -> Status>,
    /// `(host, call or NULL, key, buffer, capacity, whole length)`.
    pub state_get:
        Option<unsafe extern "C" fn(*const Host, *const Call, Str, *mut c_char, usize, *mut usize) -> Status>,
    /// `(host, id)`: optional interface, or NULL.
    pub get_extension: Option<unsafe extern "C" fn(*const Host, *const c_char) -> *const c_void>,
}

// SAFETY: the header promises that the table is valid until the process ends and
// that each function may be called from any thread.
unsafe impl Sync for Host {}
// SAFETY: as above; it owns nothing that belongs to a thread.
unsafe impl Send for Host {}

impl ResultSlot {
    /// A slot as the host hands it out: unset, over the given buffers.
    #[must_use]
    pub const fn unset(message: *mut c_char, message_cap: u32, handle: *mut c_char, handle_cap: u32) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            status: super::status::UNSET,
            retry_after_ms: 0,
            native_code: 0,
            flags: 0,
            message,
            handle,
            message_cap,
            handle_cap,
        }
    }

    /// A slot without buffers, to be completed with struct update syntax.
    pub const UNSET: Self = Self::unset(ptr::null_mut(), 0, ptr::null_mut(), 0);
}
