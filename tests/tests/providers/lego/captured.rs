//! What is logged while a test runs.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Once};

use parking_lot::Mutex;

/// The log of this thread, on which the whole of a `#[tokio::test]` runs.
///
/// One subscriber for the whole program and a buffer for each thread: subscribers that come and go confuse
/// tracing's cache of who is interested in what.
pub struct Captured(Buffer);

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static LISTENING: RefCell<Option<Buffer>> = const { RefCell::new(None) };
}

impl Captured {
    /// From now on.
    pub fn start() -> Captured {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| LISTENING.with_borrow(|buffer| buffer.clone().unwrap_or_default()))
                .init();
        });
        let buffer = Buffer::default();
        LISTENING.set(Some(buffer.clone()));
        Captured(buffer)
    }

    /// All of it so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock()).into_owned()
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        LISTENING.set(None);
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
