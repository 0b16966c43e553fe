//! The socket to the daemon.
//!
//! Whoever sends writes at once: handing the message to another thread would cost as much as the whole rest of
//! a call. Log lines alone go through a queue with a thread that writes them, and what is sent while some wait
//! queues up behind them.

use std::{
    collections::HashMap,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use dns01_plugin_api::abi::log_level;
use dns01_plugin_wire::{FromHost, Log, Sensitive, StateAnswer, StateQuestion, StateRequest, status, write};
use parking_lot::Mutex;

use crate::confine::exit_now;

/// Messages that wait to be written. At 8 KiB a log line this bounds them to 2 MiB.
const QUEUE: usize = 256;
/// The daemon answers from its own disk; what takes longer than this will not come.
const STATE_WAIT: Duration = Duration::from_secs(30);
/// Names the cause in the daemon's report: the socket failed.
const SOCKET_FAILED: i32 = 74;

/// Sends to the daemon.
#[derive(Clone, Debug)]
pub struct Link(Arc<Inner>);

#[derive(Debug)]
enum Item {
    Message(FromHost),
    // answered when everything before it is written
    Mark(SyncSender<()>),
}

#[derive(Debug)]
struct Inner {
    socket: Mutex<UnixStream>,
    queue: SyncSender<Item>,
    /// Items that are queued and not written yet.
    queued: AtomicUsize,
    dropped: AtomicU64,
    next_question: AtomicU64,
    questions: Mutex<HashMap<u64, SyncSender<StateAnswer>>>,
}

impl Link {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(socket: UnixStream) -> std::io::Result<Link> {
        let (queue, waiting) = sync_channel(QUEUE);
        let link = Link(Arc::new(Inner {
            socket: Mutex::new(socket),
            queue,
            queued: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            next_question: AtomicU64::new(1),
            questions: Mutex::new(HashMap::new()),
        }));
        let writer = link.clone();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .stack_size(256 << 10)
            .spawn(move || writer.write_queued(&waiting))?;
        Ok(link)
    }

    /// Sends a message, waiting for room.
    pub fn send(&self, message: FromHost) {
        // what this thread has queued before it counts until it is written, so its messages keep their order
        if self.0.queued.load(Ordering::Acquire) == 0 {
            self.write(&message);
        } else {
            self.0.queued.fetch_add(1, Ordering::Relaxed);
            // the writer never ends while the process lives
            let _ = self.0.queue.send(Item::Message(message));
        }
    }

    /// Sends a log line, or drops it where the daemon does not keep up: a plugin must not block on its own
    /// logging. A later line tells how many are missing.
    pub fn log(&self, log: Log) {
        if self.0.dropped.load(Ordering::Relaxed) > 0 {
            let count = self.0.dropped.swap(0, Ordering::Relaxed);
            let note = Log {
                level: log_level::WARN,
                call: None,
                text: format!("{count} log lines of the plugin were dropped"),
            };
            if !self.queue_line(note) {
                self.0.dropped.fetch_add(count, Ordering::Relaxed);
            }
        }
        if !self.queue_line(log) {
            self.drop_line();
        }
    }

    /// False where there is no room.
    fn queue_line(&self, log: Log) -> bool {
        self.0.queued.fetch_add(1, Ordering::Relaxed);
        let queued = self.0.queue.try_send(Item::Message(FromHost::Log(log))).is_ok();
        if !queued {
            self.0.queued.fetch_sub(1, Ordering::Release);
        }
        queued
    }

    /// Waits until everything that was sent is written.
    pub fn flush(&self) {
        let (written, wait) = sync_channel(1);
        if self.0.queue.send(Item::Mark(written)).is_ok() {
            let _ = wait.recv();
        }
    }

    /// Counts a line that was not even tried.
    pub fn drop_line(&self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks about the instance's durable state and waits for the answer.
    pub fn ask(&self, question: StateQuestion) -> StateAnswer {
        let id = self.0.next_question.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = sync_channel(1);
        self.0.questions.lock().insert(id, reply);
        self.send(FromHost::State(StateRequest { id, question }));
        let late = StateAnswer {
            id,
            status: status::TRANSIENT,
            value: Sensitive::default(),
        };
        let answer = answer.recv_timeout(STATE_WAIT).unwrap_or(late);
        self.0.questions.lock().remove(&id);
        answer
    }

    /// Hands an answer of the daemon to the thread that waits for it.
    pub fn answered(&self, answer: StateAnswer) {
        let waiting = self.0.questions.lock().remove(&answer.id);
        if let Some(waiting) = waiting {
            let _ = waiting.try_send(answer);
        }
    }

    fn write(&self, message: &FromHost) {
        let written = write(&mut *self.0.socket.lock(), message);
        if let Err(error) = written {
            // without a daemon there is nobody to work for
            eprintln!("dns01-plugin-host: {error}");
            exit_now(SOCKET_FAILED);
        }
    }

    fn write_queued(&self, waiting: &Receiver<Item>) {
        while let Ok(item) = waiting.recv() {
            match item {
                Item::Message(message) => {
                    self.write(&message);
                    self.0.queued.fetch_sub(1, Ordering::Release);
                }
                Item::Mark(written) => {
                    let _ = written.try_send(());
                }
            }
        }
    }
}
