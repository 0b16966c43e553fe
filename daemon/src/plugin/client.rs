//! How the layers above speak to a provider.

use std::{fmt::Debug, time::Duration};

use dns01_plugin_wire::{InstanceInfo, Operation, Record};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{error::CallError, outcome::RecordOutcome};
use crate::types::Fault;

/// How an instance fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The number of its process, while one runs that is not just starting.
    pub process: Option<u32>,
    /// When a call failed last, and how, if none of its operation has succeeded since.
    pub failing: Option<(Timestamp, Fault)>,
}

/// A provider instance, real or fake.
///
/// Every call is bounded by its `timeout`, from the caller's request to the answer; starting a process is
/// part of it. A process that does not answer in time is told to stop and killed after the grace of
/// [`super::HostOptions`], so the answer may take that much longer. Dropping a future cancels its call.
///
/// Outcomes are in the order of the records. A [`CallError`] holds for all records of the call; unless it is
/// [`CallError::untouched`], any of them may have been written. Calls larger than the instance takes at once
/// are split: when a later part fails, its records are [`super::FailureClass::Cancelled`].
pub trait ProviderClient: Debug + Send + Sync {
    /// Properties of the instance; opens it when it was never open.
    fn info(&self, timeout: Duration) -> BoxFuture<'_, Result<InstanceInfo, CallError>>;

    /// Runs an operation.
    fn call<'a>(
        &'a self,
        operation: Operation,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>>;

    /// How it fares; asks nobody.
    fn health(&self) -> Health {
        Health::default()
    }

    /// Ends the process, if there is one, and waits for its end. A later call starts another.
    fn shutdown(&self) -> BoxFuture<'_, ()>;

    /// Adds the TXT values and keeps every other; a value already there is success.
    fn present<'a>(
        &'a self,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        self.call(Operation::Present, records, timeout)
    }

    /// Removes exactly these values; one already absent is success.
    fn remove<'a>(
        &'a self,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        self.call(Operation::Remove, records, timeout)
    }

    /// Asks whether the values are on all of the provider's servers: a hint when to look.
    fn sync<'a>(
        &'a self,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        self.call(Operation::Sync, records, timeout)
    }

    /// Tries the credentials, and for each record whether there is a writable zone; changes nothing. Without
    /// records there is one outcome, for the credentials.
    fn check<'a>(
        &'a self,
        records: &'a [Record],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<RecordOutcome>, CallError>> {
        self.call(Operation::Check, records, timeout)
    }
}
