//! One record operation, from wire types to the ABI's and back.

use dns01_plugin_api::abi::{self, BatchFn, Instance, kind};
use dns01_plugin_wire::{Outcome, Record, RecordKind, Structs};

use super::{
    lent::Lent,
    slots::{Slots, broken},
    text::{Arena, InnerNul},
};

/// Calls `function` for `records`.
///
/// # Safety
/// `instance` is open, `function` belongs to its library, `call` outlives this, and this thread may call it
/// now (T1).
pub unsafe fn call(
    function: BatchFn,
    instance: *mut Instance,
    call: *const abi::Call,
    records: &[Record],
    structs: Structs,
) -> Vec<Outcome> {
    let mut texts = Arena::default();
    let lent: Result<Vec<Lent<abi::Record>>, InnerNul> = records
        .iter()
        .map(|record| Ok(Lent::new(lend(record, &mut texts)?, structs)))
        .collect();
    let Ok(lent) = lent else {
        let refusal = broken("a record holds a NUL character, which no plugin can be told");
        return vec![refusal; records.len().max(1)];
    };
    let pointers: Vec<*const abi::Record> = lent.iter().map(|record| record.pointer().cast_const()).collect();
    let slots = Slots::new(records.len().max(1), structs);
    let results = slots.pointers();
    // SAFETY: the caller's promise; `lent`, `texts` and `slots` outlive the call, the arrays have
    // `records.len()` entries, and a call without records has one result all the same.
    let returned = unsafe { function(instance, call, pointers.as_ptr(), results.as_ptr(), records.len()) };
    if records.is_empty() {
        vec![slots.single(returned)]
    } else {
        slots.outcomes(returned)
    }
}

fn lend(record: &Record, texts: &mut Arena) -> Result<abi::Record, InnerNul> {
    let mut text = |text: &str| texts.lend(text.as_bytes());
    Ok(abi::Record {
        struct_size: size_of::<abi::Record>() as u32,
        ttl: record.ttl,
        fqdn: text(&record.fqdn)?,
        value: text(&record.value)?,
        zone: text(&record.zone)?,
        identifier: text(&record.identifier)?,
        challenge_name: text(&record.challenge_name)?,
        token: text(&record.token)?,
        key_authorization: text(&record.key_authorization)?,
        handle: text(&record.handle)?,
        kind: match record.kind {
            RecordKind::Dns01 => kind::DNS01,
            RecordKind::Account => kind::ACCOUNT,
            RecordKind::Persist => kind::PERSIST,
            RecordKind::Canary => kind::CANARY,
        },
        reserved0: 0,
    })
}
