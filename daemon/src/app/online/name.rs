//! One name: where its records go, and a canary on that way.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    finding::Notes,
    remedy::{self, called},
    scope::Name,
};
use crate::{
    challenge::{CanaryPlace, CanaryStep, ChallengeError, Flight, Publisher},
    control::protocol::{Finding, Verdict},
    dns::{self, Agreement, Indirect, Location, NotVisible, ServerTxt, Sighting, Standing, Unfollowed},
};

/// A server that shows a record this much later than the first is said to lag. It does no harm: it is waited for.
const LAGS: Duration = Duration::from_secs(1);
/// Whoever waits is told of servers that lag, this often at most.
const TOLD: Duration = Duration::from_secs(5);

/// Where its records go, and the time that it took to find out.
pub(super) type Place = (Result<CanaryPlace, ChallengeError>, Duration);

/// Finds the place.
pub(super) async fn locate(publisher: &Publisher, name: &Name) -> Option<Place> {
    let began = Instant::now();
    let prefix = name.prefix.as_deref()?;
    let place = publisher.canary_place(&name.name, prefix).await;
    Some((place, began.elapsed()))
}

/// Sends the canary where there is a place and the provider runs, and tells of each step. True when it went well.
pub(super) async fn look(
    publisher: &Publisher,
    place: Option<&Place>,
    name: &Name,
    runs: bool,
    flight: Flight<'_>,
    notes: &mut Notes,
) -> bool {
    let Some((place, took)) = place else {
        let seen = "proved by a standing record or a label of an account that there is not yet: no canary tells of that";
        let finding = notes.step("place", seen.to_owned(), Duration::ZERO);
        notes.add(Finding {
            verdict: Verdict::Unknown,
            remedy: name
                .certificates
                .first()
                .map(|certificate| format!("`dns01d why {certificate}` says how its records stand")),
            ..finding
        });
        return false;
    };
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            let remedy = remedy::of_place(&name.name, error);
            notes.add(notes.failed("place", error.to_string(), remedy, *took));
            return false;
        }
    };
    notes.add(placed(place, *took, notes));
    if !runs {
        let seen = format!("no canary was sent: provider `{}` does not run", place.instance);
        notes.add(notes.failed("published", seen, None, Duration::ZERO));
        return false;
    }
    if flight.stop.is_cancelled() {
        return false;
    }
    let mut told = Instant::now();
    let result = publisher
        .canary(place, flight, |step, took| {
            if let Some(finding) = flown(&step, place, took, notes, &mut told) {
                notes.add(finding);
            }
        })
        .await;
    result.is_ok()
}

fn placed(place: &CanaryPlace, took: Duration, notes: &Notes) -> Finding {
    let Location {
        challenge_name,
        owner,
        zone,
        chain,
        unfollowed,
        visibility,
        agreement,
        servers,
        unresolved,
    } = &place.location;
    let leads = match chain.as_slice() {
        [] => challenge_name.to_string(),
        [_, between @ ..] => {
            let between: String = between.iter().map(|name| format!(" -> {name}")).collect();
            format!("{challenge_name}{between} -> {owner} (CNAME)")
        }
    };
    let seen = format!("{leads} in zone {zone}, written by provider `{}`", place.instance);
    let mut details: Vec<String> = servers
        .iter()
        .map(|server| {
            let addresses: Vec<String> = server.addresses.iter().map(ToString::to_string).collect();
            match &server.name {
                Some(name) => format!("{name} at {}", addresses.join(" and ")),
                None => format!("{} as configured", addresses.join(" and ")),
            }
        })
        .collect();
    if visibility.is_indirect() {
        details.push(Indirect::of(&place.location).to_string());
    }
    if *agreement == Agreement::Quorum {
        details.push(
            "more than half of its servers have to show it, and all that answer (`agreement: quorum`)".into(),
        );
    }
    details.extend(unfollowed.iter().map(ToString::to_string));
    details.extend(unresolved.iter().map(ToString::to_string));
    let is_hidden = matches!(unfollowed, Some(Unfollowed::Plain(_)));
    Finding {
        verdict: match unresolved.is_empty() && !is_hidden {
            true => Verdict::Fine,
            false => Verdict::Warning,
        },
        remedy: unresolved.first().map(|host| {
            format!(
                "give {} an address, or take it out of the NS records of {zone} and of its parent",
                host.name
            )
        }),
        details,
        ..notes.step("place", seen, took)
    }
}

/// What to say of a step; `None` while there is nothing new.
fn flown(
    step: &CanaryStep<'_>,
    place: &CanaryPlace,
    took: Duration,
    notes: &Notes,
    told: &mut Instant,
) -> Option<Finding> {
    let owner = &place.location.owner;
    let call = |subject, error: &ChallengeError| {
        notes.failed(subject, error.to_string(), remedy::of_call(place, error), took)
    };
    Some(match step {
        CanaryStep::Published(Ok(value)) => notes.step("published", format!("{owner} TXT \"{value}\""), took),
        CanaryStep::Published(Err(error)) if error.is_turn_of_others() => Finding {
            verdict: Verdict::Unknown,
            ..call("published", error)
        },
        CanaryStep::Published(Err(error)) => call("published", error),
        CanaryStep::Waiting(progress) => {
            if told.elapsed() >= TOLD {
                *told = Instant::now();
                let lagging: Vec<String> = progress.lagging().map(ToString::to_string).collect();
                notes.waiting(lagging.join("; "));
            }
            return None;
        }
        CanaryStep::Seen(Ok(report)) => seen(report, took, notes),
        CanaryStep::Seen(Err(error)) => match error {
            ChallengeError::NotVisible(unseen) => Finding {
                details: unseen.sightings.iter().map(|one| shown(one, None)).collect(),
                ..notes.failed(
                    "seen",
                    unshown(unseen),
                    remedy::of_sighting(place, &unseen.sightings),
                    took,
                )
            },
            ChallengeError::CalledBack { .. } => Finding {
                verdict: Verdict::Unknown,
                ..notes.step("seen", error.to_string(), took)
            },
            error => notes.failed("seen", error.to_string(), None, took),
        },
        CanaryStep::Removed(Ok(())) => notes.step("removed", "by the provider".to_owned(), took),
        CanaryStep::Removed(Err(error)) => Finding {
            // the certificate would be issued; what stays in DNS is for a person to see
            verdict: Verdict::Warning,
            ..call("removed", error)
        },
        CanaryStep::Gone {
            lingering,
            silent,
            gone,
        } => {
            let shows = |server: &&ServerTxt| {
                format!(
                    "{} still shows it",
                    called(server.server.as_ref(), server.address)
                )
            };
            let unasked = |server: &&ServerTxt| {
                let error = server.values.as_ref().err()?;
                Some(format!(
                    "{}: {error}",
                    called(server.server.as_ref(), server.address)
                ))
            };
            Finding {
                verdict: match (lingering.is_empty(), *gone) {
                    (false, _) => Verdict::Warning,
                    (true, 0) => Verdict::Unknown,
                    (true, _) => Verdict::Fine,
                },
                details: lingering
                    .iter()
                    .map(shows)
                    .chain(silent.iter().filter_map(unasked))
                    .collect(),
                ..notes.step("gone", vanished(lingering.len(), silent.len(), *gone), took)
            }
        }
    })
}

fn seen(report: &dns::Report, took: Duration, notes: &Notes) -> Finding {
    let after = |sighting: &Sighting| match sighting.standing {
        Standing::Visible { after } => Some(after),
        _ => None,
    };
    let first = report.sightings.iter().filter_map(after).min();
    let count = report.sightings.iter().filter_map(after).count();
    let at = match count {
        // where nobody is asked
        0 => report.to_string(),
        count => format!("at {}", servers(count)),
    };
    let left_out = report
        .sightings
        .iter()
        .any(|sighting| matches!(sighting.standing, Standing::LeftOut | Standing::Excused(_)));
    Finding {
        verdict: if left_out { Verdict::Warning } else { Verdict::Fine },
        details: report.sightings.iter().map(|one| shown(one, first)).collect(),
        ..notes.step("seen", at, took)
    }
}

/// What a server showed, and how long after the first one.
fn shown(sighting: &Sighting, first: Option<Duration>) -> String {
    let who = sighting.who().to_string();
    match (&sighting.standing, first) {
        (Standing::Visible { after }, Some(first)) if after.saturating_sub(first) >= LAGS => format!(
            "{who} lags: {:.1} s, {:.1} s after the first",
            after.as_secs_f64(),
            after.saturating_sub(first).as_secs_f64()
        ),
        (Standing::Visible { after }, _) => format!("{who} after {:.1} s", after.as_secs_f64()),
        _ => sighting.to_string(),
    }
}

/// Which servers did not show it in time.
fn unshown(unseen: &NotVisible) -> String {
    let lacking: Vec<String> = unseen
        .sightings
        .iter()
        .filter(|sighting| sighting.blocks())
        .map(|sighting| sighting.who().to_string())
        .collect();
    let waited = unseen.waited.as_secs_f64();
    match lacking.as_slice() {
        [only] => format!("{only} does not show it within {waited:.0} s"),
        all => format!(
            "{} do not show it within {waited:.0} s: {}",
            servers(all.len()),
            all.join(", ")
        ),
    }
}

fn vanished(lingering: usize, silent: usize, gone: usize) -> String {
    let mut parts = Vec::new();
    if gone > 0 || lingering + silent == 0 {
        parts.push(format!("from {}", servers(gone)));
    }
    if lingering > 0 {
        parts.push(format!("not from {} yet", servers(lingering)));
    }
    if silent > 0 {
        parts.push(format!("{} could not be asked", servers(silent)));
    }
    parts.join(", ")
}

fn servers(count: usize) -> String {
    match count {
        1 => "1 server address".to_owned(),
        count => format!("{count} server addresses"),
    }
}
