use std::time::Duration;

use futures_util::future::join_all;

use super::{
    ChallengeError, Publisher,
    publisher::{CHALLENGE_TTL, challenge_name, empty_record, unpublished},
};
use crate::{
    plugin::{Done, Operation},
    store::NewRecord,
    types::{DnsName, Fault, InstanceName},
};

/// Longest call. A person waits for it, and accounts may be created at a service far away.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);

/// What an operator asks of a provider outside of any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Are the credentials good, and is there a writable zone for each name? Changes nothing.
    Check,
    /// Create what the provider needs for the names.
    Setup,
}

impl Task {
    /// As the command line and the control socket call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Task::Check => "check",
            Task::Setup => "setup",
        }
    }
}

/// What became of one name, or of the credentials alone.
#[derive(Debug)]
pub struct Prepared {
    /// The name to prove; `None` for the credentials.
    pub identifier: Option<DnsName>,
    /// Where its challenge record goes, once that is known.
    pub record: Option<NewRecord>,
    /// What the provider said.
    pub outcome: Result<Done, Fault>,
}

impl Publisher {
    /// Has an instance check or set up names, whoever serves them by now, in their order. [`Task::Check`]
    /// without names looks at the credentials alone.
    ///
    /// # Errors
    /// When the call as a whole fails; what one name failed for is in its outcome.
    pub async fn prepare(
        &self,
        task: Task,
        instance: &InstanceName,
        identifiers: &[DnsName],
    ) -> Result<Vec<Prepared>, ChallengeError> {
        let client = self.client(instance)?;
        let places = identifiers
            .iter()
            .map(|identifier| self.unchallenged(instance, identifier));
        let places = join_all(places).await;
        let wire: Vec<_> = places
            .iter()
            .flatten()
            .map(|record| unpublished(record, CHALLENGE_TTL))
            .collect();
        let operation = match task {
            Task::Check => Operation::Check,
            Task::Setup => Operation::Setup,
        };
        let nothing_left = wire.is_empty() && !identifiers.is_empty();
        let outcomes = if nothing_left {
            Vec::new()
        } else {
            let called = client.call(operation, &wire, CALL_TIMEOUT).await;
            called.map_err(|source| ChallengeError::Call {
                instance: instance.clone(),
                source,
            })?
        };
        let mut outcomes = outcomes
            .into_iter()
            .map(|outcome| outcome.map_err(|failure| failure.fault()));
        let mut prepared = Vec::with_capacity(identifiers.len().max(1));
        for (identifier, place) in identifiers.iter().zip(places) {
            let (record, outcome) = match place {
                // one outcome for each record that was handed over
                Ok(record) => (Some(record), outcomes.next()),
                Err(error) => (None, Some(Err(error.fault()))),
            };
            prepared.extend(outcome.map(|outcome| Prepared {
                identifier: Some(identifier.clone()),
                record,
                outcome,
            }));
        }
        prepared.extend(outcomes.map(|outcome| Prepared {
            identifier: None,
            record: None,
            outcome,
        }));
        Ok(prepared)
    }

    async fn unchallenged(
        &self,
        instance: &InstanceName,
        identifier: &DnsName,
    ) -> Result<NewRecord, ChallengeError> {
        let location = self
            .dns
            .locate(&challenge_name(identifier, "_acme-challenge")?)
            .await?;
        Ok(empty_record(identifier, instance, location))
    }
}
