//! Calls without time.

use std::time::Duration;

use super::{
    session::Session,
    verdict::{Seen, Trouble, failed, moot},
};
use crate::plugin::{CallError, FailureClass, Operation, Patience, Record, RecordOutcome};

/// The least time that a call can have.
const NO_TIME: Duration = Duration::from_millis(1);
/// Time of a call that is cancelled: it must not end by itself.
const PLENTY: Duration = Duration::from_secs(60);
/// When the cancellations come: at once, and while a request is on its way.
const MOMENTS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(2),
    Duration::from_millis(10),
];

/// A call of a millisecond.
pub(super) async fn deadline(session: &mut Session<'_, '_>) -> Seen {
    let patience = Patience::of(NO_TIME);
    let seen = hurried(session, patience).await?;
    works_on(session).await?;
    Ok(format!("a call of 1 ms {seen}"))
}

/// Calls that are cancelled.
pub(super) async fn cancel(session: &mut Session<'_, '_>) -> Seen {
    let mut seen = Vec::new();
    for moment in MOMENTS {
        let patience = Patience {
            timeout: PLENTY,
            cancel_after: Some(moment),
        };
        let one = hurried(session, patience).await?;
        seen.push(format!("after {} ms {one}", moment.as_millis()));
    }
    works_on(session).await?;
    Ok(format!("cancelled {}", seen.join(", ")))
}

/// One record with little time: it must come back, and what it says must be so.
async fn hurried(session: &mut Session<'_, '_>, patience: Patience) -> Seen {
    let records = session.records(1);
    session.pace().await;
    session.stage.ledger.intend(&records);
    let reply = match session.trial.call(Operation::Present, &records, patience).await {
        Ok(reply) => reply,
        Err(CallError::Died(death)) if !session.info.cancels => {
            return moot(format!(
                "it does not claim DNS01_CAP_CANCELS; the process {death}"
            ));
        }
        Err(error) => return Err(error.into()),
    };
    session.learn(Operation::Present, &records, &reply.outcomes);
    let outcome = reply.outcomes.first();
    let seen = judge(session, &records, outcome).await?;
    if !matches!(outcome, Some(Ok(_))) {
        // the outcome is unknown, and removal answers for both
        let removed = session.call(Operation::Remove, &records).await?;
        if let Some(Err(failure)) = removed.first() {
            return failed(format!("{seen}; then remove failed: {failure}"));
        }
    } else {
        session.remove(&records).await?;
    }
    session.gone(&records).await?;
    Ok(format!("{seen} in {} ms", reply.took.as_millis()))
}

async fn judge(
    session: &mut Session<'_, '_>,
    records: &[Record],
    outcome: Option<&RecordOutcome>,
) -> Result<&'static str, Trouble> {
    match outcome {
        Some(Ok(_)) => {
            session.visible(records).await?;
            Ok("was done")
        }
        Some(Err(failure)) => match failure.class {
            FailureClass::Cancelled => Ok("said that it was cancelled"),
            FailureClass::Transient | FailureClass::RateLimited => Ok("said that it should be tried again"),
            _ => failed(format!(
                "a call that ran out of time says status {} ({failure}) instead of DNS01_E_CANCELLED (102)",
                failure.code
            )),
        },
        None => failed("the record had no outcome"),
    }
}

/// The process and the instance are as good as before.
async fn works_on(session: &mut Session<'_, '_>) -> Result<(), Trouble> {
    let mut records = session.records(1);
    let went_on = async {
        session.present(&mut records).await?;
        session.visible(&records).await?;
        session.remove(&records).await?;
        session.gone(&records).await
    };
    match went_on.await {
        Err(Trouble::Failed(seen)) => failed(format!("after that, {seen}")),
        other => other,
    }
}
