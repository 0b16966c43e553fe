//! A small host for the tests of a provider.
//!
//! It drives the exported table through the C ABI, as a real host does, so that a
//! test sees statuses, messages and handles as an operator would, and needs no
//! `unsafe`.
//!
//! The example of [this crate](crate) ends with such a test.
#![expect(unsafe_code, reason = "plays the other side of the boundary")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[expect(clippy::disallowed_types, reason = "a test that panics has ended anyway")]
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::library::{Exported, Library, Table};
use super::{Kind, Provider};
use crate::abi::{self, Status, log_level, status};

/// A host that remembers what was logged and kept. Lives as long as the process.
#[expect(clippy::disallowed_types, reason = "a test that panics has ended anyway")]
#[derive(Debug)]
#[repr(C)]
pub struct TestHost {
    // first: the functions get a pointer to it and find the rest behind it
    table: abi::Host,
    lines: Mutex<Vec<(i32, String)>>,
    state: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// The library that holds `P` and nothing else.
struct Alone<P>(PhantomData<P>);

impl<P: Provider> Library for Alone<P> {
    const NAME: &'static str = "test";
    const VERSION: &'static str = "0.0.0";
    const LICENSE: &'static str = "";
    const PROVIDERS: &'static [Exported] = &[Exported::new::<P>()];
}

impl TestHost {
    /// A host with no state and nothing logged.
    #[must_use]
    #[expect(clippy::disallowed_types, reason = "a test that panics has ended anyway")]
    pub fn start() -> &'static Self {
        Box::leak(Box::new(Self {
            table: abi::Host {
                struct_size: size_of::<abi::Host>() as u32,
                abi_minor: abi::ABI_MINOR,
                name: c"test-host".as_ptr(),
                version: c"0".as_ptr(),
                log: Some(log),
                is_cancelled: Some(is_cancelled),
                state_put: Some(state_put),
                state_get: Some(state_get),
                get_extension: None,
            },
            lines: Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// What was logged so far at this severity or a worse one.
    #[must_use]
    pub fn logged(&self, level: super::Level) -> Vec<String> {
        let limit = level as i32 + log_level::ERROR;
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .filter(|(found, _)| *found <= limit)
            .map(|(_, line)| line.clone())
            .collect()
    }

    /// What the plugin table says: `dns01_plugin_v1` of a library that holds `P`.
    #[must_use]
    pub fn table<P: Provider>(&'static self) -> *const abi::Plugin {
        let table: &'static Table = Box::leak(Box::new(Table::new()));
        // SAFETY: `self` is a host table with all its functions, and never freed.
        unsafe { table.enter::<Alone<P>>(self.raw()) }
    }

    /// The pointer that a plugin gets.
    #[must_use]
    pub fn raw(&'static self) -> *const abi::Host {
        std::ptr::from_ref(self).cast()
    }

    /// Opens an instance of `P` with these options, defaults applied.
    ///
    /// # Errors
    /// What `open` said.
    ///
    /// # Panics
    /// If the table of `P` cannot be built, or a text holds a NUL.
    pub fn open<P: Provider>(
        &'static self,
        options: &[(&str, &str)],
    ) -> Result<TestInstance, Box<TestOutcome>> {
        let table = self.table::<P>();
        assert!(
            !table.is_null(),
            "no table: {:?}",
            self.logged(super::Level::Error)
        );
        let mut given: Vec<(CString, CString)> = options
            .iter()
            .map(|(key, value)| (c_text(key), c_text(value)))
            .collect();
        for spec in P::DESCRIPTION.options {
            if let Some(default) = spec
                .default
                .filter(|_| !options.iter().any(|(key, _)| *key == spec.key))
            {
                given.push((c_text(spec.key), c_text(default)));
            }
        }
        let values: Vec<abi::OptionValue> = given
            .iter()
            .map(|(key, value)| abi::OptionValue {
                struct_size: size_of::<abi::OptionValue>() as u32,
                flags: 0,
                key: key.as_c_str().into(),
                value: value.as_c_str().into(),
            })
            .collect();
        let pointers: Vec<*const abi::OptionValue> = values.iter().map(std::ptr::from_ref).collect();
        let id = c_text(P::DESCRIPTION.id);
        let call = TestCall::new(Duration::from_secs(10));
        let mut result = TestSlot::new();
        let mut out = std::ptr::null_mut();
        // SAFETY: the table was made by this crate; all arguments are as the header
        // asks and outlive the call.
        let answer = unsafe {
            let open = (*table).open.expect("this crate fills every required function");
            open(
                self.raw(),
                id.as_ptr(),
                call.raw(),
                pointers.as_ptr(),
                pointers.len(),
                &raw mut result.slot,
                &raw mut out,
            )
        };
        if answer == status::OK {
            Ok(TestInstance { table, raw: out })
        } else {
            Err(Box::new(result.outcome(answer)))
        }
    }
}

/// An open instance; closed when dropped.
#[derive(Debug)]
pub struct TestInstance {
    table: *const abi::Plugin,
    raw: *mut abi::Instance,
}

// SAFETY: `Provider` is Send and Sync, which is all that lies behind the pointer.
unsafe impl Send for TestInstance {}
// SAFETY: as above; the table is immutable.
unsafe impl Sync for TestInstance {}

impl TestInstance {
    /// Runs `present` with ten seconds.
    #[must_use]
    pub fn present(&self, records: &[TestRecord]) -> Vec<TestOutcome> {
        self.batch(
            |table| table.present,
            &TestCall::new(Duration::from_secs(10)),
            records,
        )
    }

    /// Runs `remove` with ten seconds.
    #[must_use]
    pub fn remove(&self, records: &[TestRecord]) -> Vec<TestOutcome> {
        self.batch(
            |table| table.remove,
            &TestCall::new(Duration::from_secs(10)),
            records,
        )
    }

    /// Runs `check` with ten seconds. Without records the one outcome is the call's.
    #[must_use]
    pub fn check(&self, records: &[TestRecord]) -> Vec<TestOutcome> {
        self.batch(
            |table| table.check,
            &TestCall::new(Duration::from_secs(10)),
            records,
        )
    }

    /// Properties of the instance.
    ///
    /// # Panics
    /// Never: this crate fills the function.
    #[must_use]
    pub fn info(&self) -> abi::InstanceInfo {
        let mut info = abi::InstanceInfo {
            struct_size: size_of::<abi::InstanceInfo>() as u32,
            ..Default::default()
        };
        // SAFETY: table and instance belong together; `info` is ours.
        unsafe { (*self.table).info.expect("filled by this crate")(self.raw, &raw mut info) };
        info
    }

    /// Runs one of the record functions under a call of one's own.
    ///
    /// # Panics
    /// If the table has no such function, or a text holds a NUL.
    #[must_use]
    pub fn batch(
        &self,
        function: impl Fn(&abi::Plugin) -> Option<abi::BatchFn>,
        call: &TestCall,
        records: &[TestRecord],
    ) -> Vec<TestOutcome> {
        let raw: Vec<abi::Record> = records.iter().map(TestRecord::raw).collect();
        let record_pointers: Vec<*const abi::Record> = raw.iter().map(std::ptr::from_ref).collect();
        let mut results: Vec<Box<TestSlot>> = (0..records.len().max(1)).map(|_| TestSlot::new()).collect();
        let result_pointers: Vec<*mut abi::ResultSlot> =
            results.iter_mut().map(|result| &raw mut result.slot).collect();
        // SAFETY: the table is this crate's and immutable.
        let function = function(unsafe { &*self.table }).expect("the table has this function");
        // SAFETY: all arguments are as `dns01_batch_fn` asks and outlive the call.
        let answer = unsafe {
            function(
                self.raw,
                call.raw(),
                record_pointers.as_ptr(),
                result_pointers.as_ptr(),
                records.len(),
            )
        };
        results.iter().map(|result| result.outcome(answer)).collect()
    }
}

impl Drop for TestInstance {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once; a borrow would have kept us alive.
        unsafe { (*self.table).close.expect("filled by this crate")(self.raw) };
    }
}

/// A record to give to an instance.
#[derive(Clone, Debug)]
pub struct TestRecord {
    fqdn: CString,
    value: CString,
    zone: CString,
    handle: CString,
    ttl: u32,
    kind: Kind,
}

impl TestRecord {
    /// A dns-01 record with a TTL of 60 s, its zone unknown.
    ///
    /// # Panics
    /// If a text holds a NUL.
    #[must_use]
    pub fn new(fqdn: &str, value: &str) -> Self {
        Self {
            fqdn: c_text(fqdn),
            value: c_text(value),
            zone: CString::default(),
            handle: CString::default(),
            ttl: 60,
            kind: Kind::Dns01,
        }
    }

    /// With the host's hint on the zone.
    #[must_use]
    pub fn in_zone(mut self, zone: &str) -> Self {
        self.zone = c_text(zone);
        self
    }

    /// With what `present` returned.
    #[must_use]
    pub fn with_handle(mut self, handle: &str) -> Self {
        self.handle = c_text(handle);
        self
    }

    /// With another TTL.
    #[must_use]
    pub fn with_ttl(mut self, seconds: u32) -> Self {
        self.ttl = seconds;
        self
    }

    /// Of another kind.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Borrows: valid while `self` stands.
    fn raw(&self) -> abi::Record {
        abi::Record {
            struct_size: size_of::<abi::Record>() as u32,
            ttl: self.ttl,
            fqdn: self.fqdn.as_c_str().into(),
            value: self.value.as_c_str().into(),
            zone: self.zone.as_c_str().into(),
            identifier: abi::Str::EMPTY,
            challenge_name: self.fqdn.as_c_str().into(),
            token: abi::Str::EMPTY,
            key_authorization: abi::Str::EMPTY,
            handle: self.handle.as_c_str().into(),
            kind: self.kind.code(),
            reserved0: 0,
        }
    }
}

/// What the host read of one result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestOutcome {
    /// Of the record, or of the call if the record was left unset.
    pub status: Status,
    /// For the operator.
    pub message: String,
    /// For `remove`.
    pub handle: String,
    /// HTTP status, DNS RCODE, exit status; 0 none.
    pub native_code: i32,
    /// Earliest retry; 0 unknown.
    pub retry_after_ms: i64,
    /// Bits of [`abi::result_flag`].
    pub flags: u32,
}

impl TestOutcome {
    /// Status OK.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == status::OK
    }
}

/// A call with its deadline, to be cancelled from another thread.
#[derive(Debug)]
#[repr(C)]
pub struct TestCall {
    // first: `is_cancelled` gets a pointer to it and finds the rest behind it
    call: abi::Call,
    cancelled: AtomicBool,
    reader: PipeReader,
    writer: PipeWriter,
}

impl TestCall {
    /// A call that may take this long.
    ///
    /// # Panics
    /// If the machine has no more descriptors.
    #[must_use]
    pub fn new(timeout: Duration) -> Box<Self> {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        let (reader, writer) = pipe().expect("a pipe for the test call");
        Box::new(Self {
            call: abi::Call {
                struct_size: size_of::<abi::Call>() as u32,
                attempt: 1,
                call_id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
                timeout_ms: super::provider::milliseconds(timeout),
                cancel_fd: reader.as_raw_fd(),
                reserved0: 0,
            },
            cancelled: AtomicBool::new(false),
            reader,
            writer,
        })
    }

    /// Cancels it, as the host does.
    ///
    /// # Panics
    /// If the pipe is broken, which it cannot be: its reader is ours.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        (&self.writer)
            .write_all(b"x")
            .expect("our own pipe takes one byte");
    }

    fn raw(&self) -> *const abi::Call {
        std::ptr::from_ref(self).cast()
    }
}

/// A result with its buffers, of the least capacities that the header promises.
struct TestSlot {
    slot: abi::ResultSlot,
    message: [c_char; abi::ResultSlot::MESSAGE_CAP_MIN as usize],
    handle: [c_char; abi::ResultSlot::HANDLE_CAP_MIN as usize],
}

impl TestSlot {
    fn new() -> Box<Self> {
        let mut slot = Box::new(Self {
            slot: abi::ResultSlot::UNSET,
            message: [0; abi::ResultSlot::MESSAGE_CAP_MIN as usize],
            handle: [0; abi::ResultSlot::HANDLE_CAP_MIN as usize],
        });
        slot.slot = abi::ResultSlot::unset(
            slot.message.as_mut_ptr(),
            abi::ResultSlot::MESSAGE_CAP_MIN,
            slot.handle.as_mut_ptr(),
            abi::ResultSlot::HANDLE_CAP_MIN,
        );
        slot
    }

    /// As a host reads it, given what the function returned.
    fn outcome(&self, returned: Status) -> TestOutcome {
        let status = match (self.slot.status, returned) {
            (status::UNSET, other) => other,
            (own, _) => own,
        };
        TestOutcome {
            status,
            message: read_text(&self.message),
            handle: read_text(&self.handle),
            native_code: self.slot.native_code,
            retry_after_ms: self.slot.retry_after_ms,
            flags: self.slot.flags,
        }
    }
}

fn read_text(buffer: &[c_char]) -> String {
    // SAFETY: c_char and u8 have one layout; the slice is borrowed for the call.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), buffer.len()) };
    let text = CStr::from_bytes_until_nul(bytes).expect("the plugin terminates what it writes");
    text.to_str().expect("the plugin writes UTF-8").to_owned()
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("text of a test holds no NUL")
}

/// # Safety
/// `host` comes from [`TestHost::raw`].
unsafe fn this<'a>(host: *const abi::Host) -> &'a TestHost {
    // SAFETY: the table is the first field of a leaked `TestHost`, and the pointer
    // was made from the whole.
    unsafe { &*host.cast::<TestHost>() }
}

unsafe extern "C" fn log(
    host: *const abi::Host,
    _call: *const abi::Call,
    level: i32,
    line: *const c_char,
    len: usize,
) {
    // SAFETY: a plugin passes the host it was given, and `len` readable bytes.
    let (host, line) = unsafe { (this(host), std::slice::from_raw_parts(line.cast::<u8>(), len)) };
    let line = String::from_utf8_lossy(line).into_owned();
    host.lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((level, line));
}

unsafe extern "C" fn is_cancelled(_host: *const abi::Host, call: *const abi::Call) -> i32 {
    // SAFETY: a plugin passes the call in progress, which is part of a `TestCall`
    // and was made from the whole.
    let call = unsafe { &*call.cast::<TestCall>() };
    i32::from(call.cancelled.load(Ordering::SeqCst))
}

unsafe extern "C" fn state_put(
    host: *const abi::Host,
    _call: *const abi::Call,
    key: abi::Str,
    value: abi::Str,
) -> Status {
    // SAFETY: a plugin passes its host, and texts that outlive the call.
    let (host, key, value) = unsafe { (this(host), key.bytes().to_vec(), value.bytes().to_vec()) };
    let mut state = host.state.lock().unwrap_or_else(PoisonError::into_inner);
    if value.len() > 64 * 1024 {
        return status::PERMANENT;
    }
    if value.is_empty() {
        state.remove(&key)
    } else {
        state.insert(key, value)
    };
    status::OK
}

unsafe extern "C" fn state_get(
    host: *const abi::Host,
    _call: *const abi::Call,
    key: abi::Str,
    buffer: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> Status {
    // SAFETY: as in `state_put`.
    let (host, key) = unsafe { (this(host), key.bytes()) };
    let state = host.state.lock().unwrap_or_else(PoisonError::into_inner);
    let value = state.get(key).map_or(&[][..], Vec::as_slice);
    let copied = value.len().min(cap);
    // SAFETY: the plugin offers `cap` bytes and one length.
    unsafe {
        std::ptr::copy_nonoverlapping(value.as_ptr().cast(), buffer, copied);
        len.write(value.len());
    }
    status::OK
}
