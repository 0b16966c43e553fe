//! The calls in progress, and the end of the programs that they started.
//!
//! A program lives no longer than the calls of its plugin: what a cancelled call has running is told to end
//! and then killed, and what is left when the last call returns is killed. While several calls overlap,
//! nobody can say whose a program is; then it is left to the plugin, and at last to the daemon.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustix::process::Signal;

use crate::{confine::Programs, load::ActiveCall};

/// Between SIGTERM and SIGKILL. With it a cancelled plugin can keep to its 2 s (ABI rule C2).
const TERM: Duration = Duration::from_secs(1);

/// The calls in progress.
#[derive(Debug)]
pub struct Calls {
    running: Mutex<HashMap<u64, Arc<ActiveCall>>>,
    programs: Option<Programs>,
}

impl Calls {
    /// None yet; `programs` reaches what they will start, if they may and can.
    pub fn new(programs: Option<Programs>) -> Calls {
        Calls {
            running: Mutex::default(),
            programs,
        }
    }

    /// How many were received and not answered yet.
    pub fn running(&self) -> usize {
        self.running.lock().len()
    }

    /// A call arrives.
    pub fn begin(&self, id: u64) -> Arc<ActiveCall> {
        let call = Arc::new(ActiveCall::new(id));
        self.running.lock().insert(id, Arc::clone(&call));
        call
    }

    /// A call has returned.
    pub fn end(&self, id: u64) {
        let mut running = self.running.lock();
        running.remove(&id);
        // under the lock: no call that begins now has anything running yet
        if let Some(programs) = self.programs.filter(|_| running.is_empty()) {
            programs.signal(Signal::KILL);
        }
    }

    /// Tells a call to stop, and its programs.
    pub fn cancel(self: &Arc<Self>, id: u64) {
        if let Some(call) = self.running.lock().get(&id) {
            call.cancel();
        }
        if self.signal_only(id, Signal::TERM) {
            let calls = Arc::clone(self);
            let kill = move || {
                std::thread::sleep(TERM);
                calls.signal_only(id, Signal::KILL);
            };
            // without a thread to give it is killed at once
            if std::thread::Builder::new()
                .name("programs".to_owned())
                .stack_size(64 << 10)
                .spawn(kill)
                .is_err()
            {
                self.signal_only(id, Signal::KILL);
            }
        }
    }

    /// Signals the programs if there are any to be signalled and this is the only call.
    fn signal_only(&self, id: u64, signal: Signal) -> bool {
        let running = self.running.lock();
        let alone = running.len() == 1 && running.contains_key(&id);
        match self.programs {
            Some(programs) if alone => {
                programs.signal(signal);
                true
            }
            _ => false,
        }
    }
}
