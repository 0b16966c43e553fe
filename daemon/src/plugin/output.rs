//! What a plugin prints and logs, on its way to our log: masked, cut, rationed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use dns01_plugin_wire::Log;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::Notify,
    time::Instant,
};

use super::mask::Mask;

/// Longest line; the rest is cut.
const LINE: usize = 8 << 10;
/// Lines at once, and each second after that. What is beyond is counted.
const LINES: Ration = Ration {
    burst: 1000.0,
    per_second: 100.0,
};
/// Bytes at once, and each second after that. What is beyond ends the process: it does nothing but print.
const BYTES: Ration = Ration {
    burst: (16 << 20) as f64,
    per_second: (1 << 20) as f64,
};
/// Lines kept for the report of a process that dies.
const KEPT: usize = 12;

/// Secrets that were said are kept for whoever asks, up to this many: one is enough to act on.
const LEAKS: usize = 16;

/// A secret that a plugin said and should not have; the mask kept it from everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Which way it came.
    pub spoken: Spoken,
    /// The text, masked.
    pub text: String,
}

/// Which way a plugin said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A line on standard output.
    Stdout,
    /// A line on standard error.
    Stderr,
    /// A line through `dns01_host.log`.
    Log,
    /// The message of a result.
    Message,
    /// The handle of a result.
    Handle,
}

/// The mouth of one plugin process.
#[derive(Debug)]
pub struct Voice {
    speaker: String,
    mask: Mask,
    flooded: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    lines: Bucket,
    bytes: Bucket,
    unsaid: u64,
    kept: VecDeque<String>,
    leaks: Vec<Leak>,
}

/// Which way a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// `dns01_host.log` with its level.
    Log(i32),
}

#[derive(Clone, Copy, Debug)]
struct Ration {
    burst: f64,
    per_second: f64,
}

#[derive(Debug)]
struct Bucket {
    ration: Ration,
    left: f64,
    filled: Instant,
}

impl Voice {
    /// A process that has not said anything yet; `speaker` is the provider instance, for the log.
    pub fn new(speaker: String, mask: Mask) -> Self {
        let state = State {
            lines: Bucket::new(LINES),
            bytes: Bucket::new(BYTES),
            unsaid: 0,
            kept: VecDeque::new(),
            leaks: Vec::new(),
        };
        Voice {
            speaker,
            mask,
            flooded: Notify::new(),
            state: Mutex::new(state),
        }
    }

    /// Who speaks.
    pub fn speaker(&self) -> &str {
        &self.speaker
    }

    /// The secrets that it must not say.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Text for an operator: without secrets, without control characters.
    pub fn clean(&self, text: &str) -> String {
        let masked = self.mask.apply(text);
        let shown = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        masked.trim_end().chars().map(shown).collect()
    }

    /// Notes a text that holds a secret.
    pub fn overhear(&self, spoken: Spoken, text: &str) {
        if self.mask.finds(text) {
            let text = self.clean(text);
            let leaks = &mut self.state.lock().leaks;
            if leaks.len() < LEAKS {
                leaks.push(Leak { spoken, text });
            }
        }
    }

    /// Secrets that it said so far.
    pub fn leaks(&self) -> Vec<Leak> {
        self.state.lock().leaks.clone()
    }

    /// Waits until it has said more than any plugin should.
    pub async fn flooded(&self) {
        self.flooded.notified().await;
    }

    /// Logs one line, or counts it where there are too many.
    pub fn say(&self, stream: Stream, call: Option<u64>, line: &str) {
        let line = &line[..line.floor_char_boundary(LINE)];
        let line = self.clean(line);
        if line.is_empty() {
            return;
        }
        let unsaid = {
            let mut state = self.state.lock();
            if matches!(stream, Stream::Stderr | Stream::Log(1)) {
                state.keep(&line);
            }
            if !state.lines.take(1.0) {
                state.unsaid += 1;
                return;
            }
            std::mem::take(&mut state.unsaid)
        };
        self.note_unsaid(unsaid);
        let provider = self.speaker.as_str();
        match stream {
            Stream::Stdout => tracing::info!(provider, stream = "stdout", line, "plugin printed"),
            Stream::Stderr => tracing::info!(provider, stream = "stderr", line, "plugin printed"),
            Stream::Log(i32::MIN..=1) => tracing::error!(provider, call, line, "plugin logged"),
            Stream::Log(2) => tracing::warn!(provider, call, line, "plugin logged"),
            Stream::Log(3) => tracing::info!(provider, call, line, "plugin logged"),
            Stream::Log(4) => tracing::debug!(provider, call, line, "plugin logged"),
            Stream::Log(5..) => tracing::trace!(provider, call, line, "plugin logged"),
        }
    }

    /// Logs a line of `dns01_host.log`.
    pub fn hear(&self, log: &Log) {
        self.weigh(log.text.len());
        self.overhear(Spoken::Log, &log.text);
        self.say(Stream::Log(log.level), log.call, &log.text);
    }

    /// Counts what arrived, shown or not.
    pub fn weigh(&self, bytes: usize) {
        if !self.state.lock().bytes.take(bytes as f64) {
            self.flooded.notify_one();
        }
    }

    /// The last lines before the end, and a note of those that were not shown.
    pub fn last_words(&self) -> Vec<String> {
        let (unsaid, kept) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.unsaid), state.kept.drain(..).collect())
        };
        self.note_unsaid(unsaid);
        kept
    }

    fn note_unsaid(&self, lines: u64) {
        if lines > 0 {
            tracing::warn!(
                provider = self.speaker.as_str(),
                lines,
                "plugin wrote more lines than are logged"
            );
        }
    }
}

/// Reads a pipe to its end and logs its lines. Cut lines are masked before they are cut, so that no half of
/// a secret gets through.
pub async fn listen(mut pipe: impl AsyncRead + Unpin, stream: Stream, voice: Arc<Voice>) {
    let room = LINE + voice.mask.longest();
    let mut line: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 8 << 10];
    loop {
        let read = match pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        voice.weigh(read);
        for piece in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
            let fits = piece.len().min(room.saturating_sub(line.len()));
            line.extend_from_slice(&piece[..fits]);
            if piece.ends_with(b"\n") {
                speak(&voice, stream, &line);
                line.clear();
            }
        }
    }
    speak(&voice, stream, &line);
}

fn speak(voice: &Voice, stream: Stream, line: &[u8]) {
    if !line.is_empty() {
        let text = String::from_utf8_lossy(line);
        let spoken = match stream {
            Stream::Stdout => Spoken::Stdout,
            Stream::Stderr => Spoken::Stderr,
            Stream::Log(_) => Spoken::Log,
        };
        voice.overhear(spoken, &text);
        voice.say(stream, None, &voice.mask.apply(&text));
    }
}

impl State {
    fn keep(&mut self, line: &str) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(line.to_owned());
    }
}

impl Bucket {
    fn new(ration: Ration) -> Self {
        Bucket {
            ration,
            left: ration.burst,
            filled: Instant::now(),
        }
    }

    fn take(&mut self, amount: f64) -> bool {
        let now = Instant::now();
        let more = now.duration_since(self.filled).max(Duration::ZERO).as_secs_f64() * self.ration.per_second;
        self.left = (self.left + more).min(self.ration.burst);
        self.filled = now;
        if self.left < amount {
            return false;
        }
        self.left -= amount;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(secrets: &[&str]) -> Arc<Voice> {
        Arc::new(Voice::new("dns".to_owned(), Mask::new(secrets.iter().copied())))
    }

    #[tokio::test]
    async fn a_secret_split_between_two_writes_is_masked() {
        let voice = voice(&["hunter2hunter2"]);
        let pipe = pieces(&[b"token=hunter2", b"hunter2 refused\nnext", b" line"]);
        listen(pipe, Stream::Stderr, Arc::clone(&voice)).await;
        assert_eq!(voice.last_words(), ["token=*** refused", "next line"]);
    }

    #[tokio::test]
    async fn a_secret_across_the_cut_of_a_long_line_is_masked() {
        let voice = voice(&["hunter2hunter2"]);
        for before in LINE - 14..LINE + 2 {
            let line = format!("{}hunter2hunter2{}\n", "x".repeat(before), "y".repeat(10_000));
            let pipe = pieces(&[line.as_bytes()]);
            listen(pipe, Stream::Stderr, Arc::clone(&voice)).await;
            let words = voice.last_words();
            assert!(words[0].len() <= LINE && !words[0].contains('h'), "{before}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_and_reported_once() {
        let voice = voice(&[]);
        let flood = "noise\n".repeat(4 << 20);
        listen(flood.as_bytes(), Stream::Stdout, Arc::clone(&voice)).await;
        tokio::time::timeout(Duration::from_secs(1), voice.flooded())
            .await
            .expect("noticed");
        assert!(voice.state.lock().unsaid > 1_000_000);
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let rt = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        rt.block_on(async { assert_eq!(voice(&[]).clean("\u{1b}[31mred\r\n"), "\u{fffd}[31mred") });
    }

    /// A reader that gives one piece per read.
    fn pieces(all_pieces: &[&[u8]]) -> impl AsyncRead + Unpin + use<> {
        let mut all: Box<dyn AsyncRead + Unpin + Send> = Box::new(tokio::io::empty());
        for piece in all_pieces.iter().rev() {
            all = Box::new(std::io::Cursor::new(piece.to_vec()).chain(all));
        }
        all
    }
}
