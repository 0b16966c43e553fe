//! Single records: they come, they go, and nothing else does.

use super::{
    names,
    session::Session,
    stage::CALL,
    verdict::{Seen, Trouble, failed, moot},
};
use crate::plugin::{Done, FailureClass, Operation, Patience, Record, RecordKind};

/// A zone that encloses nothing.
const NO_ZONE: &str = "dns01d-test.invalid";
/// Longer than one string of a TXT record (RFC 1035 3.3.14).
const LONG: usize = 300;

/// A record comes and goes.
pub(super) async fn publish(session: &mut Session<'_, '_>) -> Seen {
    let mut records = session.records(1);
    let done = session.present(&mut records).await?;
    claims_change(Operation::Present, &done)?;
    session.visible(&records).await?;
    if session.info.syncs {
        for outcome in session.call(Operation::Sync, &records).await? {
            if let Err(failure) = outcome
                && failure.class != FailureClass::Unsupported
            {
                return failed(format!("sync of {} failed: {failure}", records[0].fqdn));
            }
        }
    }
    let done = session.remove(&records).await?;
    if session.stage.options.keeps_values {
        if !done.iter().all(|done| done.no_change) {
            return failed("remove took nothing away and did not say DNS01_RESULT_NO_CHANGE");
        }
        return Ok(format!(
            "came, {}; its removal changes nothing, and says so",
            session.seen()
        ));
    }
    claims_change(Operation::Remove, &done)?;
    session.gone(&records).await?;
    Ok(format!("came and went, {}", session.seen()))
}

fn claims_change(operation: Operation, done: &[Done]) -> Result<(), Trouble> {
    if done.iter().any(|done| done.no_change) {
        return failed(format!(
            "{} changed something and said DNS01_RESULT_NO_CHANGE",
            operation.as_str()
        ));
    }
    Ok(())
}

/// Two values of one name, presented and removed together.
pub(super) async fn pair(session: &mut Session<'_, '_>) -> Seen {
    session.need_values(2)?;
    let mut records = session.records(2);
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("two values stood together, {}", session.seen()))
}

/// A value that stood before stays, whatever is done to another one.
pub(super) async fn foreign(session: &mut Session<'_, '_>) -> Seen {
    session.need_values(2)?;
    let mut records = session.records(2);
    let (foreign, own) = records.split_at_mut(1);
    session.present(foreign).await?;
    session.visible(foreign).await?;
    session.present(own).await?;
    let both = [foreign[0].clone(), own[0].clone()];
    after("present", session.visible(&both).await)?;
    session.remove(own).await?;
    after("remove", session.look(foreign, own).await)?;
    session.remove(foreign).await?;
    session.gone(&both).await?;
    Ok(format!(
        "a value stayed while another came and went, {}",
        session.seen()
    ))
}

fn after(operation: &str, looked: Result<(), Trouble>) -> Result<(), Trouble> {
    match looked {
        Err(Trouble::Failed(seen)) => failed(format!("after {operation} of another value, {seen}")),
        other => other,
    }
}

/// Presenting and removing what is there or gone already.
pub(super) async fn again(session: &mut Session<'_, '_>) -> Seen {
    let mut records = session.records(1);
    session.present(&mut records).await?;
    let handle = records[0].handle.clone();
    let second = session.present(&mut records).await?;
    if records[0].handle.is_empty() {
        records[0].handle = handle;
    }
    session.visible(&records).await?;
    session.remove(&records).await?;
    let third = session.remove(&records).await?;
    records[0].handle.clear();
    let never = {
        let record = session.records(1);
        session.remove(&record).await?
    };
    session.gone(&records).await?;
    let told = second
        .iter()
        .chain(&third)
        .chain(&never)
        .all(|done| done.no_change);
    Ok(if told {
        "success with DNS01_RESULT_NO_CHANGE".to_owned()
    } else {
        "success; DNS01_RESULT_NO_CHANGE was not set, which costs the operator a word in the log".to_owned()
    })
}

/// The zone's own name and its wildcard.
pub(super) async fn apex(session: &mut Session<'_, '_>) -> Seen {
    let zone = session.stage.options.zone.to_string();
    if session
        .stage
        .options
        .name
        .as_ref()
        .is_some_and(|name| name.as_str() != zone)
    {
        session.need_names()?;
    }
    let name = names::challenge_name(&zone);
    match session.stage.taken(&name).await {
        Ok(0) => {}
        Ok(count) => {
            return moot(format!(
                "{name} holds {count} values of somebody, and is left alone"
            ));
        }
        Err(error) => return failed(error.to_string()),
    }
    let count = match session.info.value_limit() {
        Some(1) => 1,
        _ => 2,
    };
    let mut records: Vec<Record> = (0..count).map(|_| session.stage.record(&zone)).collect();
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("{name}, {}", session.seen()))
}

/// A zone below the zone.
pub(super) async fn subzone(session: &mut Session<'_, '_>) -> Seen {
    let Some(subzone) = session.stage.options.subzone.clone() else {
        return moot("no delegated zone was given (`--subzone`)");
    };
    let identifier = format!("{}.{subzone}", session.stage.names.label());
    let mut record = session.stage.record(&identifier);
    record.zone = names::of(&subzone);
    if let Some(view) = &mut session.stage.view {
        let place = view.place(&record.fqdn).await;
        let place = place.map_err(|error| Trouble::Failed(error.to_string()))?;
        if place.zone != subzone {
            return moot(format!("{subzone} is no zone of its own: {} is", place.zone));
        }
    }
    let mut records = vec![record];
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("in {subzone}, {}", session.seen()))
}

/// Without a hint, and with a wrong one.
pub(super) async fn hint(session: &mut Session<'_, '_>) -> Seen {
    let mut records = session.records(1);
    records[0].zone.clear();
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;

    let mut record = session.records(1);
    record[0].zone = NO_ZONE.to_owned();
    let outcomes = session.call(Operation::Present, &record).await?;
    let wrong = match outcomes.as_slice() {
        [Ok(done)] => {
            record[0].handle = done.handle.clone();
            session.visible(&record).await?;
            session.remove(&record).await?;
            session.gone(&record).await?;
            "ignored".to_owned()
        }
        [Err(failure)] if (200..300).contains(&failure.code) => format!("refused ({failure})"),
        [Err(failure)] => {
            return failed(format!(
                "with the hint {NO_ZONE}: status {} ({failure}) is no error that a person must act on",
                failure.code
            ));
        }
        _ => return failed("one record had several outcomes"),
    };
    Ok(format!("written without a hint; a wrong one was {wrong}"))
}

/// A label as long as they come.
pub(super) async fn label(session: &mut Session<'_, '_>) -> Seen {
    session.need_names()?;
    let label = session.stage.names.long_label();
    let identifier = format!("{label}.{}", session.stage.options.zone);
    let mut records = vec![session.stage.record(&identifier)];
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("a label of {} octets, {}", label.len(), session.seen()))
}

/// A value that needs two strings.
pub(super) async fn long(session: &mut Session<'_, '_>) -> Seen {
    if !session.info.kinds.contains(&RecordKind::Persist) {
        return moot("only records that stand for months (DNS01_KIND_PERSIST) are so long");
    }
    let mut records = session.records(1);
    records[0].kind = RecordKind::Persist;
    let padding = records[0].value.clone();
    records[0].value = format!(
        "{:x<LONG$}",
        format!("ca.example; accounturi=https://ca.example/account/{padding}; padding=")
    );
    session.present(&mut records).await?;
    session.visible(&records).await?;
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("{LONG} bytes, {}", session.seen()))
}

/// `check` with good names.
pub(super) async fn dry_run(session: &mut Session<'_, '_>) -> Seen {
    if !session.info.checks {
        return moot("it has no check()");
    }
    let records = session.records(1);
    let name = &records[0].fqdn;
    let before = match session.stage.taken(name).await {
        Ok(before) => before,
        Err(error) => return failed(error.to_string()),
    };
    let reply = session
        .one_call(Operation::Check, &[], Patience::of(CALL))
        .await?;
    match reply.outcomes.as_slice() {
        [Err(failure)] if failure.class == FailureClass::Unsupported => return moot("it has no check()"),
        [Err(failure)] => return failed(format!("check() of the credentials alone failed: {failure}")),
        _ => {}
    }
    // what it writes against its promise must go as well
    session.stage.ledger.intend(&records);
    for outcome in session.call(Operation::Check, &records).await? {
        if let Err(failure) = outcome {
            return failed(format!("check() of {} failed: {failure}", records[0].fqdn));
        }
    }
    match session.stage.taken(name).await {
        Ok(count) if count != before || session.stage.is_shown(&records[0]).await => {
            return failed(format!(
                "after check() there are {count} TXT values at {name}, and there were {before}"
            ));
        }
        Ok(_) => {}
        Err(error) => return failed(error.to_string()),
    }
    session.stage.ledger.forget(&records[0]);
    Ok("the credentials and a name were accepted, and nothing was changed".to_owned())
}
