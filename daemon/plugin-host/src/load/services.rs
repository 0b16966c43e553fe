//! What the host offers a plugin: `dns01_host`.
//!
//! The callbacks may come from any thread and with any pointer. They look pointers up and never follow
//! those that name a call, because a plugin may hold one for too long.

use std::{
    collections::HashMap,
    ffi::{c_char, c_void},
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use dns01_plugin_api::abi::{self, Call, Host, Str, log_level, status};
use dns01_plugin_wire::{Log, Sensitive, StateQuestion, Structs};
use parking_lot::Mutex;

use super::lent::Lent;
use crate::link::Link;

/// The id of the call that opens the instance; record operations count from 1.
pub const OPENING: u64 = 0;
/// Longest log line (`dns01_host.log`).
const LINE: usize = 8 << 10;
/// Log lines at once, and each second after that. More is no diagnosis but noise.
const BURST: u32 = 1000;
const PER_SECOND: u32 = 100;
/// Limits of the durable state (`state_put`).
const STATE_KEY: usize = 64;
const STATE_VALUE: usize = 64 << 10;

static SERVICES: OnceLock<Services> = OnceLock::new();
static HOST: OnceLock<Table> = OnceLock::new();

/// The table that the plugin is lent, for as long as the process lives.
#[derive(Debug)]
struct Table(Lent<Host>);

// SAFETY: it is never written after it was made, and may be read from any thread.
unsafe impl Sync for Table {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Table {}

/// What the callbacks work with. One per process, because the ABI has one instance per process.
#[derive(Debug)]
pub struct Services {
    link: Link,
    serving: AtomicBool,
    log_level: AtomicI32,
    calls: Mutex<HashMap<usize, Arc<ActiveCall>>>,
    bucket: Mutex<Bucket>,
    last_line: Mutex<Option<String>>,
    structs: Structs,
}

/// A call in progress, as the daemon sees it.
#[derive(Debug)]
pub struct ActiveCall {
    id: u64,
    cancelled: AtomicBool,
    event: Option<OwnedFd>,
}

#[derive(Debug)]
struct Bucket {
    left: u32,
    filled: Instant,
}

impl Services {
    /// Sets up the services of this process.
    pub fn start(link: Link, log_level: i32, structs: Structs) -> &'static Services {
        SERVICES.get_or_init(|| Services {
            link,
            serving: AtomicBool::new(false),
            log_level: AtomicI32::new(log_level),
            calls: Mutex::new(HashMap::new()),
            bucket: Mutex::new(Bucket {
                left: BURST,
                filled: now(),
            }),
            last_line: Mutex::new(None),
            structs,
        })
    }

    /// The table for the plugin.
    pub fn table(&self) -> *const Host {
        let table = || Host {
            struct_size: size_of::<Host>() as u32,
            // a later minor has larger structs
            abi_minor: abi::ABI_MINOR + u32::from(self.structs == Structs::Larger),
            name: c"dns01d".as_ptr(),
            version: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(),
            log: Some(log),
            is_cancelled: Some(is_cancelled),
            state_put: Some(state_put),
            state_get: Some(state_get),
            get_extension: Some(get_extension),
        };
        HOST.get_or_init(|| Table(Lent::new(table(), self.structs)))
            .0
            .pointer()
    }

    /// Sizes of what the plugin is lent.
    pub fn structs(&self) -> Structs {
        self.structs
    }

    /// From now on there is an instance, and so a durable state.
    pub fn serve(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// The last line that the plugin logged.
    pub fn last_line(&self) -> Option<String> {
        self.last_line.lock().clone()
    }

    /// Makes a call known for as long as `run` takes.
    pub fn during<T>(&self, call: *const Call, active: Arc<ActiveCall>, run: impl FnOnce() -> T) -> T {
        let address = call.addr();
        self.calls.lock().insert(address, active);
        let result = run();
        self.calls.lock().remove(&address);
        result
    }

    fn call(&self, call: *const Call) -> Option<Arc<ActiveCall>> {
        self.calls.lock().get(&call.addr()).cloned()
    }

    fn log(&self, call: *const Call, level: i32, text: &[u8]) {
        let text = String::from_utf8_lossy(&text[..text.len().min(LINE)]).into_owned();
        *self.last_line.lock() = Some(text.clone());
        let level = level.clamp(log_level::ERROR, log_level::TRACE);
        if level > self.log_level.load(Ordering::Relaxed) {
            return;
        }
        if self.bucket.lock().take() {
            self.link.log(Log {
                level,
                call: self.call(call).map(|call| call.id).filter(|id| *id != OPENING),
                text,
            });
        } else {
            self.link.drop_line();
        }
    }

    fn state(&self, question: StateQuestion) -> dns01_plugin_wire::StateAnswer {
        if self.serving.load(Ordering::Acquire) {
            return self.link.ask(question);
        }
        // a library that is only described belongs to no instance yet
        dns01_plugin_wire::StateAnswer {
            id: 0,
            status: status::UNSUPPORTED,
            value: Sensitive::default(),
        }
    }
}

impl ActiveCall {
    /// A call that nobody has cancelled yet.
    pub fn new(id: u64) -> Self {
        use rustix::event::{EventfdFlags, eventfd};
        ActiveCall {
            id,
            cancelled: AtomicBool::new(false),
            // without one the plugin can still ask is_cancelled
            event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok(),
        }
    }

    /// For [`Call::cancel_fd`].
    pub fn descriptor(&self) -> i32 {
        self.event.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// Tells the plugin to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(event) = &self.event {
            // it can only fail by being full, and then it is readable
            let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
        }
    }
}

impl Bucket {
    fn take(&mut self) -> bool {
        let seconds = self.filled.elapsed().as_secs();
        if seconds > 0 {
            self.filled += Duration::from_secs(seconds);
            let more = u32::try_from(seconds)
                .unwrap_or(u32::MAX)
                .saturating_mul(PER_SECOND);
            self.left = self.left.saturating_add(more).min(BURST);
        }
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        true
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "there is no tokio here, and only a log rate hangs on it"
)]
fn now() -> Instant {
    Instant::now()
}

unsafe extern "C" fn log(_: *const Host, call: *const Call, level: i32, text: *const c_char, len: usize) {
    let Some(services) = SERVICES.get() else { return };
    // SAFETY: the plugin lends `len` bytes for the call; no more than a line of them are looked at.
    let text = unsafe {
        Str {
            ptr: text,
            len: len.min(LINE),
        }
        .bytes()
    };
    services.log(call, level, text);
}

unsafe extern "C" fn is_cancelled(_: *const Host, call: *const Call) -> i32 {
    let active = SERVICES.get().and_then(|services| services.call(call));
    // a call that is over, or none at all: whoever still works on it should stop
    active
        .is_none_or(|call| call.cancelled.load(Ordering::Acquire))
        .into()
}

unsafe extern "C" fn state_put(_: *const Host, _: *const Call, key: Str, value: Str) -> i32 {
    let Some(services) = SERVICES.get() else {
        return status::UNSUPPORTED;
    };
    if value.len > STATE_VALUE {
        return status::PERMANENT;
    }
    // SAFETY: the plugin lends `key` for the call.
    let Some(key) = (unsafe { state_key(key) }) else {
        return status::PERMANENT;
    };
    // SAFETY: the plugin lends `value` for the call.
    let value = Sensitive::new(unsafe { value.bytes() }.to_vec());
    services.state(StateQuestion::Put { key, value }).status
}

unsafe extern "C" fn state_get(
    _: *const Host,
    _: *const Call,
    key: Str,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> i32 {
    let Some(services) = SERVICES.get() else {
        return status::UNSUPPORTED;
    };
    // SAFETY: the plugin lends `key` for the call.
    let key = unsafe { state_key(key) };
    let answer = key.map(|key| services.state(StateQuestion::Get { key }));
    let code = answer.as_ref().map_or(status::PERMANENT, |answer| answer.status);
    let value = match &answer {
        Some(answer) if code == status::OK => answer.value.bytes(),
        _ => &[],
    };
    if !length.is_null() {
        // SAFETY: not NULL, and the plugin lends it for the call.
        unsafe { length.write(value.len()) };
    }
    if !buffer.is_null() {
        let fits = value.len().min(capacity);
        // SAFETY: the plugin lends `capacity` bytes, of which at most that many are written.
        unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), buffer.cast(), fits) };
    }
    code
}

unsafe extern "C" fn get_extension(_: *const Host, _: *const c_char) -> *const c_void {
    // none yet
    std::ptr::null()
}

/// # Safety
/// The plugin lends `key` for the call.
unsafe fn state_key(key: Str) -> Option<String> {
    if key.len == 0 || key.len > STATE_KEY {
        return None;
    }
    // SAFETY: the caller's promise.
    let key = std::str::from_utf8(unsafe { key.bytes() }).ok()?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (!key.is_empty() && key.chars().all(good)).then(|| key.to_owned())
}
