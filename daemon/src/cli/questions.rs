//! Commands that ask the daemon and change nothing.

use std::{io::stdout, process::ExitCode};

use serde::Serialize;

use super::{
    Moment, View, authority,
    commands::{failed, print},
    plan, why,
};
use crate::{
    clock::{Clock as _, SystemClock},
    control::Client,
    types::{CaName, CertificateName},
};

pub(super) async fn why(client: &Client, name: &CertificateName, as_json: bool) -> ExitCode {
    match client.why(name).await {
        Ok(explanation) if as_json => json(&explanation),
        Ok(explanation) => print(&why::text(&explanation, &view()), ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

/// Until a moment; without one, what is next.
pub(super) async fn plan(client: &Client, until: Option<Moment>, as_json: bool) -> ExitCode {
    let view = view();
    let until = match until {
        None => None,
        Some(moment) => match moment.from(view.now, &view.zone) {
            Some(until) => Some(until),
            None => {
                eprintln!("dns01d: --at: no calendar reaches that far");
                return ExitCode::FAILURE;
            }
        },
    };
    match client.plan(until).await {
        Ok(plan) if as_json => json(&plan),
        Ok(plan) => print(&plan::text(&plan, &view), ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

pub(super) async fn ca(client: &Client, name: Option<&CaName>, as_json: bool) -> ExitCode {
    match client.cas(name).await {
        Ok(cas) if as_json => json(&cas),
        Ok(cas) => print(&authority::text(&cas, &view()), ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

/// The answer as the daemon gave it.
pub(super) fn json(answer: &impl Serialize) -> ExitCode {
    match serde_json::to_string_pretty(answer) {
        Ok(text) => print(&format!("{text}\n"), ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

fn view() -> View {
    View::of(&stdout(), SystemClock.now())
}
