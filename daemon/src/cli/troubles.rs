use crate::control::protocol::{CanaryStatus, HookStatus, Leftover, ProviderStatus, Status};

use super::{
    status::{failed, failure, held_back, hook, paused, revocation},
    view::View,
};

/// One thing that a person should look at.
pub(super) struct Trouble {
    /// What it is about.
    pub what: String,
    /// What is wrong with it.
    pub text: String,
}

/// What a person should look at, the worst first.
pub(super) fn troubles(status: &Status, view: &View) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if let Some(error) = &status.config_error {
        // a report of all faults has many lines, which only make sense as they are
        let error = match error.split_once('\n') {
            Some((first, _)) => format!("{first}; `dns01d check` shows where, and what else"),
            None => error.clone(),
        };
        let text = format!("the last reload was refused, the configuration from before is in use: {error}");
        troubles.push(Trouble {
            what: "configuration".to_owned(),
            text,
        });
    }
    for certificate in &status.certificates {
        let what = certificate.name.to_string();
        if let Some(error) = &certificate.last_error {
            troubles.push(Trouble {
                what: what.clone(),
                text: failure(error, certificate, view),
            });
        }
        if let Some(revoked) = &certificate.revoked {
            troubles.push(Trouble {
                what: what.clone(),
                text: format!("revoked {}", revocation(revoked, view)),
            });
        }
        if let Some(url) = &certificate.paused_url {
            troubles.push(Trouble {
                what: what.clone(),
                text: paused(url),
            });
        }
        if let Some(blocked) = &certificate.blocked_until {
            troubles.push(Trouble {
                what: what.clone(),
                text: format!("held back {}", held_back(blocked, view)),
            });
        }
        if let failing @ HookStatus::Failing { .. } = &certificate.hook {
            troubles.push(Trouble {
                what,
                text: format!("hook {}", hook(failing, view)),
            });
        }
    }
    troubles.extend(
        status
            .providers
            .iter()
            .filter_map(|one| provider_trouble(one, view)),
    );
    troubles.extend(status.canaries.iter().filter_map(|one| canary_trouble(one, view)));
    troubles.extend(status.leftovers.iter().map(|one| leftover_trouble(one, view)));
    troubles
}

fn provider_trouble(provider: &ProviderStatus, view: &View) -> Option<Trouble> {
    let error = provider.last_error.as_ref()?;
    Some(Trouble {
        what: format!("provider {}", provider.instance),
        text: format!("{}: {}", view.relative(error.at), error.text),
    })
}

fn canary_trouble(canary: &CanaryStatus, view: &View) -> Option<Trouble> {
    let failing = canary.failing.as_ref()?;
    let name = canary.name.as_ref().unwrap_or(&canary.zone);
    Some(Trouble {
        what: format!("canary {name}"),
        text: format!(
            "renewals through provider {} in zone {} would fail: a trial record {} since {}: {}; the next try is {}, and \
             `dns01d check --online {name}` tries at once",
            canary.instance,
            canary.zone,
            failed(failing.times),
            view.absolute(failing.since),
            failing.text,
            view.relative(canary.next_at),
        ),
    })
}

fn leftover_trouble(leftover: &Leftover, view: &View) -> Trouble {
    let removal = match (leftover.attempts, &leftover.last_error) {
        (0, _) => format!("{} is to remove it", leftover.instance),
        (attempts, None) => format!("removal by {} {}", leftover.instance, failed(attempts)),
        (attempts, Some(why)) => format!("removal by {} {}: {why}", leftover.instance, failed(attempts)),
    };
    Trouble {
        what: format!("record {}", leftover.name),
        text: format!(
            "TXT \"{}\" should be gone since {}; {removal}",
            leftover.value,
            view.absolute(leftover.since),
        ),
    }
}
