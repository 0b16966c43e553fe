//! Whether all of Route 53's servers have a change.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::ChangeStatus;
use dns01_plugin_api::{Batch, Success};

use crate::aws::{self, GET_CHANGE};
use crate::error::Error;

/// When to ask again: a change takes some ten seconds mostly, and requests are few.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Settles each record. A change is asked for once for all its records. A record without one was as wanted already.
pub(crate) async fn ask(client: &Client, batch: &mut Batch<'_>) -> Result<(), Error> {
    let mut changes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for index in 0..batch.records().len() {
        match batch.records()[index].handle {
            "" => batch.settle(index, Ok(Success::done())),
            id => changes.entry(id.to_owned()).or_default().push(index),
        }
    }
    for (id, indices) in changes {
        let outcome = match client.get_change().id(&id).send().await {
            Ok(answer) => Ok(match answer.change_info().map(|info| info.status()) {
                Some(ChangeStatus::Insync) => Success::done().in_sync(),
                _ => Success::pending(ASK_AGAIN),
            }),
            // changes are remembered for a time only, which is longer than any takes
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_change()) =>
            {
                Ok(Success::done())
            }
            Err(error) => match aws::failure(&error, GET_CHANGE, &format!("change {id}")) {
                error if error.ends_call() => return Err(error),
                error => Err(error.into()),
            },
        };
        for index in indices {
            batch.settle(index, outcome.clone());
        }
    }
    Ok(())
}
