//! `dns01d check --staging`: certificates of a CA that nobody trusts, deployed nowhere.

use std::{io::stdout, path::PathBuf, process::ExitCode};

use tokio_util::sync::CancellationToken;

use super::{
    Color, View,
    commands::{call_back_when_interrupted, configured, failed, print},
    steps::Steps,
    view::{clean, wrap},
};
use crate::{
    app::{self, TrialError, Tried},
    clock::{Clock as _, SystemClock},
    control::protocol::Step,
    types::CertificateName,
};

/// A name that nothing has is a mistake of whoever typed it.
const USAGE: u8 = 2;

pub(super) async fn check(path: PathBuf, names: &[String], json: bool) -> ExitCode {
    let mut certificates = Vec::new();
    for name in names {
        match name.parse::<CertificateName>() {
            Ok(name) => certificates.push(name),
            Err(error) => {
                failed(&error);
                return ExitCode::from(USAGE);
            }
        }
    }
    let (config, starter) = match configured(path).await {
        Ok(configured) => configured,
        Err(code) => return code,
    };
    let stop = CancellationToken::new();
    let call_back = match call_back_when_interrupted(stop.clone()) {
        Ok(call_back) => call_back,
        Err(error) => return failed(&error),
    };
    let mut steps = Steps::new(View::of(&stdout(), SystemClock.now()));
    // one certificate needs no name before each of its steps
    let named = certificates.len() != 1 && config.certificates.len() > 1;
    let trial = app::trial(&config, starter, &certificates, stop.clone(), |step| {
        show(&mut steps, step, named, json);
    });
    let tried = tokio::select! {
        tried = trial => tried,
        () = call_back => return ExitCode::FAILURE,
    };
    match tried {
        Ok(tried) => end(&tried, json),
        Err(error @ TrialError::UnknownCertificate { .. }) => {
            failed(&error);
            ExitCode::from(USAGE)
        }
        Err(error) => failed(&error),
    }
}

fn show(steps: &mut Steps, step: &Step, named: bool, json: bool) {
    let line = if json {
        serde_json::to_string(step)
            .map(|line| line + "\n")
            .unwrap_or_default()
    } else if named {
        steps.show(&Step {
            text: format!("{}: {}", step.certificate, step.text),
            ..step.clone()
        })
    } else {
        steps.show(step)
    };
    print(&line, ExitCode::SUCCESS);
}

/// Says in words what became of each; the code is of success when every one was issued and nothing is left.
fn end(tried: &Tried, json: bool) -> ExitCode {
    let good = tried.failed.is_empty() && tried.leftovers.is_empty();
    let code = if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let view = View::of(&stdout(), SystemClock.now());
    let mut text = String::new();
    let mut say = |color, line: &str| {
        for line in wrap(&clean(line), view.width) {
            text.push_str(&view.paint(color, &line));
            text.push('\n');
        }
    };
    for (name, ca) in &tried.issued {
        say(
            Color::Good,
            &format!("{name}: would be issued; CA `{ca}` did, and nothing was deployed"),
        );
    }
    for name in &tried.failed {
        say(Color::Bad, &format!("{name}: would not be issued; see above"));
    }
    for record in &tried.leftovers {
        let (owner, value) = (&record.record.owner, &record.record.value);
        say(
            Color::Bad,
            &format!(
                "{owner} TXT \"{value}\" could not be removed: the next trial tries again, or remove it by hand"
            ),
        );
    }
    // programs have it in the steps, but for what is left
    if json {
        return code;
    }
    print(&text, code)
}
