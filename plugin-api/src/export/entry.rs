//! The functions of the table: they check what the host gave, stop every panic, and
//! turn what a provider says into statuses.
#![expect(unsafe_code, reason = "the boundary of the exported functions")]

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::Zeroizing;

use super::batch::Slot;
use super::library::{Erased, Library, Operation};
use super::{Batch, Call, Class, Error, Host, Level, Options};
use crate::abi::{self, Status, status};

/// What a `dns01_instance *` of ours points to.
struct Open {
    host: Host,
    provider: Box<dyn Erased>,
}

/// Runs `work`; a panic ends here, as an error that says where it came from.
///
/// The provider stays in the state the panic left it in and is called again: that is safe
/// (it is Rust), but a lock that was held is poisoned. The host reports an internal error
/// as a bug, and does not replace the process for it.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let error = Error::new(
            Class::Internal,
            format!("bug in the provider: {}", words(&*payload)),
        );
        // dropping an arbitrary payload may panic again
        std::mem::forget(payload);
        error
    })
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}

/// `dns01_plugin.open`.
///
/// # Safety
/// The header's promises on `open`.
pub(super) unsafe extern "C" fn open<L: Library>(
    host: *const abi::Host,
    provider_id: *const c_char,
    call: *const abi::Call,
    options: *const *const abi::OptionValue,
    option_count: usize,
    error: *mut abi::ResultSlot,
    out: *mut *mut abi::Instance,
) -> Status {
    // SAFETY: the caller's promise on `error`.
    let Ok(mut slot) = (unsafe { Slot::adopt(error) }) else {
        return status::INTERNAL;
    };
    // SAFETY: the caller's promise on `host`.
    let host = match unsafe { Host::adopt(host) } {
        Ok(host) => host,
        Err(undersized) => return fail(&mut slot, None, &broken(&undersized.to_string())),
    };
    let opened = guard(|| {
        if out.is_null() || provider_id.is_null() {
            return Err(broken("open without a provider id or a place for the instance"));
        }
        // SAFETY: not NULL; host text is NUL-terminated.
        let id = unsafe { CStr::from_ptr(provider_id) };
        let exported = L::PROVIDERS
            .iter()
            .find(|exported| exported.description.id.as_bytes() == id.to_bytes())
            .ok_or_else(|| Error::config(format!("{} has no provider {id:?}", L::NAME)))?;
        // SAFETY: the caller's promise on `options`.
        let values = unsafe { values(options, option_count)? };
        // SAFETY: the call is in progress until we return.
        let call =
            unsafe { Call::enter(host, call) }.map_err(|undersized| broken(&undersized.to_string()))?;
        let options = Options::accept(exported.description, values)?;
        (exported.open)(host, &call, &options)
    });
    match opened.and_then(|opened| opened) {
        Ok(provider) => {
            let instance = Box::into_raw(Box::new(Open { host, provider }));
            // SAFETY: not NULL, seen above, and the host's to be written to.
            unsafe { out.write(instance.cast()) };
            status::OK
        }
        Err(error) => fail(&mut slot, Some(host), &error),
    }
}

/// Copies the options that the host gave.
///
/// # Safety
/// `options` is NULL or holds `count` pointers to options.
unsafe fn values(
    options: *const *const abi::OptionValue,
    count: usize,
) -> Result<Vec<(String, Zeroizing<String>)>, Error> {
    if options.is_null() && count > 0 {
        return Err(broken("open without its options"));
    }
    let mut values = Vec::with_capacity(count);
    for at in 0..count {
        // SAFETY: not NULL, and inside the array.
        let option =
            unsafe { abi::read(*options.add(at)) }.map_err(|undersized| broken(&undersized.to_string()))?;
        // SAFETY: host text is readable until the call returns.
        let (key, value) = unsafe { (option.key.bytes(), option.value.bytes()) };
        let key = std::str::from_utf8(key).map_err(|_| broken("an option key is not UTF-8"))?;
        let value = std::str::from_utf8(value)
            .map_err(|_| Error::config(format!("option `{key}` is not UTF-8 text")))?;
        values.push((key.to_owned(), Zeroizing::new(value.to_owned())));
    }
    Ok(values)
}

/// `dns01_plugin.close`.
///
/// # Safety
/// `instance` comes from [`open`], is closed once, and no call on it is in progress.
pub(super) unsafe extern "C" fn close(instance: *mut abi::Instance) {
    if instance.is_null() {
        return;
    }
    // SAFETY: made by `Box::into_raw` in `open`; the caller gives it up.
    let instance = unsafe { Box::from_raw(instance.cast::<Open>()) };
    let host = instance.host;
    if let Err(panicked) = guard(|| drop(instance)) {
        host.log(Level::Error, panicked.message());
    }
}

/// `dns01_plugin.info`.
///
/// # Safety
/// `instance` comes from [`open`]; `out` keeps the promises of `dns01_instance_info`.
pub(super) unsafe extern "C" fn info(instance: *mut abi::Instance, out: *mut abi::InstanceInfo) {
    // SAFETY: the caller's promise.
    let Some(instance) = (unsafe { instance.cast::<Open>().as_ref() }) else {
        return;
    };
    match guard(|| instance.provider.info().to_abi()) {
        // SAFETY: the caller's promise on `out`.
        Ok(info) => match unsafe { abi::write(out, &info) } {
            Ok(()) => {}
            Err(undersized) => instance.host.log(Level::Error, &undersized.to_string()),
        },
        // zeroes stand: no special need
        Err(panicked) => instance.host.log(Level::Error, panicked.message()),
    }
}

macro_rules! batch_functions {
    ($($name:ident $operation:ident;)*) => {$(
        #[doc = concat!("`dns01_plugin.", stringify!($name), "`.")]
        ///
        /// # Safety
        /// The header's promises on `dns01_batch_fn`; `instance` comes from [`open`].
        pub(super) unsafe extern "C" fn $name(
            instance: *mut abi::Instance,
            call: *const abi::Call,
            records: *const *const abi::Record,
            results: *const *mut abi::ResultSlot,
            count: usize,
        ) -> Status {
            // SAFETY: the caller's promise.
            unsafe { run(Operation::$operation, instance, call, records, results, count) }
        }
    )*};
}

batch_functions! {
    present Present;
    remove Remove;
    sync Sync;
    check Check;
    setup Setup;
}

/// # Safety
/// The header's promises on `dns01_batch_fn`; `instance` comes from [`open`].
unsafe fn run(
    operation: Operation,
    instance: *mut abi::Instance,
    call: *const abi::Call,
    records: *const *const abi::Record,
    results: *const *mut abi::ResultSlot,
    count: usize,
) -> Status {
    // SAFETY: the caller's promise; calls share the instance, none owns it.
    let Some(instance) = (unsafe { instance.cast::<Open>().as_ref() }) else {
        return status::INTERNAL;
    };
    let host = instance.host;
    // SAFETY: the caller's promise on the arrays, which last until we return.
    let mut batch = match unsafe { Batch::adopt(records, results, count) } {
        Ok(batch) => batch,
        Err((error, mut slots)) => {
            return match slots.first_mut() {
                Some(slot) => fail(slot, Some(host), &error),
                None => {
                    host.log(Level::Error, error.message());
                    status::INTERNAL
                }
            };
        }
    };
    if count == 0 && operation != Operation::Check {
        return fail(
            &mut batch.slots()[0],
            Some(host),
            &broken("a call without records"),
        );
    }
    // SAFETY: the call is in progress until we return.
    let call = match unsafe { Call::enter(host, call) } {
        Ok(call) => call,
        Err(undersized) => {
            return fail(
                &mut batch.slots()[0],
                Some(host),
                &broken(&undersized.to_string()),
            );
        }
    };
    let outcome = guard(|| instance.provider.run(operation, &call, &mut batch)).and_then(|outcome| outcome);
    let error = match outcome {
        Err(error) => error,
        Ok(()) if count == 0 || batch.slots().iter().all(Slot::is_settled) => return status::OK,
        Ok(()) => Error::new(
            Class::Internal,
            "bug in the provider: it returned without settling every record",
        ),
    };
    match batch.slots().iter_mut().find(|slot| !slot.is_settled()) {
        Some(slot) => fail(slot, Some(host), &error),
        // every record has its own outcome; the error has nothing left to say it of
        None => {
            call.log(Level::Warn, error.message());
            status::OK
        }
    }
}

/// Says why in `slot` and returns the status of the call. A bug is logged as well.
fn fail(slot: &mut Slot, host: Option<Host>, error: &Error) -> Status {
    if let Some(host) = host.filter(|_| error.class() == Class::Internal) {
        host.log(Level::Error, error.message());
    }
    slot.describe(error);
    error.class().status()
}

fn broken(what: &str) -> Error {
    Error::new(Class::Internal, format!("the host broke the ABI: {what}"))
}
