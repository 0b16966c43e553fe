//! What a program prints: lines for the log, the end of it for an error, its standard output for whoever wants it.

use std::collections::VecDeque;

/// A longer line is cut here: an operator reads it, a parser never.
const LINE: usize = 500;
/// More than this is read and thrown away: a program that prints without end must not fill a disk.
const LOGGED: usize = 64 << 10;
/// Lines that an error shows.
const KEPT_LINES: usize = 5;
/// Bytes that an error shows: with the rest of its sentence they fit the 1,024 that every host takes
/// (`dns01_result.message_cap`).
const KEPT: usize = 600;

/// What one program has printed so far.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: Lines,
    stderr: Lines,
    captured: Option<Vec<u8>>,
    capture: usize,
    logged: usize,
}

/// One of its streams.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of a line whose end has not been read yet.
    begun: Vec<u8>,
    /// The last ones.
    kept: VecDeque<String>,
}

/// Which way it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Output {
    /// Nothing yet; standard output is kept if it is at most `capture` bytes.
    pub(crate) fn new(capture: usize) -> Self {
        Self {
            stdout: Lines::default(),
            stderr: Lines::default(),
            captured: Some(Vec::new()),
            capture,
            logged: 0,
        }
    }

    /// Takes what was read and gives whole lines to `log`.
    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8], mut log: impl FnMut(&str)) {
        if stream == Stream::Stdout
            && let Some(captured) = &mut self.captured
        {
            if captured.len() + bytes.len() > self.capture {
                self.captured = None;
            } else {
                captured.extend_from_slice(bytes);
            }
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let begun = &mut self.lines(stream).begun;
            let room = LINE.saturating_sub(begun.len());
            begun.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line(stream, &mut log);
            }
        }
    }

    /// A stream has come to its end, maybe in the middle of a line.
    pub(crate) fn end(&mut self, mut log: impl FnMut(&str)) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.end_line(stream, &mut log);
        }
    }

    /// The last lines, as one: of standard error, where there are any.
    pub(crate) fn last_words(&self) -> String {
        let lines = if self.stderr.kept.is_empty() {
            &self.stdout.kept
        } else {
            &self.stderr.kept
        };
        let all = lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
        let from = all.ceil_char_boundary(all.len().saturating_sub(KEPT));
        all[from..].to_owned()
    }

    /// Standard output, whatever is no UTF-8 replaced; `None` if there was more than is kept.
    pub(crate) fn captured(&self) -> Option<String> {
        let captured = self.captured.as_ref()?;
        Some(String::from_utf8_lossy(captured).into_owned())
    }

    fn lines(&mut self, stream: Stream) -> &mut Lines {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn end_line(&mut self, stream: Stream, log: &mut impl FnMut(&str)) {
        let bytes = std::mem::take(&mut self.lines(stream).begun);
        let text = clean(&bytes);
        if text.is_empty() {
            return;
        }
        if self.logged < LOGGED {
            self.logged += text.len();
            log(if self.logged < LOGGED {
                &text
            } else {
                "(the program prints more than is logged)"
            });
        }
        let kept = &mut self.lines(stream).kept;
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(text);
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

    fn taken(capture: usize, pieces: &[(Stream, &[u8])]) -> (Output, Vec<String>) {
        let (mut output, mut lines) = (Output::new(capture), Vec::new());
        for (stream, bytes) in pieces {
            output.take(*stream, bytes, |line| lines.push(line.to_owned()));
        }
        output.end(|line| lines.push(line.to_owned()));
        (output, lines)
    }

    #[test]
    fn lines_come_whole_and_cannot_steer_a_terminal() {
        let (_, lines) = taken(
            0,
            &[
                (Stream::Stdout, b"he"),
                (Stream::Stderr, b"oops\x1b[2J\n"),
                (Stream::Stdout, b"llo\r\n\nlast"),
            ],
        );
        assert_eq!(lines, ["oops [2J", "hello", "last"]);
    }

    #[test]
    fn endless_output_is_read_and_not_kept() {
        let (output, lines) = taken(10, &[(Stream::Stdout, &b"0123456789\n".repeat(100_000))]);
        assert!(lines.iter().map(String::len).sum::<usize>() < LOGGED + LINE);
        assert_eq!(lines.last().unwrap(), "(the program prints more than is logged)");
        assert_eq!(output.captured(), None);
        let (_, lines) = taken(0, &[(Stream::Stderr, &[b'x'; 10_000])]);
        assert_eq!(lines, ["x".repeat(LINE)]);
    }

    #[test]
    fn output_that_fits_is_kept_whole() {
        let (output, _) = taken(
            6,
            &[
                (Stream::Stdout, b"id "),
                (Stream::Stderr, b"x"),
                (Stream::Stdout, b"42\n"),
            ],
        );
        assert_eq!(output.captured().unwrap(), "id 42\n");
        let (output, _) = taken(5, &[(Stream::Stdout, b"id "), (Stream::Stdout, b"42\n")]);
        assert_eq!(output.captured(), None);
    }

    #[test]
    fn an_error_shows_the_end_within_its_room() {
        let text: Vec<u8> = (0..100)
            .flat_map(|at| format!("line {at}\n").into_bytes())
            .collect();
        let (output, _) = taken(0, &[(Stream::Stderr, &text)]);
        assert_eq!(output.last_words(), "line 95; line 96; line 97; line 98; line 99");
        let (output, _) = taken(0, &[(Stream::Stderr, "é\n".repeat(900).as_bytes())]);
        assert!(output.last_words().len() <= KEPT);
        let (output, _) = taken(
            0,
            &[(
                Stream::Stderr,
                format!("{}\n", "é".repeat(900)).repeat(3).as_bytes(),
            )],
        );
        assert!(output.last_words().len() <= KEPT);
    }
}
