//! Result slots: lent to the plugin, read back with suspicion.

use dns01_plugin_api::abi::{ResultSlot, result_flag};
use dns01_plugin_wire::{Outcome, Structs, status};

use super::{
    lent::{Buffer, Lent},
    text::in_buffer,
};

/// Bytes for a message; the ABI promises 1024.
const MESSAGE: usize = 2048;
/// Bytes for a handle; the ABI promises 2048.
const HANDLE: usize = 4096;

/// One slot for each record of a call.
pub struct Slots(Vec<Slot>);

struct Slot {
    slot: Lent<ResultSlot>,
    // the slot points into them
    message: Buffer,
    handle: Buffer,
    lent: ResultSlot,
}

impl Slots {
    /// `count` slots, unset and zeroed.
    pub fn new(count: usize, structs: Structs) -> Self {
        let (message, handle) = match structs {
            Structs::Ours | Structs::Larger => (MESSAGE, HANDLE),
            Structs::Smallest => (
                ResultSlot::MESSAGE_CAP_MIN as usize,
                ResultSlot::HANDLE_CAP_MIN as usize,
            ),
        };
        let slot = |_| {
            let (mut text, mut opaque) = (Buffer::new(message, structs), Buffer::new(handle, structs));
            let lent = ResultSlot::unset(
                text.pointer().cast(),
                message as u32,
                opaque.pointer().cast(),
                handle as u32,
            );
            Slot {
                slot: Lent::new(lent, structs),
                message: text,
                handle: opaque,
                lent,
            }
        };
        Slots((0..count).map(slot).collect())
    }

    /// Pointers for the plugin; they hold until the slots are dropped.
    pub fn pointers(&self) -> Vec<*mut ResultSlot> {
        self.0.iter().map(|slot| slot.slot.pointer()).collect()
    }

    /// What the plugin wrote, read by the rules of `dns01_batch_fn`; `returned` is what it returned.
    pub fn outcomes(&self, returned: i32) -> Vec<Outcome> {
        let failure = (returned != status::OK).then(|| {
            let first = self.0.iter().find(|slot| slot.is_unset());
            let mut failure = first.map(Slot::outcome).unwrap_or_default();
            failure.handle.clear();
            settle(failure, returned)
        });
        self.0
            .iter()
            .map(|slot| {
                let outcome = slot.outcome();
                match &failure {
                    _ if !slot.is_respected() => broken(DISRESPECT),
                    _ if !slot.is_unset() => {
                        let status = outcome.status;
                        settle(outcome, status)
                    }
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
        match self.0.first() {
            Some(slot) if slot.is_respected() => settle(slot.outcome(), returned),
            Some(_) => broken(DISRESPECT),
            None => settle(Outcome::default(), returned),
        }
    }
}

/// What a trial says of a plugin that wrote over more of a slot than it may.
const DISRESPECT: &str = "the plugin wrote over fields of a dns01_result that are not its own: `struct_size`, \
                          the pointers to the buffers or their sizes, or fields of a later minor (S2)";

impl Slot {
    fn is_unset(&self) -> bool {
        self.slot.get().status == dns01_plugin_api::abi::status::UNSET
    }

    /// True unless a trial saw what service tolerates.
    fn is_respected(&self) -> bool {
        let (now, lent) = (self.slot.get(), &self.lent);
        let own = matches!(self.message, Buffer::Own(_));
        let pointers = now.message == lent.message && now.handle == lent.handle;
        let sizes = now.message_cap == lent.message_cap && now.handle_cap == lent.handle_cap;
        own || (self.slot.is_respected() && pointers && sizes)
    }

    fn outcome(&self) -> Outcome {
        let slot = self.slot.get();
        // the pointers in the slot may have been overwritten, the places have not
        let (message, _) = in_buffer(self.message.bytes());
        // a handle that was cut would remove the wrong record
        let handle = match in_buffer(self.handle.bytes()) {
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

    fn slots(count: usize) -> Slots {
        Slots::new(count, Structs::Ours)
    }

    /// As a plugin does it.
    fn write(slots: &Slots, at: usize, write: impl FnOnce(&mut ResultSlot)) {
        // SAFETY: lent, and nobody else looks meanwhile.
        write(unsafe { &mut *slots.pointers()[at] });
    }

    fn text(slots: &Slots, at: usize, message: &[u8]) {
        write(slots, at, |slot| {
            assert!(message.len() <= slot.message_cap as usize);
            // SAFETY: the slot's own buffer, as long as it says.
            unsafe { std::ptr::copy_nonoverlapping(message.as_ptr(), slot.message.cast(), message.len()) };
        });
    }

    #[test]
    fn a_trial_sees_a_slot_that_was_assigned_as_a_whole() {
        for structs in [Structs::Larger, Structs::Smallest] {
            let slots = Slots::new(1, structs);
            write(&slots, 0, |slot| slot.status = status::OK);
            assert_eq!(slots.outcomes(status::OK)[0].status, status::OK, "{structs:?}");
            write(&slots, 0, |slot| {
                *slot = ResultSlot {
                    status: status::OK,
                    ..ResultSlot::UNSET
                };
            });
            assert_eq!(
                slots.outcomes(status::OK)[0].status,
                status::INTERNAL,
                "{structs:?}"
            );
        }
    }

    #[test]
    fn an_ok_call_with_an_unset_record_is_a_bug_of_the_plugin() {
        let slots = slots(2);
        write(&slots, 0, |slot| slot.status = status::OK);
        let outcomes = slots.outcomes(status::OK);
        assert_eq!(
            (outcomes[0].status, outcomes[1].status),
            (status::OK, status::INTERNAL)
        );
    }

    #[test]
    fn a_failed_call_gives_its_failure_to_unset_records_only() {
        let slots = slots(3);
        write(&slots, 0, |slot| slot.status = status::OK);
        write(&slots, 1, |slot| slot.retry_after_ms = 7);
        text(&slots, 1, b"slow down");
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
            let slots = slots(1);
            assert_eq!(slots.outcomes(code)[0].status, status::INTERNAL, "{code}");
        }
    }

    #[test]
    fn text_that_fills_its_buffer_is_read_to_the_end_and_no_further() {
        let slots = slots(2);
        text(&slots, 0, &[b'm'; MESSAGE]);
        write(&slots, 0, |slot| {
            slot.status = status::OK;
            // SAFETY: the slot's own buffer, HANDLE bytes long.
            unsafe { std::ptr::write_bytes(slot.handle.cast::<u8>(), b'h', HANDLE) };
        });
        let outcome = &slots.outcomes(status::OK)[0];
        assert_eq!(outcome.message.len(), MESSAGE);
        assert_eq!(outcome.handle, "", "a handle without its end is no handle");
    }
}
