//! What `status` shows: read from the store, kept nowhere else.

use jiff::Timestamp;

use crate::{
    challenge::Publisher,
    config::Config,
    control::protocol::{
        Blocked, CanaryFailure, CanaryStatus, CertificateState, CertificateStatus, HookStatus, LastError,
        Leftover, ProviderStatus, RenewalInfoStatus, RevokedSince,
    },
    deployment,
    engine::Certificate,
    outputs::Outputs,
    plugin::Health,
    revocation,
    store::{CanaryRow, CertificateRow, Record, Revocation},
};

/// One certificate, as the store has it. `staging` says that its CA is one for trials.
pub(super) fn certificate(
    certificate: &Certificate,
    staging: bool,
    row: Option<&CertificateRow>,
    now: Timestamp,
) -> CertificateStatus {
    let issued = row.and_then(|row| row.issued.as_ref());
    let last_error = row.and_then(|row| row.last_error.as_ref());
    let deployment = row.and_then(|row| row.deployment.as_ref());
    let issuing = row.is_some_and(|row| row.issuance.is_some());
    let state = match (issued, last_error) {
        (Some(issued), _) if issued.not_after <= now => CertificateState::Expired,
        (_, Some(_)) => CertificateState::Failing,
        (Some(_), None) if cannot_switch(deployment) => CertificateState::Failing,
        _ if issuing => CertificateState::Issuing,
        (Some(_), None) => CertificateState::Valid,
        (None, None) => CertificateState::Pending,
    };
    CertificateStatus {
        name: certificate.name.clone(),
        identifiers: certificate.identifiers.clone(),
        ca: certificate.cas[0].clone(),
        key_type: certificate.key.kind(),
        state,
        activity: row.and_then(|row| row.issuance.as_deref()).map(activity),
        serial: issued.map(|issued| issued.serial.clone()),
        not_before: issued.map(|issued| issued.not_before),
        not_after: issued.map(|issued| issued.not_after),
        renew_at: row.and_then(CertificateRow::renew_at),
        generation: issued.map(|issued| issued.generation),
        live: Outputs::new(certificate.output.clone()).live_path(),
        deployed_at: match deployment {
            Some(deployment::State::Deployed { at, .. }) => Some(*at),
            _ => None,
        },
        hook: hook(certificate, deployment),
        last_error: last_error.map_or_else(
            || switch_error(deployment, now),
            |error| {
                Some(LastError {
                    at: error.at,
                    class: error.class.as_str().to_owned(),
                    text: error.text.clone(),
                })
            },
        ),
        staging,
        ca_used: issued
            .and_then(|issued| issued.ca())
            .filter(|ca| **ca != certificate.cas[0])
            .cloned(),
        profile: certificate.profiles.get(&certificate.cas[0]).cloned(),
        renewal_info: row.and_then(renewal_info),
        blocked_until: row.and_then(|row| row.hold.as_ref()).map(|hold| Blocked {
            at: hold.until,
            text: hold.because.clone(),
        }),
        paused_url: last_error.and_then(|error| error.page.clone()),
        revoked: None,
        next_attempt_at: last_error.and(row.and_then(|row| row.next_attempt)),
        attempts: row.map_or(0, |row| row.failures),
    }
}

fn renewal_info(row: &CertificateRow) -> Option<RenewalInfoStatus> {
    let info = row.renewal_info.as_ref()?;
    let suggested = info.suggested.as_ref()?;
    Some(RenewalInfoStatus {
        start: suggested.window.start,
        end: suggested.window.end,
        explanation_url: suggested.explanation_url.clone(),
        checked_at: info.checked_at?,
        next_check_at: info.next_check(row.issued.as_ref()?.not_after),
    })
}

/// The revocation of the certificate with this serial number, once the CA took it. `revocations` are the newest first.
pub(super) fn revoked(serial: Option<&str>, revocations: &[Revocation]) -> Option<RevokedSince> {
    let serial = serial?;
    let of_it = revocations.iter().filter(|one| one.asked.serial == serial);
    let mut taken = of_it.filter_map(|one| match &one.asked.state {
        revocation::State::Confirming { revoked_at, .. } => Some((one, *revoked_at, None)),
        revocation::State::Revoked {
            revoked_at,
            confirmed,
        } => Some((one, *revoked_at, confirmed.clone())),
        revocation::State::Replacing
        | revocation::State::Revoking { .. }
        | revocation::State::Refused { .. } => None,
    });
    let (one, at, confirmed) = taken.next()?;
    Some(RevokedSince {
        at,
        reason: Some(one.asked.reason),
        confirmed,
    })
}

/// A failing hook is shown as one; only a generation that readers do not get is the certificate's failure.
fn cannot_switch(deployment: Option<&deployment::State>) -> bool {
    matches!(
        deployment,
        Some(deployment::State::Stored { failure: Some(_), .. })
    )
}

/// A generation that could not be made live is an error of the certificate, not of its hook.
fn switch_error(deployment: Option<&deployment::State>, now: Timestamp) -> Option<LastError> {
    match deployment {
        Some(deployment::State::Stored {
            failure: Some(text), ..
        }) => Some(LastError {
            at: now,
            class: "switch".into(),
            text: text.clone(),
        }),
        _ => None,
    }
}

fn activity(state: &str) -> String {
    match state {
        "due" => "about to ask the CA for an order",
        "ordered" => "an order is open; its challenges are read",
        "presented" => "challenge records are being published and looked for",
        "visible" => "every name server shows the records; the CA is told to look",
        "answered" => "the CA validates",
        "ready" => "every name is proved; the key is made",
        "finalizing" => "the CA signs",
        "issued" => "the certificate is here; its files are written",
        other => other,
    }
    .to_owned()
}

fn hook(certificate: &Certificate, deployment: Option<&deployment::State>) -> HookStatus {
    if certificate.hook.is_none() {
        return HookStatus::None;
    }
    match deployment {
        Some(deployment::State::Switched {
            failure: Some(failure),
            failures,
            due,
            ..
        }) => HookStatus::Failing {
            failures: *failures,
            text: failure.to_string(),
            next_attempt_at: *due,
        },
        Some(deployment::State::Switched { failure: None, .. } | deployment::State::Stored { .. }) => {
            HookStatus::Due
        }
        Some(deployment::State::Deployed { .. } | deployment::State::Nothing) | None => HookStatus::Succeeded,
    }
}

/// The configured provider instances.
pub(super) fn providers(config: &Config, publisher: &Publisher) -> Vec<ProviderStatus> {
    let providers = config.providers.iter().map(|provider| &provider.options);
    let status = providers.map(|options| {
        let Health { process, failing } = publisher.health(&options.instance);
        ProviderStatus {
            instance: options.instance.clone(),
            library: options.library.clone(),
            provider: options.provider.clone(),
            pid: process,
            last_error: failing.map(|(at, fault)| LastError {
                at,
                class: fault.class.as_str().to_owned(),
                text: fault.text,
            }),
        }
    });
    status.collect()
}

/// How canaries fare somewhere.
pub(super) fn canary(row: CanaryRow) -> CanaryStatus {
    let (name, at) = row.last.unzip();
    CanaryStatus {
        instance: row.instance,
        zone: row.zone,
        name,
        at,
        next_at: row.next,
        failing: row.failing.map(|failing| CanaryFailure {
            since: failing.since,
            times: failing.times,
            text: failing.text,
        }),
    }
}

/// A record whose removal failed at least once.
pub(super) fn leftover(record: Record) -> Leftover {
    Leftover {
        name: record.record.owner,
        value: record.record.value,
        instance: record.record.instance,
        since: record.created_at,
        attempts: record.attempts,
        last_error: record.last_error,
    }
}
