//! The worker of one deployment: switch, hook, and again until it is done.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Certificate, Engine, Outcome, Stage, issue::Say};
use crate::{
    deployment::{self, Action, Event, State},
    outputs::{HookRun, Outputs, run_hook},
    revocation,
    store::{CertificateRow, Job, JobKind, StoreError},
    types::CertificateName,
};

/// A directory that cannot be switched now (full disk, wrong owner) is looked at again after this.
const PANIC_RETRY: Duration = Duration::from_secs(60);

/// Takes a deployment as far as it goes now.
///
/// # Errors
/// When the store does not answer; the job is then due again.
pub(super) async fn run(
    engine: &Engine,
    certificate: &Certificate,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let name = &certificate.name;
    let Some(row) = engine.store.certificate(name.clone()).await? else {
        return Ok(());
    };
    let say = Say {
        engine,
        certificate: name,
    };
    let mut durable = row.deployment.clone().unwrap_or_default();
    let woken = Event::Woken {
        at: engine.clock.now(),
        hook: certificate.hook.is_some(),
    };
    let (mut state, mut actions) = deployment::step(durable.clone(), woken);
    let mut failed = None;
    loop {
        // before the first action the job is as due as it was
        if state != durable
            || !matches!(
                actions.last(),
                Some(Action::Switch { .. } | Action::RunHook { .. })
            )
        {
            let kept = engine.store.deploy(name.clone(), durable, state.clone()).await?;
            if !kept {
                // its job is due
                info!(cert = %name, "a newer generation is deployed instead");
                return Ok(());
            }
            durable = state.clone();
        }
        let event = match actions.pop() {
            None => {
                if let State::Deployed { generation, .. } = state {
                    let serial = row.issued.as_ref().map_or("", |issued| issued.serial.as_str());
                    info!(cert = %name, generation, serial, "certificate deployed");
                    call_revocations(engine, name).await?;
                    say.send(
                        Stage::End,
                        format!("deployed: generation {generation}"),
                        Some(Outcome::Succeeded),
                    );
                }
                return Ok(());
            }
            Some(Action::WakeAt(moment)) => {
                info!(cert = %name, retry_at = %moment, "deployment waits");
                // the moment of the next try is stored by now: whoever watches can look it up
                if let Some(text) = failed {
                    say.send(Stage::End, text, Some(Outcome::Failed));
                }
                return Ok(());
            }
            Some(Action::Switch { generation }) => switch(engine, certificate, generation, &say).await,
            Some(Action::RunHook { generation }) => {
                match hook(engine, certificate, &row, generation, stop, &say).await {
                    Some(event) => event,
                    None => return Ok(()),
                }
            }
        };
        failed = match &event {
            Event::SwitchFailed { reason, .. } => Some(reason.clone()),
            Event::HookFailed { failure, .. } if failure.cause != deployment::HookCause::Interrupted => {
                Some(failure.to_string())
            }
            _ => None,
        };
        (state, actions) = deployment::step(state, event);
    }
}

/// Those that waited for another certificate to be live.
async fn call_revocations(engine: &Engine, name: &CertificateName) -> Result<(), StoreError> {
    for revocation in engine.store.revocations().await? {
        let waits = revocation.asked.state == revocation::State::Replacing;
        if waits && revocation.asked.certificate.as_ref() == Some(name) {
            let (kind, due) = (JobKind::Revoke, engine.clock.now());
            let subject = revocation.id.to_string();
            engine.store.schedule(Job { kind, subject, due }).await?;
            engine.wake();
        }
    }
    Ok(())
}

async fn switch(engine: &Engine, certificate: &Certificate, generation: u32, say: &Say<'_>) -> Event {
    let outputs = Outputs::new(certificate.output.clone());
    let live = outputs.live_path();
    let result = spawn_blocking(move || {
        outputs
            .activate(generation)
            .map_err(|error| (error.to_string(), error.retry()))
    });
    let result = result
        .await
        .unwrap_or_else(|panic| Err((panic.to_string(), PANIC_RETRY)));
    let at = engine.clock.now();
    match result {
        Ok(()) => {
            say.send(
                Stage::Switch,
                format!("{} leads to generation {generation}", live.display()),
                None,
            );
            Event::Switched {
                generation,
                at,
                hook: certificate.hook.is_some(),
            }
        }
        Err((reason, retry)) => {
            warn!(cert = %certificate.name, generation, error = reason, "certificate could not be switched; it is tried again");
            Event::SwitchFailed {
                generation,
                at,
                reason,
                retry,
            }
        }
    }
}

async fn hook(
    engine: &Engine,
    certificate: &Certificate,
    row: &CertificateRow,
    generation: u32,
    stop: &CancellationToken,
    say: &Say<'_>,
) -> Option<Event> {
    // the machine asks for a hook only where there is one
    let options = certificate.hook.as_ref()?;
    let live = Outputs::new(certificate.output.clone()).live_path();
    let run = HookRun {
        certificate: &certificate.name,
        live: &live,
        generation,
        serial: row.issued.as_ref().map_or("", |issued| issued.serial.as_str()),
        identifiers: &certificate.identifiers,
    };
    say.send(
        Stage::Hook,
        format!("hook runs: {}", options.command.join(" ")),
        None,
    );
    let result = run_hook(options, run, stop).await;
    let at = engine.clock.now();
    Some(match result {
        Ok(()) => Event::HookSucceeded { generation, at },
        Err(failure) => {
            let jitter = engine.random.u64();
            Event::HookFailed {
                generation,
                at,
                failure,
                jitter,
            }
        }
    })
}
