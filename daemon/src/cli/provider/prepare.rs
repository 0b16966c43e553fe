//! `dns01d provider check` and `dns01d provider setup`: what an operator has an instance do for names.

use std::{io::stdout, process::ExitCode};

use clap::Args;

use super::Context;
use crate::{
    app,
    challenge::Task,
    cli::{
        Color, View,
        commands::{client, configured, failed, print},
        view::{clean, wrap},
    },
    clock::{Clock as _, SystemClock},
    control::{
        ClientError,
        protocol::{NamePrepared, Prepared},
    },
    types::{DnsName, Identifier, InstanceName},
};

/// The type of the records that providers ask for, between the owner's name and the target.
const RECORD: &str = "CNAME";

/// Whom to check.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A provider instance of the configuration
    instance: InstanceName,
    /// Names to prove; without one, only the credentials are checked
    #[arg(value_name = "NAME")]
    names: Vec<Identifier>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What to set up.
#[derive(Debug, Args)]
pub struct SetupArguments {
    /// A provider instance of the configuration
    instance: InstanceName,
    /// Names that certificates are to prove through it
    #[arg(value_name = "NAME", required = true)]
    names: Vec<Identifier>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn check(arguments: &CheckArguments, context: &Context<'_>) -> ExitCode {
    run(
        Task::Check,
        &arguments.instance,
        &arguments.names,
        arguments.json,
        context,
    )
}

pub(super) fn setup(arguments: &SetupArguments, context: &Context<'_>) -> ExitCode {
    run(
        Task::Setup,
        &arguments.instance,
        &arguments.names,
        arguments.json,
        context,
    )
}

fn run(
    task: Task,
    instance: &InstanceName,
    names: &[Identifier],
    json: bool,
    context: &Context<'_>,
) -> ExitCode {
    // a wildcard is proved at the name that it is of
    let mut proved: Vec<DnsName> = Vec::new();
    for name in names.iter().map(Identifier::name) {
        if !proved.contains(name) {
            proved.push(name.clone());
        }
    }
    let prepared = match context.runtime.block_on(prepare(task, instance, proved, context)) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let all_done = prepared.outcomes.iter().all(|outcome| outcome.failure.is_none());
    let code = if all_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let text = if json {
        match serde_json::to_string_pretty(&prepared) {
            Ok(text) => text + "\n",
            Err(error) => return failed(&error),
        }
    } else {
        table(task, &prepared, &View::of(&stdout(), SystemClock.now()))
    };
    print(&text, code)
}

/// By the daemon where one runs, else in this process.
async fn prepare(
    task: Task,
    instance: &InstanceName,
    names: Vec<DnsName>,
    context: &Context<'_>,
) -> Result<Prepared, ExitCode> {
    let client = client(context.socket.clone(), &context.config);
    match client.prepare(task, instance, names.clone()).await {
        Ok(prepared) => return Ok(prepared),
        Err(ClientError::Missing(_) | ClientError::Dead(_)) => {}
        Err(error) => return Err(failed(&error)),
    }
    let (config, starter) = configured(context.config.clone()).await?;
    let prepared = app::prepare(&config, starter, task, instance, &names).await;
    prepared.map_err(|error| failed(&error))
}

pub(super) fn table(task: Task, prepared: &Prepared, view: &View) -> String {
    let mut out = String::new();
    for outcome in &prepared.outcomes {
        let what = match &outcome.name {
            Some(name) => name.to_string(),
            None => "credentials".to_owned(),
        };
        let (color, word) = match (&outcome.failure, task) {
            (Some(_), _) => (Color::Bad, "failed"),
            (None, Task::Check) => (Color::Good, "good"),
            (None, Task::Setup) => (Color::Good, "done"),
        };
        out.push_str(&format!(
            "{}  {}\n",
            view.paint(Color::Bold, &clean(&what)),
            view.paint(color, word)
        ));
        for text in [place(outcome), outcome.text.clone()] {
            for line in lines(&text, view.width.saturating_sub(2)) {
                out.push_str(&format!("  {line}\n"));
            }
        }
    }
    out
}

/// Text in lines of at most `width` columns, but each record in it on one line by itself, whatever its length: it
/// is there to be copied into a zone.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let text = clean(text);
    for paragraph in text.lines() {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        let mut rest = words.as_slice();
        while let Some(at) = rest.iter().position(|word| *word == RECORD) {
            let Some((before, record)) = at
                .checked_sub(1)
                .zip(rest.get(..at + 2))
                .map(|(owner, all)| all.split_at(owner))
            else {
                break;
            };
            if !before.is_empty() {
                lines.extend(wrap(&before.join(" "), width));
            }
            // a sentence around it is no part of it
            let record = record.join(" ");
            lines.push(record.trim_matches(['`', ',', ';']).to_owned());
            rest = &rest[at + 2..];
        }
        if !rest.is_empty() {
            lines.extend(wrap(&rest.join(" "), width));
        }
    }
    lines
}

/// Where the record of a name goes.
fn place(outcome: &NamePrepared) -> String {
    match (&outcome.record, &outcome.challenge_name, &outcome.zone) {
        (Some(record), Some(challenge), Some(zone)) if record != challenge => {
            format!("{challenge} leads to {record} in zone {zone}")
        }
        (Some(record), _, Some(zone)) => format!("{record} in zone {zone}"),
        _ => String::new(),
    }
}
