//! The services of the host.
#![expect(unsafe_code, reason = "calls the host's functions")]

use std::ffi::{CStr, CString, c_char};
use std::fmt;

use super::{Class, Error};
use crate::abi::{self, log_level, status};

/// Services of the host; valid until the process ends, usable from any thread.
#[derive(Clone, Copy)]
pub struct Host {
    raw: *const abi::Host,
    table: &'static abi::Host,
}

// SAFETY: the header promises that the table is valid until the process ends and
// that its functions may be called from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// A person must act.
    Error,
    /// It will be tried again.
    Warn,
    /// Of interest to an operator.
    Info,
    /// Of interest to an author.
    Debug,
    /// Every step.
    Trace,
}

impl Host {
    /// Takes over what `dns01_plugin_v1` was given.
    ///
    /// # Errors
    /// [`abi::Undersized`] if it is NULL or too small.
    ///
    /// # Safety
    /// `raw` is NULL or keeps the header's promises on `dns01_host`.
    pub(crate) unsafe fn adopt(raw: *const abi::Host) -> Result<Self, abi::Undersized> {
        // SAFETY: the caller's promise.
        let table = unsafe { abi::read(raw)? };
        // one per process (the host calls the entry and `open` once each)
        Ok(Self {
            raw,
            table: Box::leak(Box::new(table)),
        })
    }

    /// Name of the host program, for a User-Agent.
    #[must_use]
    pub fn name(&self) -> &'static str {
        static_text(self.table.name)
    }

    /// Its version, for a User-Agent.
    #[must_use]
    pub fn version(&self) -> &'static str {
        static_text(self.table.version)
    }

    /// Writes a log line that belongs to no call. Never a secret.
    pub fn log(&self, level: Level, line: &str) {
        // SAFETY: NULL says that the line belongs to no call.
        unsafe { self.log_for(std::ptr::null(), level, line) };
    }

    /// # Safety
    /// `call` is NULL or a call in progress.
    pub(crate) unsafe fn log_for(&self, call: *const abi::Call, level: Level, line: &str) {
        let code = match level {
            Level::Error => log_level::ERROR,
            Level::Warn => log_level::WARN,
            Level::Info => log_level::INFO,
            Level::Debug => log_level::DEBUG,
            Level::Trace => log_level::TRACE,
        };
        if let Some(log) = self.table.log {
            // SAFETY: the host's own function with its own pointer; it copies the
            // `len` bytes before it returns.
            unsafe { log(self.raw, call, code, line.as_ptr().cast(), line.len()) };
        }
    }

    /// # Safety
    /// `call` is in progress.
    pub(crate) unsafe fn is_cancelled(&self, call: *const abi::Call) -> bool {
        // SAFETY: the host's own function with its own pointers.
        self.table
            .is_cancelled
            .is_some_and(|ask| unsafe { ask(self.raw, call) } != 0)
    }

    /// Keeps a small value of this instance; it is durable on return. An empty value
    /// removes the key. Keys are `[A-Za-z0-9_.-]+` of at most 64 bytes, values at
    /// most 64 KiB; they may hold secrets.
    ///
    /// # Errors
    /// What the host answered.
    pub fn state_put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let key_text = key_text(key)?;
        // NUL-terminated as every text, though its length counts
        let mut terminated = Vec::with_capacity(value.len() + 1);
        terminated.extend_from_slice(value);
        terminated.push(0);
        let borrowed = abi::Str {
            ptr: terminated.as_ptr().cast(),
            len: value.len(),
        };
        let put = self
            .table
            .state_put
            .ok_or_else(|| no_state(key, status::UNSUPPORTED))?;
        // SAFETY: both texts outlive the call; NULL is a legal `call`.
        let answer = unsafe { put(self.raw, std::ptr::null(), key_text.as_c_str().into(), borrowed) };
        zeroize::Zeroize::zeroize(&mut terminated);
        if answer == status::OK {
            Ok(())
        } else {
            Err(no_state(key, answer))
        }
    }

    /// The kept value, `None` if there is none.
    ///
    /// # Errors
    /// What the host answered.
    pub fn state_get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let key_text = key_text(key)?;
        let get = self
            .table
            .state_get
            .ok_or_else(|| no_state(key, status::UNSUPPORTED))?;
        let mut buffer = vec![0u8; 4096];
        loop {
            let mut len = 0usize;
            let target: *mut c_char = buffer.as_mut_ptr().cast();
            // SAFETY: the host writes at most `buffer.len()` bytes and one length.
            let answer = unsafe {
                get(
                    self.raw,
                    std::ptr::null(),
                    key_text.as_c_str().into(),
                    target,
                    buffer.len(),
                    &raw mut len,
                )
            };
            match (answer, len) {
                (status::OK, 0) => return Ok(None),
                (status::OK, len) if len <= buffer.len() => {
                    buffer.truncate(len);
                    return Ok(Some(buffer));
                }
                // it was larger than the buffer, or grew meanwhile: ask again
                (status::OK, len) => buffer.resize(len, 0),
                (other, _) => return Err(no_state(key, other)),
            }
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({} {})", self.name(), self.version())
    }
}

fn key_text(key: &str) -> Result<CString, Error> {
    CString::new(key).map_err(|_| Error::new(Class::Internal, "a state key holds a NUL"))
}

fn no_state(key: &str, answer: abi::Status) -> Error {
    let class = match answer {
        100..200 => Class::Transient,
        status::UNSUPPORTED => Class::Unsupported,
        200..300 => Class::Permanent,
        _ => Class::Internal,
    };
    Error::new(
        class,
        format!("the host did not take or give the state `{key}` (status {answer})"),
    )
}

/// Text of the host's table, empty if NULL or not UTF-8.
fn static_text(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: not NULL; the table's strings are NUL-terminated and live until the
    // process ends.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}
