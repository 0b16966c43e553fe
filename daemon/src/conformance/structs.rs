//! Hosts of other minors.

use super::{
    session::Session,
    verdict::{Seen, Trouble, failed},
};
use crate::plugin::{Operation, Structs, TrialRules};

/// Everything an instance does, once with the structs of a later minor and once with the smallest of ABI 1.0.
pub(super) async fn check(session: &mut Session<'_, '_>) -> Seen {
    for (structs, named) in [
        (Structs::Larger, "structs larger than those of ABI 1.0"),
        (
            Structs::Smallest,
            "structs and buffers of exactly the size of ABI 1.0, with nothing behind them",
        ),
    ] {
        match everything(session, structs).await {
            Err(Trouble::Failed(seen)) => return failed(format!("with {named}: {seen}")),
            other => other?,
        }
    }
    Ok(
        "worked with larger structs, and with the smallest ones at the edge of what may be touched"
            .to_owned(),
    )
}

async fn everything(session: &mut Session<'_, '_>, structs: Structs) -> Result<(), Trouble> {
    let rules = TrialRules {
        structs,
        reopens: true,
    };
    session.restart(rules).await?;
    let mut records = session.records(1);
    if session.info.checks {
        session.call(Operation::Check, &records).await?;
    }
    session.present(&mut records).await?;
    if session.info.syncs {
        session.call(Operation::Sync, &records).await?;
    }
    session.remove(&records).await?;
    session.trial.close().await?;
    // whoever cleans up after this does it in service
    session.restart(TrialRules::default()).await
}
