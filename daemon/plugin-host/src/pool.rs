//! Threads for a library that allows overlapping calls.

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, channel},
};

use dns01_plugin_wire::{CONCURRENT_CALLS, Call};
use parking_lot::Mutex;

use crate::{
    confine::exit_now,
    load::{ActiveCall, OpenPlugin},
    serve::{BUG, Desk, STACK},
};

type Job = (Call, Arc<ActiveCall>);

/// Threads for overlapping calls, started as they are needed.
pub struct Pool {
    plugin: Arc<OpenPlugin>,
    desk: Desk,
    jobs: Sender<Job>,
    waiting: Arc<Mutex<Receiver<Job>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Pool {
    /// No threads yet.
    pub fn new(plugin: Arc<OpenPlugin>, desk: Desk) -> Self {
        let (jobs, waiting) = channel();
        Pool {
            plugin,
            desk,
            jobs,
            waiting: Arc::new(Mutex::new(waiting)),
            threads: Vec::new(),
        }
    }

    /// Runs the call on a free thread, or on a new one.
    pub fn run(&mut self, call: Call, active: Arc<ActiveCall>) {
        let running = self.desk.running();
        if self.threads.len() < running.min(CONCURRENT_CALLS) {
            self.start_thread();
        }
        // the receiver lives as long as `self`
        let _ = self.jobs.send((call, active));
    }

    fn start_thread(&mut self) {
        let (plugin, desk, waiting) = (
            Arc::clone(&self.plugin),
            self.desk.clone(),
            Arc::clone(&self.waiting),
        );
        let worker = move || {
            loop {
                // the lock is held while waiting: the next free thread takes the next call
                let next = waiting.lock().recv();
                let Ok((call, active)) = next else { return };
                desk.run(&plugin, &call, active);
            }
        };
        match std::thread::Builder::new()
            .name("plugin-call".to_owned())
            .stack_size(STACK)
            .spawn(worker)
        {
            Ok(thread) => self.threads.push(thread),
            // with one thread calls queue; with none they would wait for ever
            Err(error) if self.threads.is_empty() => {
                eprintln!("dns01-plugin-host: {}", crate::serve::Error::Thread(error));
                exit_now(BUG);
            }
            Err(_) => {}
        }
    }

    /// Waits for the calls in progress.
    pub fn finish(self) {
        drop(self.jobs);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
