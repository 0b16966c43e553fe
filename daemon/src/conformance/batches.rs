//! Several records in a call, several calls at once.

use super::{
    session::Session,
    stage::CALL,
    verdict::{Seen, failed, moot},
};
use crate::plugin::{Operation, Patience, Record};

/// Records of a full batch where the instance takes any number, or more than this.
const MOST: usize = 100;
const ANY: usize = 20;
/// Names that a full batch is spread over.
const NAMES: usize = 10;
/// Calls at once: half of what the host would run.
const OVERLAPPING: usize = 4;

/// As many records as one call takes.
pub(super) async fn full(session: &mut Session<'_, '_>) -> Seen {
    let count = match session.info.max_batch {
        0 => ANY,
        most => (most as usize).min(MOST),
    };
    if count == 1 {
        return moot("it takes one record at a time");
    }
    let per_name = match session.info.value_limit() {
        Some(limit) => limit as usize,
        None => count,
    };
    let names = match session.stage.options.name {
        Some(_) if per_name < count => return moot(format!("one name holds {per_name} value here")),
        Some(_) => 1,
        None => count.div_ceil(per_name).max(NAMES.min(count)),
    };
    let identifiers: Vec<String> = (0..names).map(|_| session.identifier()).collect();
    let mut records: Vec<Record> = (0..count)
        .map(|at| session.stage.record(&identifiers[at % names]))
        .collect();
    // values of one name adjacent
    records.sort_by(|a, b| a.fqdn.cmp(&b.fqdn));
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!(
        "{count} records of {names} names in one call, {}",
        session.seen()
    ))
}

/// A record that nobody can write between two that can be written.
pub(super) async fn mixed(session: &mut Session<'_, '_>) -> Seen {
    if session.info.max_batch != 0 && session.info.max_batch < 3 {
        return moot("it takes fewer than three records at a time");
    }
    if session.stage.options.name.is_some() {
        session.need_values(2)?;
    }
    let nowhere = session.stage.names.nowhere();
    let (first, last) = (session.identifier(), session.identifier());
    let records = [
        session.stage.record(&first),
        session.stage.record(&nowhere),
        session.stage.record(&last),
    ];
    let outcomes = session.call(Operation::Present, &records).await?;
    let [one, bad, two] = outcomes.as_slice() else {
        return failed(format!("three records had {} outcomes", outcomes.len()));
    };
    match bad {
        Ok(_) if session.stage.view.is_none() => {
            session.remove(&records).await?;
            return moot("it has no zones that a name could be outside of");
        }
        Ok(_) => return failed(format!("{} was accepted, and is in no zone", records[1].fqdn)),
        Err(failure) if !(200..300).contains(&failure.code) => {
            return failed(format!(
                "the bad record has status {} ({failure}), which is no error that a person must act on",
                failure.code
            ));
        }
        Err(_) => {}
    }
    let good = [records[0].clone(), records[2].clone()];
    match (one, two) {
        (Ok(a), Ok(b)) => {
            let mut good = good;
            good[0].handle = a.handle.clone();
            good[1].handle = b.handle.clone();
            session.visible(&good).await?;
            session.remove(&good).await?;
            session.gone(&good).await?;
            Ok(format!(
                "the bad one was refused, the good ones {}",
                session.seen()
            ))
        }
        (Err(a), Err(_)) if session.info.atomic_batch => {
            session.gone(&good).await?;
            Ok(format!("all were refused ({a}) and none was written"))
        }
        (Err(failure), _) | (_, Err(failure)) => {
            failed(format!("a good record beside a bad one failed: {failure}"))
        }
    }
}

/// Calls of different names at once.
pub(super) async fn overlap(session: &mut Session<'_, '_>) -> Seen {
    if !session.info.concurrent {
        return moot("it does not claim DNS01_CAP_CONCURRENT");
    }
    if session.stage.options.name.is_some() {
        session.need_values(OVERLAPPING as u32)?;
    }
    let mut all = Vec::new();
    for _ in 0..OVERLAPPING {
        all.extend(session.records(1));
    }
    for operation in [Operation::Present, Operation::Remove] {
        let calls: Vec<(Operation, &[Record])> = all
            .iter()
            .map(|record| (operation, std::slice::from_ref(record)))
            .collect();
        if operation == Operation::Present {
            session.stage.ledger.intend(&all);
        }
        let replies = session.trial.calls(&calls, Patience::of(CALL)).await?;
        let outcomes: Vec<_> = replies.into_iter().flat_map(|reply| reply.outcomes).collect();
        session.learn(operation, &all, &outcomes);
        for (record, outcome) in all.iter_mut().zip(outcomes) {
            match outcome {
                Ok(done) if operation == Operation::Present => record.handle = done.handle,
                Ok(_) => {}
                Err(failure) => {
                    return failed(format!("{} beside others failed: {failure}", operation.as_str()));
                }
            }
        }
        match operation {
            Operation::Present => session.visible(&all).await?,
            _ => session.gone(&all).await?,
        }
    }
    Ok(format!("{OVERLAPPING} calls at once, {}", session.seen()))
}
