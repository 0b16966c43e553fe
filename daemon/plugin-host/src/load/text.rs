//! Text of the plugin, copied.

use std::ffi::{CString, c_char};

use dns01_plugin_api::abi::Str;
use dns01_plugin_wire::TableFault;

/// Copies a C string of at most `limit` bytes.
///
/// # Errors
/// [`TableFault::Null`], or [`TableFault::Text`] when there is no NUL within `limit` bytes.
///
/// # Safety
/// `text` is NULL or points to readable bytes up to a NUL or to `limit` of them.
pub unsafe fn copy(text: *const c_char, limit: usize, what: &str) -> Result<String, TableFault> {
    if text.is_null() {
        return Err(TableFault::Null {
            what: what.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    while bytes.len() <= limit {
        // SAFETY: all bytes before this one were no NUL, so this one is readable.
        match unsafe { text.add(bytes.len()).read() } as u8 {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            byte => bytes.push(byte),
        }
    }
    Err(TableFault::Text {
        what: what.to_owned(),
        limit,
    })
}

/// Like [`copy`], where NULL means absent.
///
/// # Errors
/// [`TableFault::Text`].
///
/// # Safety
/// As for [`copy`].
pub unsafe fn copy_optional(
    text: *const c_char,
    limit: usize,
    what: &str,
) -> Result<Option<String>, TableFault> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { copy(text, limit, what) }.map(Some)
}

/// What fits of a buffer that the plugin wrote a C string into.
///
/// `whole` is false when the plugin wrote up to the end without a NUL.
pub fn in_buffer(buffer: &[u8]) -> (&[u8], bool) {
    match buffer.iter().position(|byte| *byte == 0) {
        Some(end) => (&buffer[..end], true),
        None => (buffer, false),
    }
}

/// Texts that stay where they are while a call uses them.
#[derive(Debug, Default)]
pub struct Arena(Vec<CString>);

/// A text holds a NUL, which the ABI has no way to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InnerNul;

impl Arena {
    /// Keeps a copy of the bytes and lends it; the copy lives as long as the arena.
    pub fn lend(&mut self, bytes: &[u8]) -> Result<Str, InnerNul> {
        let text = CString::new(bytes).map_err(|_| InnerNul)?;
        let lent = Str::from(text.as_c_str());
        self.0.push(text);
        Ok(lent)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for text in self.0.drain(..) {
            // option values may be secret
            drop(zeroize::Zeroizing::new(text.into_bytes()));
        }
    }
}
