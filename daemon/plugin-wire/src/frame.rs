//! Length-prefixed JSON: four bytes little-endian, then that many bytes.
//!
//! Any frame may carry a secret, so every buffer is wiped when dropped and none is ever reallocated.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Longest body. A bridge that describes two hundred providers needs a quarter of a megabyte.
pub const MAX_FRAME: usize = 16 << 20;
/// Bytes of the length in front of each body.
pub const HEADER: usize = 4;

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other end closed the connection between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The other end closed the connection inside a frame.
    #[error("the connection was closed in the middle of a frame")]
    Truncated,
    /// A length over [`MAX_FRAME`].
    #[error("a frame of {0} bytes is over the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// Not the JSON that was expected. Tells the place and never the content, which may be secret.
    #[error("a frame is malformed at byte {at}: {what}")]
    Malformed {
        /// Offset in the body.
        at: usize,
        /// The kind of fault.
        what: &'static str,
    },
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// Makes a whole frame, header included.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn encode<T: Serialize>(message: &T) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    // measured first: a growing buffer would leave copies of secrets behind
    let mut length = Measure(0);
    serde_json::to_writer(&mut length, message).map_err(malformed)?;
    if length.0 > MAX_FRAME {
        return Err(FrameError::TooLong(length.0));
    }
    let mut frame = Zeroizing::new(Vec::with_capacity(HEADER + length.0));
    frame.extend_from_slice(&(length.0 as u32).to_le_bytes());
    serde_json::to_writer(&mut *frame, message).map_err(malformed)?;
    Ok(frame)
}

/// The length that a header announces.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn body_length(header: [u8; HEADER]) -> Result<usize, FrameError> {
    let length = u32::from_le_bytes(header) as usize;
    if length > MAX_FRAME {
        Err(FrameError::TooLong(length))
    } else {
        Ok(length)
    }
}

/// Reads a body.
///
/// # Errors
/// [`FrameError::Malformed`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(malformed)
}

/// Reads one frame from a blocking stream.
///
/// # Errors
/// Any [`FrameError`]; [`FrameError::Closed`] is the orderly end.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<T, FrameError> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match stream.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(FrameError::Truncated),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut body = Zeroizing::new(vec![0; body_length(header)?]);
    stream.read_exact(&mut body).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => FrameError::Io(error),
    })?;
    decode(&body)
}

/// Writes one frame to a blocking stream.
///
/// # Errors
/// [`FrameError::TooLong`], [`FrameError::Io`].
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    Ok(())
}

fn malformed(error: serde_json::Error) -> FrameError {
    let what = match error.classify() {
        serde_json::error::Category::Io => "input or output failed",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "not the message expected here",
        serde_json::error::Category::Eof => "the JSON ends early",
    };
    // frames hold no newline, so the column is the offset
    FrameError::Malformed {
        at: error.column(),
        what,
    }
}

struct Measure(usize);

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
