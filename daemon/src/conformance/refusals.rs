//! What it must refuse, and in which words.

use serde_json::Value;

use super::{
    session::Session,
    verdict::{Seen, failed, moot},
};
use crate::{
    plugin::{CallError, Failure, Operation, OptionValue, Patience, TrialRules},
    secret::Secret,
};

/// A name for which there is no zone.
pub(super) async fn outside(session: &mut Session<'_, '_>) -> Seen {
    let nowhere = session.stage.names.nowhere();
    let record = [session.stage.record(&nowhere)];
    let outcomes = session.call(Operation::Present, &record).await?;
    match outcomes.as_slice() {
        [Ok(_)] if session.stage.view.is_none() => {
            session.remove(&record).await?;
            moot("it has no zones that a name could be outside of")
        }
        [Ok(_)] => failed(format!("{} was accepted, and is in no zone", record[0].fqdn)),
        [Err(failure)] => refusal(failure, &format!("{}: ", record[0].fqdn)),
        _ => failed("one record had several outcomes"),
    }
}

/// Each secret replaced by another of the same form.
pub(super) async fn credentials(session: &mut Session<'_, '_>) -> Seen {
    let provider = session.stage.provider.clone();
    let values = session.stage.values.clone();
    let secret = |value: &OptionValue| {
        value.secret
            || provider
                .option(&value.key)
                .is_some_and(|described| described.secret)
    };
    let wrong: Vec<usize> = (0..values.len()).filter(|at| secret(&values[*at])).collect();
    if wrong.is_empty() {
        return moot("no secret was given");
    }
    let mut seen = Vec::new();
    let mut accepted = Vec::new();
    for at in wrong {
        let key = values[at].key.clone();
        let mut values = values.clone();
        values[at].value = Secret::new(other(values[at].value.expose()));
        let mut trial = session.stage.process(TrialRules::default()).await?;
        let before = format!("with another `{key}`: ");
        match trial.open(&values).await {
            Ok(info) => {
                let record = session.records(1);
                session.stage.ledger.intend(&record);
                let reply = trial
                    .call(Operation::Present, &record, Patience::of(super::stage::CALL))
                    .await?;
                session.learn(Operation::Present, &record, &reply.outcomes);
                match reply.outcomes.as_slice() {
                    [Err(failure)] => seen.push(refusal(failure, &before)?),
                    _ => accepted.push(key),
                }
                // the record may stand where only this process can remove it
                if !info.stateless_remove {
                    trial
                        .call(Operation::Remove, &record, Patience::of(super::stage::CALL))
                        .await?;
                }
            }
            Err(CallError::Open(failure)) => seen.push(refusal(&failure, &before)?),
            Err(error) => return Err(error.into()),
        }
        session.stage.retire(trial).await;
    }
    if seen.is_empty() {
        return moot(format!("nothing seems to depend on `{}`", accepted.join("`, `")));
    }
    Ok(seen.join("; "))
}

fn refusal(failure: &Failure, before: &str) -> Seen {
    if !(200..300).contains(&failure.code) {
        return failed(format!(
            "{before}status {} ({failure}) is no error that a person must act on",
            failure.code
        ));
    }
    if failure.message.is_empty() {
        return failed(format!("{before}status {} without a message", failure.code));
    }
    Ok(format!("{before}{failure}"))
}

/// Another secret of the same form, so that it is refused for what it is and not for its form.
fn other(secret: &str) -> String {
    match serde_json::from_str(secret) {
        Ok(mut document @ (Value::Object(_) | Value::Array(_))) => {
            turn_texts(&mut document);
            document.to_string()
        }
        _ => match assignment(secret) {
            Some((name, value)) => format!("{name}={}", turned(value)),
            None => turned(secret),
        },
    }
}

/// Name and value of `NAME=value`, as hooks get their variables; not the padding of base64.
fn assignment(secret: &str) -> Option<(&str, &str)> {
    let (name, value) = secret.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_value = !value.trim_end_matches('=').is_empty();
    (is_name && is_value).then_some((name, value))
}

/// The texts of a document with credentials; not its keys, which are its form.
fn turn_texts(document: &mut Value) {
    match document {
        Value::String(text) => *text = turned(text),
        Value::Array(parts) => parts.iter_mut().for_each(turn_texts),
        Value::Object(parts) => parts.values_mut().for_each(turn_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Another text of the same length and alphabet.
fn turned(secret: &str) -> String {
    let turn = |c: char, first: char, last: char| {
        let (c, first, last) = (c as u8, first as u8, last as u8);
        char::from(if c == last { first } else { c + 1 })
    };
    // the last characters of base64 may not be turned at will: the first ones suffice
    let turned = secret.chars().take(8).map(|c| match c {
        'a'..='z' => turn(c, 'a', 'z'),
        'A'..='Z' => turn(c, 'A', 'Z'),
        '0'..='9' => turn(c, '0', '9'),
        other => other,
    });
    turned.chain(secret.chars().skip(8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_secret_has_the_form_of_the_first() {
        assert_eq!(other("azAZ09+/rest=="), "baBA10+/rest==");
        assert_ne!(other("x"), "x");
        assert_eq!(other("API_Token=abc="), "API_Token=bcd=");
        assert_eq!(other("abcd=="), "bcde==");
        assert_eq!(
            other(r#"{"example.org":{"user":"abc","list":["Z9"],"port":7}}"#),
            r#"{"example.org":{"list":["A0"],"port":7,"user":"bcd"}}"#
        );
    }
}
