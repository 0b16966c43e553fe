//! Whether a provider instance runs, and what it thinks of its credentials.

use tokio::time::Instant;

use super::finding::Notes;
use crate::{
    challenge::{Publisher, Task},
    control::protocol::Finding,
    types::{DnsName, InstanceName},
};

/// True when the instance runs, so that a canary can be sent through it.
pub(super) async fn look(
    publisher: &Publisher,
    instance: &InstanceName,
    library: &str,
    names: &[DnsName],
    notes: &mut Notes,
) -> bool {
    let began = Instant::now();
    let opened = publisher.open(instance).await;
    let took = began.elapsed();
    let info = match opened {
        Ok(info) => info,
        Err(error) => {
            let remedy = format!(
                "correct `providers.{instance}`, then `dns01d reload`; `dns01d provider show {instance}` shows what it takes"
            );
            notes.add(notes.failed("plugin", error.to_string(), Some(remedy), took));
            return false;
        }
    };
    notes.add(notes.step("plugin", format!("{library} runs and takes its options"), took));
    if !info.checks {
        let seen = "this provider checks nothing by itself; canaries show whether it is let in";
        notes.add(notes.step("credentials", seen.to_owned(), std::time::Duration::ZERO));
        return true;
    }
    let began = Instant::now();
    let checked = publisher.prepare(Task::Check, instance, names).await;
    let took = began.elapsed();
    let remedy = || {
        Some(format!(
            "give it credentials that may write TXT records there, `options` of `providers.{instance}`; then `dns01d reload`"
        ))
    };
    notes.add(match checked {
        Err(error) => notes.failed("credentials", error.to_string(), remedy(), took),
        Ok(prepared) => {
            let refused: Vec<String> = prepared
                .iter()
                .filter_map(|one| {
                    let fault = one.outcome.as_ref().err()?;
                    let name = one.identifier.as_ref();
                    Some(name.map_or_else(|| fault.text.clone(), |name| format!("{name}: {}", fault.text)))
                })
                .collect();
            match refused.as_slice() {
                [] => notes.step("credentials", format!("good for {}", count(prepared.len())), took),
                [only] => notes.failed("credentials", only.clone(), remedy(), took),
                [first, ..] => Finding {
                    details: refused.clone(),
                    ..notes.failed(
                        "credentials",
                        format!(
                            "of no use for {} of {}: {first}",
                            refused.len(),
                            count(prepared.len())
                        ),
                        remedy(),
                        took,
                    )
                },
            }
        }
    });
    true
}

fn count(names: usize) -> String {
    match names {
        1 => "1 name".to_owned(),
        names => format!("{names} names"),
    }
}
