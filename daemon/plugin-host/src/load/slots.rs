//! Result slots: lent to the plugin, read back with suspicion.

use std::ffi::c_char;

use dns01_plugin_api::abi::{ResultSlot, result_flag};
use dns01_plugin_wire::{Outcome, status};

use super::text::in_buffer;

/// Bytes for a message; the ABI promises 1024.
const MESSAGE: usize = 2048;
/// Bytes for a handle; the ABI promises 2048.
const HANDLE: usize = 4096;

/// One slot for each record of a call.
pub struct Slots {
    slots: Vec<ResultSlot>,
    // never touched by name: the slots point into it
    buffers: Vec<u8>,
}

impl Slots {
    /// `count` slots, unset and zeroed.
    pub fn new(count: usize) -> Self {
        let mut buffers = vec![0_u8; count * (MESSAGE + HANDLE)];
        let base = buffers.as_mut_ptr();
        let slots = (0..count)
            .map(|at| {
                // SAFETY: both offsets lie inside `buffers`.
                let (message, handle) = unsafe {
                    let message = base.add(at * (MESSAGE + HANDLE));
                    (message.cast::<c_char>(), message.add(MESSAGE).cast::<c_char>())
                };
                ResultSlot::unset(message, MESSAGE as u32, handle, HANDLE as u32)
            })
            .collect();
        Slots { slots, buffers }
    }

    /// Pointers for the plugin; they hold until the slots are dropped.
    pub fn pointers(&mut self) -> Vec<*mut ResultSlot> {
        let base = self.slots.as_mut_ptr();
        // SAFETY: each offset lies inside `slots`.
        (0..self.slots.len()).map(|at| unsafe { base.add(at) }).collect()
    }

    /// What the plugin wrote, read by the rules of `dns01_batch_fn`; `returned` is what it returned.
    pub fn outcomes(&self, returned: i32) -> Vec<Outcome> {
        let failure = (returned != status::OK).then(|| {
            let first = self.slots.iter().position(is_unset);
            let mut failure = first.map(|at| self.outcome(at)).unwrap_or_default();
            failure.handle.clear();
            settle(failure, returned)
        });
        (0..self.slots.len())
            .map(|at| {
                let outcome = self.outcome(at);
                match &failure {
                    _ if !is_unset(&self.slots[at]) => settle(outcome, self.slots[at].status),
                    Some(failure) => failure.clone(),
                    None => {
                        broken("the plugin said that the call is done and left this record without a status")
                    }
                }
            })
            .collect()
    }

    /// The one slot of a call without records, whose outcome is what the call returned.
    pub fn single(&self, returned: i32) -> Outcome {
        settle(self.outcome(0), returned)
    }

    fn outcome(&self, at: usize) -> Outcome {
        let slot = &self.slots[at];
        let start = at * (MESSAGE + HANDLE);
        // the pointers in the slot may have been overwritten, the places have not
        let (message, handle) = self.buffers[start..start + MESSAGE + HANDLE].split_at(MESSAGE);
        let (message, _) = in_buffer(message);
        // a handle that was cut would remove the wrong record
        let handle = match in_buffer(handle) {
            (handle, true) => std::str::from_utf8(handle).unwrap_or_default(),
            (_, false) => "",
        };
        Outcome {
            status: slot.status,
            retry_after_ms: u64::try_from(slot.retry_after_ms).unwrap_or(0),
            native_code: slot.native_code,
            no_change: slot.flags & result_flag::NO_CHANGE != 0,
            in_sync: slot.flags & result_flag::IN_SYNC != 0,
            message: String::from_utf8_lossy(message).into_owned(),
            handle: handle.to_owned(),
        }
    }
}

fn is_unset(slot: &ResultSlot) -> bool {
    slot.status == dns01_plugin_api::abi::status::UNSET
}

/// Gives the outcome its status; a code outside the classes is a bug of the plugin.
fn settle(mut outcome: Outcome, code: i32) -> Outcome {
    outcome.status = code;
    if !(0..400).contains(&code) {
        outcome.status = status::INTERNAL;
        outcome.message = format!(
            "the plugin answered with status {code}, which is none; {}",
            outcome.message
        );
    }
    outcome
}

/// An outcome that breaks the ABI.
pub fn broken(what: &str) -> Outcome {
    Outcome {
        status: status::INTERNAL,
        message: what.to_owned(),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(slot: &mut ResultSlot, message: &[u8]) {
        assert!(message.len() <= slot.message_cap as usize);
        // SAFETY: the slot's own buffer, as long as it says.
        unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), slot.message.cast(), message.len()) };
    }

    #[test]
    fn an_ok_call_with_an_unset_record_is_a_bug_of_the_plugin() {
        let mut slots = Slots::new(2);
        slots.slots[0].status = status::OK;
        let outcomes = slots.outcomes(status::OK);
        assert_eq!(
            (outcomes[0].status, outcomes[1].status),
            (status::OK, status::INTERNAL)
        );
    }

    #[test]
    fn a_failed_call_gives_its_failure_to_unset_records_only() {
        let mut slots = Slots::new(3);
        slots.slots[0].status = status::OK;
        slots.slots[1].retry_after_ms = 7;
        text(&mut slots.slots[1], b"slow down");
        let outcomes = slots.outcomes(status::RATE_LIMITED);
        assert_eq!(outcomes[0].status, status::OK);
        for outcome in &outcomes[1..] {
            assert_eq!(
                (outcome.status, outcome.retry_after_ms),
                (status::RATE_LIMITED, 7)
            );
            assert_eq!(outcome.message, "slow down");
        }
    }

    #[test]
    fn codes_outside_the_classes_are_internal() {
        for code in [-1, -5, 400, i32::MAX, i32::MIN] {
            let slots = Slots::new(1);
            assert_eq!(slots.outcomes(code)[0].status, status::INTERNAL, "{code}");
        }
    }

    #[test]
    fn text_that_fills_its_buffer_is_read_to_the_end_and_no_further() {
        let mut slots = Slots::new(2);
        slots.slots[0].status = status::OK;
        text(&mut slots.slots[0], &[b'm'; MESSAGE]);
        let handle = slots.slots[0].handle.cast::<u8>();
        // SAFETY: the slot's own buffer, HANDLE bytes long.
        unsafe { std::ptr::write_bytes(handle, b'h', HANDLE) };
        let outcome = &slots.outcomes(status::OK)[0];
        assert_eq!(outcome.message.len(), MESSAGE);
        assert_eq!(outcome.handle, "", "a handle without its end is no handle");
    }
}
