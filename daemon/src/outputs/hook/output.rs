use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Child,
    task::JoinSet,
};
use tracing::info;

use crate::types::CertificateName;

/// A longer line is cut here: an operator reads it, a parser never.
const MAX_LINE: usize = 500;
/// More than this is not logged: a hook that prints without end must not fill the disk.
const MAX_TOTAL: usize = 64 << 10;

/// What a hook prints, on its way into the log.
pub(super) struct Output {
    // dropping it ends the readers
    readers: JoinSet<()>,
    last_line: Arc<Mutex<Option<String>>>,
}

impl Output {
    pub fn of(child: &mut Child, certificate: &CertificateName) -> Self {
        let mut output = Output {
            readers: JoinSet::new(),
            last_line: Arc::default(),
        };
        if let Some(stdout) = child.stdout.take() {
            output.read(stdout, "stdout", certificate);
        }
        if let Some(stderr) = child.stderr.take() {
            output.read(stderr, "stderr", certificate);
        }
        output
    }

    fn read(
        &mut self,
        mut pipe: impl AsyncRead + Send + Unpin + 'static,
        stream: &'static str,
        certificate: &CertificateName,
    ) {
        let certificate = certificate.clone();
        let last_line = Arc::clone(&self.last_line);
        self.readers.spawn(async move {
            let mut lines = Lines::default();
            let mut buffer = [0; 4096];
            // an error on a pipe is its end; reading on past the limit keeps the hook from blocking
            while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
                lines.take(&buffer[..count], |line| {
                    info!(cert = %certificate, stream, line, "hook output");
                    *last_line.lock() = Some(line.to_owned());
                });
            }
            lines.end(|line| {
                info!(cert = %certificate, stream, line, "hook output");
                *last_line.lock() = Some(line.to_owned());
            });
        });
    }

    /// Waits until the pipes are closed by everybody who holds them.
    pub async fn finished(&mut self) {
        while self.readers.join_next().await.is_some() {}
    }

    pub fn last_line(&self) -> Option<String> {
        self.last_line.lock().clone()
    }
}

/// Cuts a stream of bytes into lines fit for a log.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    total: usize,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], mut found: impl FnMut(&str)) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end(&mut found);
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            }
        }
    }

    fn end(&mut self, mut found: impl FnMut(&str)) {
        let text = clean(&self.line);
        self.line.clear();
        if text.is_empty() || self.total >= MAX_TOTAL {
            return;
        }
        self.total += text.len();
        if self.total >= MAX_TOTAL {
            found("(the hook prints more than is logged)");
        } else {
            found(&text);
        }
    }
}

/// Text without anything that a terminal would act on.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    visible.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        lines.take(bytes, |line| found.push(line.to_owned()));
        lines.end(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn output_cannot_steer_a_terminal() {
        assert_eq!(lines(b"a\x1b[2Jb\r\n\nlast"), ["a [2Jb", "last"]);
    }

    #[test]
    fn endless_output_is_cut() {
        let long = lines(&[b'x'; 10_000]);
        assert_eq!(long.len(), 1);
        assert_eq!(long[0].len(), MAX_LINE);

        let many = lines(&b"0123456789\n".repeat(100_000));
        assert!(many.iter().map(String::len).sum::<usize>() < MAX_TOTAL + 100);
        assert_eq!(
            many.last().map(String::as_str),
            Some("(the hook prints more than is logged)")
        );
    }
}
