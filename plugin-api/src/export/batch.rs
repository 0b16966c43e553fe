//! The records of one call and their outcomes.
#![expect(unsafe_code, reason = "reads the host's records and writes its results")]

use std::ffi::c_char;
use std::time::Duration;

use super::provider::milliseconds;
use super::{Class, Error, Kind};
use crate::abi::{self, result_flag, status};

/// One TXT record to publish or remove.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Owner name to write: lower-case A-labels, absolute, no trailing dot, CNAMEs
    /// already followed.
    pub fqdn: &'a str,
    /// TXT text, printable ASCII; over 255 bytes it needs several strings.
    pub value: &'a str,
    /// Wanted TTL in seconds; raised if the provider must.
    pub ttl: u32,
    /// Zone apex found by SOA walk, empty if unknown: a hint.
    pub zone: &'a str,
    /// DNS name being validated, without `*.`.
    pub identifier: &'a str,
    /// `_acme-challenge.<identifier>`, before CNAMEs.
    pub challenge_name: &'a str,
    /// ACME challenge token, or empty.
    pub token: &'a str,
    /// `token.thumbprint`, or empty.
    pub key_authorization: &'a str,
    /// What `present` returned as handle; empty if that was lost in a crash.
    pub handle: &'a str,
    /// What the record is for.
    pub kind: Kind,
}

/// A record that is as it was asked to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Success {
    pending: Option<Duration>,
    no_change: bool,
    in_sync: bool,
    handle: String,
    message: String,
}

/// Outcome of one record.
pub type Outcome = Result<Success, Error>;

impl Success {
    /// Done; whether anything changed is not known or it did.
    #[must_use]
    pub fn done() -> Self {
        Self::default()
    }

    /// It already was so.
    #[must_use]
    pub fn unchanged() -> Self {
        Self {
            no_change: true,
            ..Self::default()
        }
    }

    /// For `sync`: accepted, not yet on all servers. Ask again after `delay`, zero if
    /// unknown.
    #[must_use]
    pub fn pending(delay: Duration) -> Self {
        Self {
            pending: Some(delay),
            ..Self::default()
        }
    }

    /// The provider says that all its servers have it: a hint when to look.
    #[must_use]
    pub fn in_sync(mut self) -> Self {
        self.in_sync = true;
        self
    }

    /// Opaque text that makes `remove` cheaper. Kept on disk: never a secret. One
    /// that does not fit the host's buffer is left out.
    #[must_use]
    pub fn with_handle(mut self, handle: impl Into<String>) -> Self {
        self.handle = handle.into();
        self
    }

    /// A word to the operator.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

/// The records of one call, matched by index with their outcomes.
///
/// Values of one name are adjacent; names and zones may be several. What is settled
/// stands even if the call then fails.
#[derive(Debug)]
pub struct Batch<'a> {
    records: Vec<Record<'a>>,
    slots: Vec<Slot>,
}

impl<'a> Batch<'a> {
    /// Looks at the arrays of a batch call. On failure the second value is what is
    /// known of the results, for the message.
    ///
    /// # Safety
    /// The arrays keep the promises of `dns01_batch_fn`, for `'a`.
    pub(crate) unsafe fn adopt(
        records: *const *const abi::Record,
        results: *const *mut abi::ResultSlot,
        count: usize,
    ) -> Result<Self, (Error, Vec<Slot>)> {
        let mut slots = Vec::new();
        let fault = |what: &str| Error::new(Class::Internal, format!("the host broke the ABI: {what}"));
        // check() with no records has one result all the same
        for at in 0..count.max(1) {
            // SAFETY: `results` is NULL, or holds `count` entries, and one at least.
            let slot = unsafe { element(results, at) }.unwrap_or(std::ptr::null_mut());
            // SAFETY: the caller's promise covers each result.
            match unsafe { Slot::adopt(slot) } {
                Ok(slot) => slots.push(slot),
                Err(undersized) => return Err((fault(&undersized.to_string()), slots)),
            }
        }
        let mut copies = Vec::with_capacity(count);
        for at in 0..count {
            // SAFETY: as above, for `records`.
            let record = unsafe { element(records, at) }.unwrap_or(std::ptr::null());
            // SAFETY: the caller's promise covers each record, for 'a.
            match unsafe { Record::adopt(record) } {
                Ok(record) => copies.push(record),
                Err(what) => return Err((fault(&what), slots)),
            }
        }
        Ok(Self {
            records: copies,
            slots,
        })
    }

    /// The records, in the order of the call.
    #[must_use]
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }

    /// Settles the record at `index`. A second outcome of one record is ignored:
    /// the host may have acted on the first.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn settle(&mut self, index: usize, outcome: Outcome) {
        assert!(
            index < self.records.len(),
            "record {index} of {}",
            self.records.len()
        );
        self.slots[index].settle(outcome);
    }

    /// Settles every record that is not settled yet.
    pub fn settle_rest(&mut self, outcome: &Outcome) {
        for slot in &mut self.slots[..self.records.len()] {
            slot.settle(outcome.clone());
        }
    }

    /// Indices of the records that are not settled yet.
    pub fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.records.len()).filter(|&at| !self.slots[at].settled)
    }

    /// The results, for what is said of the whole call.
    pub(crate) fn slots(&mut self) -> &mut [Slot] {
        &mut self.slots
    }
}

/// Element `at` of an array of pointers, `None` if the array is NULL.
///
/// # Safety
/// `array` is NULL or holds more than `at` elements.
unsafe fn element<P: Copy>(array: *const P, at: usize) -> Option<P> {
    // SAFETY: not NULL, and inside the array by the caller's promise.
    (!array.is_null()).then(|| unsafe { array.add(at).read() })
}

impl<'a> Record<'a> {
    /// # Safety
    /// `raw` is NULL or keeps the promises of `dns01_record`, for `'a`.
    unsafe fn adopt(raw: *const abi::Record) -> Result<Self, String> {
        // SAFETY: the caller's promise.
        let record = unsafe { abi::read(raw) }.map_err(|undersized| undersized.to_string())?;
        let text = |field: &str, value: abi::Str| {
            // SAFETY: host text is readable and unchanged until the call returns.
            let bytes: &'a [u8] = unsafe { value.bytes() };
            std::str::from_utf8(bytes).map_err(|_| format!("dns01_record.{field} is not UTF-8"))
        };
        Ok(Self {
            fqdn: text("fqdn", record.fqdn)?,
            value: text("value", record.value)?,
            ttl: record.ttl,
            zone: text("zone", record.zone)?,
            identifier: text("identifier", record.identifier)?,
            challenge_name: text("challenge_name", record.challenge_name)?,
            token: text("token", record.token)?,
            key_authorization: text("key_authorization", record.key_authorization)?,
            handle: text("handle", record.handle)?,
            kind: Kind::from_code(record.kind),
        })
    }
}

/// One result of the host, checked once: not NULL and large enough.
#[derive(Debug)]
pub(crate) struct Slot {
    raw: *mut abi::ResultSlot,
    settled: bool,
}

impl Slot {
    /// # Safety
    /// `raw` is NULL or keeps the promises of `dns01_result` for the whole call.
    pub(crate) unsafe fn adopt(raw: *mut abi::ResultSlot) -> Result<Self, abi::Undersized> {
        // SAFETY: the caller's promise.
        unsafe { abi::read(raw)? };
        Ok(Self { raw, settled: false })
    }

    fn settle(&mut self, outcome: Outcome) {
        if self.settled {
            return;
        }
        self.settled = true;
        let (code, flags) = match &outcome {
            Ok(success) => {
                if let Some(delay) = success.pending {
                    self.set_retry_after(delay);
                }
                self.set_handle(&success.handle);
                self.set_message(&success.message);
                let no_change = if success.no_change {
                    result_flag::NO_CHANGE
                } else {
                    0
                };
                let in_sync = if success.in_sync { result_flag::IN_SYNC } else { 0 };
                (
                    if success.pending.is_some() {
                        status::PENDING
                    } else {
                        status::OK
                    },
                    no_change | in_sync,
                )
            }
            Err(error) => {
                self.describe(error);
                (error.class().status(), 0)
            }
        };
        // SAFETY: `adopt` has seen a struct of the floor's size, in which both lie.
        unsafe {
            (&raw mut (*self.raw).flags).write(flags);
            (&raw mut (*self.raw).status).write(code);
        }
    }

    /// Says why, but leaves the status to the call's return value.
    pub(crate) fn describe(&mut self, error: &Error) {
        if let Some(delay) = error.retry_after() {
            self.set_retry_after(delay);
        }
        self.set_message(error.message());
        // SAFETY: `adopt` has seen a struct of the floor's size, in which it lies.
        unsafe { (&raw mut (*self.raw).native_code).write(error.native_code()) };
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    fn set_retry_after(&mut self, delay: Duration) {
        // SAFETY: `adopt` has seen a struct of the floor's size, in which it lies.
        unsafe { (&raw mut (*self.raw).retry_after_ms).write(milliseconds(delay)) };
    }

    /// Cut at a character if it does not fit.
    fn set_message(&mut self, message: &str) {
        // a NUL would hide the rest
        let message = message.replace('\0', "\u{fffd}");
        // SAFETY: `adopt` has seen a struct of the floor's size, in which both lie.
        let (buffer, cap) = unsafe { ((*self.raw).message, (*self.raw).message_cap) };
        let fits = message.floor_char_boundary((cap as usize).saturating_sub(1));
        // SAFETY: the host's buffer of `cap` bytes; `fits` is less.
        unsafe { fill(buffer, cap, &message.as_bytes()[..fits]) };
    }

    /// Left out if it does not fit: half an identifier is none.
    fn set_handle(&mut self, handle: &str) {
        // SAFETY: `adopt` has seen a struct of the floor's size, in which both lie.
        let (buffer, cap) = unsafe { ((*self.raw).handle, (*self.raw).handle_cap) };
        if handle.len() < cap as usize && !handle.contains('\0') {
            // SAFETY: the host's buffer of `cap` bytes; the handle has less.
            unsafe { fill(buffer, cap, handle.as_bytes()) };
        }
    }
}

/// Copies text and its NUL into a buffer of the host, if there is one.
///
/// # Safety
/// `buffer` is NULL or has `cap` writable bytes; `text` is shorter than `cap`
/// unless `cap` is 0.
unsafe fn fill(buffer: *mut c_char, cap: u32, text: &[u8]) {
    if buffer.is_null() || cap == 0 {
        return;
    }
    // SAFETY: text and NUL fit by the caller's promise; the buffers are distinct.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
        buffer.add(text.len()).write(0);
    }
}
