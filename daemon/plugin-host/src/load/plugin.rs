//! A loaded library, and an open instance of it.

use std::{os::fd::BorrowedFd, sync::Arc};

use dns01_plugin_api::abi::{self, Instance, cap, kind, option_flag};
use dns01_plugin_wire::{
    Call, Description, InstanceInfo, LoadFault, Open, Operation, Outcome, ProviderDescription, RecordKind,
    Structs, status,
};

use super::{
    batch,
    lent::Lent,
    library,
    services::{ActiveCall, OPENING, Services},
    slots::{Slots, broken},
    tables::{self, Tables},
    text::{Arena, InnerNul},
};

/// A loaded library.
#[derive(Debug)]
pub struct Plugin {
    tables: Tables,
    services: &'static Services,
}

/// Its one open instance.
#[derive(Debug)]
pub struct OpenPlugin {
    plugin: Arc<Plugin>,
    instance: *mut Instance,
}

// SAFETY: the instance is only passed back to its library, from one thread unless the library says
// CONCURRENT (T1); `serve` keeps to that.
unsafe impl Send for OpenPlugin {}
// SAFETY: as above: a shared borrow can only make the calls that T1 allows to overlap.
unsafe impl Sync for OpenPlugin {}

impl Plugin {
    /// Maps the library, calls its entry, reads its tables.
    ///
    /// # Errors
    /// Why it is no plugin.
    pub fn load(file: BorrowedFd<'_>, services: &'static Services) -> Result<Plugin, LoadFault> {
        let entry = library::load(file)?;
        // SAFETY: the symbol's name promises the type; the table of services lives for ever.
        let plugin = unsafe { entry(services.table()) };
        if plugin.is_null() {
            return Err(LoadFault::NoTable {
                said: services.last_line(),
            });
        }
        // SAFETY: it came from the entry.
        let tables = unsafe { tables::read(plugin) }?;
        Ok(Plugin { tables, services })
    }

    /// What the library says of itself.
    pub fn description(&self) -> &Description {
        &self.tables.description
    }

    /// Opens the instance.
    ///
    /// # Errors
    /// What the plugin found wrong.
    pub fn open(self: &Arc<Self>, open: &Open, active: Arc<ActiveCall>) -> Result<OpenPlugin, Outcome> {
        let Some((provider, flags)) = self.tables.provider(&open.provider) else {
            let message = format!("the library has no provider `{}`", open.provider);
            return Err(Outcome {
                status: status::CONFIG,
                message,
                ..Outcome::default()
            });
        };
        let Some(function) = self.tables.plugin.open else {
            return Err(broken("the library cannot open an instance"));
        };
        let mut texts = Arena::default();
        let structs = self.services.structs();
        let options = lend_options(open, provider, flags, &mut texts)?;
        let options: Vec<_> = options
            .into_iter()
            .map(|option| Lent::new(option, structs))
            .collect();
        let pointers: Vec<*const abi::OptionValue> = options
            .iter()
            .map(|option| option.pointer().cast_const())
            .collect();
        let id = Tables::c_id(provider);
        let call = make_call(OPENING, 1, open.timeout_ms, &active, structs);
        let error = Slots::new(1, structs);
        let slot = error.pointers()[0];
        let mut instance = std::ptr::null_mut();
        self.services.serve();
        let returned = self.services.during(call.pointer(), active, || {
            // SAFETY: all that is lent outlives the call; the array has `options.len()` entries; this is
            // the thread that called the entry.
            unsafe {
                function(
                    self.services.table(),
                    id.as_ptr(),
                    call.pointer(),
                    pointers.as_ptr(),
                    pointers.len(),
                    slot,
                    &mut instance,
                )
            }
        });
        match (returned, instance.is_null()) {
            (status::OK, false) => Ok(OpenPlugin {
                plugin: Arc::clone(self),
                instance,
            }),
            (status::OK, true) => Err(broken("the plugin said that it is open and gave no instance")),
            (status::PENDING..100, _) => {
                Err(broken("the plugin neither opened the instance nor said why not"))
            }
            (code, _) => Err(error.single(code)),
        }
    }
}

impl OpenPlugin {
    /// Properties of the instance.
    ///
    /// # Errors
    /// When a trial saw the plugin write what is not its own.
    pub fn info(&self) -> Result<InstanceInfo, Outcome> {
        let lent = abi::InstanceInfo {
            struct_size: size_of::<abi::InstanceInfo>() as u32,
            ..Default::default()
        };
        let lent = Lent::new(lent, self.plugin.services.structs());
        let table = &self.plugin.tables.plugin;
        if let Some(function) = table.info {
            // SAFETY: the instance is open, `lent` outlives the call; no other call runs yet.
            unsafe { function(self.instance, lent.pointer()) };
        }
        if !lent.is_respected() {
            return Err(broken(
                "the plugin wrote over fields of dns01_instance_info that are not its own: `struct_size`, or \
                 fields of a later minor (S2)",
            ));
        }
        let info = lent.get();
        let has = |bit| info.caps & bit != 0;
        let milliseconds = |value| u64::try_from(value).unwrap_or(0);
        let kinds = match info.kinds {
            0 => vec![RecordKind::Dns01, RecordKind::Canary],
            bits => KINDS
                .iter()
                .filter(|(kind, _)| bits & (1 << kind) != 0)
                .map(|(_, kind)| *kind)
                .collect(),
        };
        Ok(InstanceInfo {
            max_batch: info.max_batch,
            max_values_per_name: info.max_values_per_name,
            min_ttl: info.min_ttl,
            min_call_interval_ms: milliseconds(info.min_call_interval_ms),
            propagation_initial_ms: milliseconds(info.propagation_initial_ms),
            propagation_interval_ms: milliseconds(info.propagation_interval_ms),
            propagation_timeout_ms: milliseconds(info.propagation_timeout_ms),
            concurrent: has(cap::CONCURRENT),
            atomic_batch: has(cap::ATOMIC_BATCH),
            stateless_remove: has(cap::STATELESS_REMOVE),
            needs_key_auth: has(cap::NEEDS_KEY_AUTH),
            follows_cname: has(cap::FOLLOWS_CNAME),
            cancels: has(cap::CANCELS),
            syncs: table.sync.is_some(),
            checks: table.check.is_some(),
            sets_up: table.setup.is_some(),
            kinds,
        })
    }

    /// Runs one operation. The caller keeps to T1: from the thread that opened the instance, or from any
    /// thread when it is concurrent.
    pub fn call(&self, call: &Call, active: Arc<ActiveCall>) -> Vec<Outcome> {
        let table = &self.plugin.tables.plugin;
        let function = match call.operation {
            Operation::Present => table.present,
            Operation::Remove => table.remove,
            Operation::Sync => table.sync,
            Operation::Check => table.check,
            Operation::Setup => table.setup,
        };
        let answers = call.records.len().max(1);
        let Some(function) = function else {
            let message = format!("this provider has no `{}`", call.operation.as_str());
            return vec![
                Outcome {
                    status: status::UNSUPPORTED,
                    message,
                    ..Outcome::default()
                };
                answers
            ];
        };
        if call.records.is_empty() && call.operation != Operation::Check {
            return vec![broken("a call without records")];
        }
        let structs = self.plugin.services.structs();
        let told = make_call(call.id, call.attempt, call.timeout_ms, &active, structs);
        self.plugin.services.during(told.pointer(), active, || {
            // SAFETY: the instance is open, the function is its library's, the thread is the caller's duty.
            unsafe { batch::call(function, self.instance, told.pointer(), &call.records, structs) }
        })
    }

    /// Closes the instance; no other call may run, and none may follow.
    pub fn close(&self) {
        if let Some(function) = self.plugin.tables.plugin.close {
            // SAFETY: the instance is open, and the caller makes this its last use.
            unsafe { function(self.instance) };
        }
    }
}

const KINDS: [(u32, RecordKind); 4] = [
    (kind::DNS01, RecordKind::Dns01),
    (kind::ACCOUNT, RecordKind::Account),
    (kind::PERSIST, RecordKind::Persist),
    (kind::CANARY, RecordKind::Canary),
];

fn make_call(
    id: u64,
    attempt: u32,
    timeout_ms: u64,
    active: &ActiveCall,
    structs: Structs,
) -> Lent<abi::Call> {
    let call = abi::Call {
        struct_size: size_of::<abi::Call>() as u32,
        attempt,
        call_id: id,
        timeout_ms: i64::try_from(timeout_ms).unwrap_or(i64::MAX).max(1),
        cancel_fd: active.descriptor(),
        reserved0: 0,
    };
    Lent::new(call, structs)
}

/// The configured options, then the defaults of those that are not configured.
fn lend_options(
    open: &Open,
    provider: &ProviderDescription,
    flags: &[u32],
    texts: &mut Arena,
) -> Result<Vec<abi::OptionValue>, Outcome> {
    let mut options = Vec::with_capacity(open.options.len() + provider.options.len());
    let mut lend = |key: &str, value: &[u8], flags: u32| -> Result<(), Outcome> {
        let refuse = |InnerNul| Outcome {
            status: status::CONFIG,
            message: format!("option `{key}` holds a NUL character, which no plugin can be told"),
            ..Outcome::default()
        };
        options.push(abi::OptionValue {
            struct_size: size_of::<abi::OptionValue>() as u32,
            flags,
            key: texts.lend(key.as_bytes()).map_err(refuse)?,
            value: texts.lend(value).map_err(refuse)?,
        });
        Ok(())
    };
    for option in &open.options {
        let secret = if option.secret { option_flag::SECRET } else { 0 };
        let known = provider
            .options
            .iter()
            .zip(flags)
            .find(|(known, _)| known.key == option.key);
        lend(
            &option.key,
            option.value.bytes(),
            known.map_or(secret, |(_, flags)| *flags),
        )?;
    }
    for (known, flags) in provider.options.iter().zip(flags) {
        if let Some(default) = &known.default
            && !open.options.iter().any(|option| option.key == known.key)
        {
            lend(&known.key, default.as_bytes(), *flags)?;
        }
    }
    Ok(options)
}
