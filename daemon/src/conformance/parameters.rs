//! Options, properties, and what is never said.

use super::{
    Check,
    session::Session,
    stage::Stage,
    verdict::{Seen, Trouble, failed, moot},
};
use crate::{
    plugin::{
        CallError, FailureClass, InstanceInfo, OptionDescription, OptionKind, OptionValue, RecordKind,
        Spoken, Trial, TrialRules,
    },
    secret::Secret,
};

/// A key that no provider has.
const STRANGE: &str = "dns01d-test-no-such-option";
/// Longest time that a record may take to show; no provider is that slow.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// One way of opening the instance wrongly.
struct Attempt {
    values: Vec<OptionValue>,
    what: String,
    key: String,
    /// A host has refused such a value before it opens the instance, so that opening is no fault.
    may_open: bool,
}

/// Opens the instance wrongly in every way of this check.
pub(super) async fn check(check: Check, stage: &mut Stage<'_>) -> Seen {
    let attempts = match check {
        Check::Missing => missing(stage),
        Check::Unknown => unknown(stage)?,
        _ => malformed(stage),
    };
    if attempts.is_empty() {
        return moot(match check {
            Check::Missing => "no option is required",
            _ => "every option is text",
        });
    }
    let mut seen = Vec::new();
    let mut process = None;
    for attempt in &attempts {
        if stage.stop.is_cancelled() {
            return Err(Trouble::Interrupted);
        }
        let mut trial = match process.take() {
            Some(trial) => trial,
            None => open_process(stage).await?,
        };
        let opened = trial.open(&attempt.values).await;
        let ended = matches!(opened, Err(CallError::Died(_)));
        let judged = attempt.judge(opened);
        if judged.is_ok() && !ended {
            if matches!(judged, Ok(Opened::Open)) {
                trial.close().await?;
            }
            process = Some(trial);
        } else {
            stage.retire(trial).await;
        }
        seen.push(match judged? {
            Opened::Open => format!("{}: opened all the same", attempt.what),
            Opened::Refused => format!("{}: refused", attempt.what),
        });
    }
    if let Some(trial) = process {
        stage.retire(trial).await;
    }
    Ok(seen.join("; "))
}

enum Opened {
    Open,
    Refused,
}

impl Attempt {
    fn judge(&self, opened: Result<InstanceInfo, CallError>) -> Result<Opened, Trouble> {
        let Attempt { what, key, .. } = self;
        match opened {
            Ok(_) if self.may_open => Ok(Opened::Open),
            Ok(_) => failed(format!("{what}: the instance opened")),
            Err(CallError::Open(failure)) if failure.class != FailureClass::Config => failed(format!(
                "{what}: status {} ({}) instead of DNS01_E_CONFIG (203)",
                failure.code,
                failure.class.as_str()
            )),
            Err(CallError::Open(failure)) if !failure.message.contains(key.as_str()) => {
                let message = match failure.message.as_str() {
                    "" => "no message".to_owned(),
                    text => format!("the message \"{text}\""),
                };
                failed(format!("{what}: {message} does not name `{key}`"))
            }
            Err(CallError::Open(_)) => Ok(Opened::Refused),
            Err(error) => match Trouble::from(error) {
                Trouble::Failed(seen) => failed(format!("{what}: {seen}")),
                other => Err(other),
            },
        }
    }
}

async fn open_process(stage: &mut Stage<'_>) -> Result<Trial, Trouble> {
    let rules = TrialRules {
        reopens: true,
        ..TrialRules::default()
    };
    Ok(stage.process(rules).await?)
}

fn missing(stage: &Stage<'_>) -> Vec<Attempt> {
    let required = stage
        .provider
        .options
        .iter()
        .filter(|option| option.required && option.default.is_none());
    required
        .flat_map(|option| {
            let key = option.key.clone();
            let without = without(stage, &key);
            let mut empty = without.clone();
            empty.push(value(option, ""));
            [
                Attempt {
                    values: without,
                    what: format!("without `{key}`"),
                    key: key.clone(),
                    may_open: false,
                },
                Attempt {
                    values: empty,
                    what: format!("with `{key}` empty"),
                    key,
                    may_open: false,
                },
            ]
        })
        .collect()
}

fn unknown(stage: &Stage<'_>) -> Result<Vec<Attempt>, Trouble> {
    if stage.provider.open_config {
        return moot("it takes options that it does not list (DNS01_PROVIDER_OPEN_CONFIG)");
    }
    let mut values = stage.values.clone();
    values.push(OptionValue {
        key: STRANGE.to_owned(),
        value: Secret::new("something".to_owned()),
        secret: false,
    });
    Ok(vec![Attempt {
        values,
        what: format!("with `{STRANGE}`"),
        key: STRANGE.to_owned(),
        may_open: true,
    }])
}

fn malformed(stage: &Stage<'_>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for option in &stage.provider.options {
        let text = match option.kind {
            OptionKind::Integer => "seven",
            OptionKind::Duration => "soon",
            OptionKind::Boolean => "perhaps",
            OptionKind::Text | OptionKind::File => continue,
        };
        let mut values = without(stage, &option.key);
        values.push(value(option, text));
        attempts.push(Attempt {
            values,
            what: format!("`{}` = \"{text}\"", option.key),
            key: option.key.clone(),
            may_open: false,
        });
    }
    attempts
}

fn without(stage: &Stage<'_>, key: &str) -> Vec<OptionValue> {
    let kept = stage.values.iter().filter(|value| value.key != key);
    kept.cloned().collect()
}

fn value(option: &OptionDescription, text: &str) -> OptionValue {
    OptionValue {
        key: option.key.clone(),
        value: Secret::new(text.to_owned()),
        secret: option.secret,
    }
}

/// The properties of the instance.
pub(super) async fn info(session: &mut Session<'_, '_>) -> Seen {
    let first = session.info.clone();
    let mut faults = Vec::new();
    if first.kinds.is_empty() {
        faults.push("`kinds` has only bits that mean nothing".to_owned());
    }
    if first.kinds.contains(&RecordKind::Persist) && !first.stateless_remove {
        faults.push("`kinds` has DNS01_KIND_PERSIST, which needs STATELESS_REMOVE".to_owned());
    }
    if first.propagation_timeout_ms > 0 && first.propagation_initial_ms > first.propagation_timeout_ms {
        faults.push("propagation_initial_ms is more than propagation_timeout_ms".to_owned());
    }
    for (name, milliseconds) in [
        ("propagation_initial_ms", first.propagation_initial_ms),
        ("propagation_interval_ms", first.propagation_interval_ms),
        ("propagation_timeout_ms", first.propagation_timeout_ms),
        ("min_call_interval_ms", first.min_call_interval_ms),
        ("min_ttl", u64::from(first.min_ttl) * 1000),
    ] {
        if milliseconds > DAY {
            faults.push(format!("{name} is more than a day"));
        }
    }
    session.restart(TrialRules::default()).await?;
    if session.info != first {
        faults.push("a second instance with the same options says otherwise than the first".to_owned());
    }
    if faults.is_empty() {
        Ok(words(&first))
    } else {
        failed(faults.join("; "))
    }
}

fn words(info: &InstanceInfo) -> String {
    let caps = [
        (info.concurrent, "CONCURRENT"),
        (info.atomic_batch, "ATOMIC_BATCH"),
        (info.stateless_remove, "STATELESS_REMOVE"),
        (info.needs_key_auth, "NEEDS_KEY_AUTH"),
        (info.follows_cname, "FOLLOWS_CNAME"),
        (info.cancels, "CANCELS"),
    ];
    let caps: Vec<&str> = caps
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, name)| name)
        .collect();
    let caps = match caps.as_slice() {
        [] => "no capabilities".to_owned(),
        caps => caps.join(", "),
    };
    match info.max_batch {
        0 => caps,
        most => format!("{caps}; {most} records at once"),
    }
}

/// Whether the whole run heard a secret.
pub(super) fn secrets(stage: &Stage<'_>) -> Seen {
    let secret = |value: &&OptionValue| {
        value.secret
            || stage
                .provider
                .option(&value.key)
                .is_some_and(|described| described.secret)
    };
    let secrets = stage.values.iter().filter(secret).count();
    if secrets == 0 {
        return moot("no secret was given");
    }
    let Some(leak) = stage.leaks.first() else {
        return Ok(format!(
            "{secrets} searched for in all that it said, also at trace level"
        ));
    };
    let place = match leak.spoken {
        Spoken::Stdout => "a line on standard output",
        Spoken::Stderr => "a line on standard error",
        Spoken::Log => "a log line",
        Spoken::Message => "the message of a result",
        Spoken::Handle => "a handle",
    };
    failed(format!("{place} had a secret (shown as ***): {}", leak.text))
}
