//! `dns01-bench`: how fast dns01d is and what it costs, beside lego, on Pebble and BIND 9.
//!
//! Nothing here is a test double: the release binary with its default sandbox, TXT records in BIND by
//! signed updates, propagation checked at the authoritative server, validation by Pebble, state on a disk
//! that flushes. Every certificate counts only after its chain was verified against Pebble's root.

mod certificate;
mod cpu;
mod disk;
mod home;
mod idle;
mod lego;
mod machine;
mod many;
mod plugin;
mod report;
mod single;
mod site;
mod spread;
mod watching;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use lab::daemon::built;
use tokio::signal::unix::{SignalKind, signal};

use self::{report::Report, site::Site};

/// Speed and memory of dns01d beside lego's, on Pebble and BIND 9, on this machine.
#[derive(Debug, Parser)]
#[command(name = "dns01-bench", version)]
struct Arguments {
    /// Few repetitions: to see that everything runs, not for figures
    #[arg(long)]
    quick: bool,
    /// Print Markdown, as in docs/benchmarks.md
    #[arg(long)]
    markdown: bool,
    /// Where state lies while it is measured: on a real disk, not in memory [default: beside this program]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What Pebble asks for in Retry-After, seconds; 0: it asks for nothing. Obeyed in any case
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    retry_after: u64,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One certificate from nothing
    Single,
    /// Fifty certificates in one daemon
    Many,
    /// A daemon with nothing to do
    Idle,
    /// A plugin's process and calls
    Plugin,
    /// Records that are waited for
    Watching,
}

impl Part {
    /// Whether a CA is needed.
    fn needs_site(self) -> bool {
        !matches!(self, Part::Plugin | Part::Watching)
    }
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Runs from nothing, of dns01d.
    single: usize,
    /// The same where a run takes seconds, or only shows a difference.
    single_others: usize,
    /// Certificates of one batch.
    batch: usize,
    /// Batches, each in a daemon of its own.
    batches: usize,
    /// Certificates that lego gets in parallel.
    lego_batch: usize,
    /// Quiet before idleness is measured, seconds.
    quiet: u64,
    /// How long it is measured, seconds.
    watched: u64,
    /// Flushes of the disk.
    flushes: usize,
    /// Plugin processes started.
    plugin_starts: usize,
}

const FULL: Effort = Effort {
    single: 15,
    single_others: 3,
    batch: 50,
    batches: 3,
    lego_batch: 16,
    quiet: 30,
    watched: 20,
    flushes: 200,
    plugin_starts: 50,
};

const QUICK: Effort = Effort {
    single: 3,
    single_others: 1,
    batch: 10,
    batches: 1,
    lego_batch: 8,
    quiet: 3,
    watched: 5,
    flushes: 50,
    plugin_starts: 5,
};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        outcome = run(Arguments::parse()) => outcome,
        // dropping the run ends everything that it started
        told = told_to_stop() => told,
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dns01-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn told_to_stop() -> Result<Report, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Err("stopped by a signal".into())
}

async fn run(arguments: Arguments) -> Result<Report, Failure> {
    let effort = if arguments.quick { QUICK } else { FULL };
    let wants = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let parent = match &arguments.state {
        Some(directory) => directory.clone(),
        None => beside_this_program()?,
    };
    fs::create_dir_all(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    let directory = tempfile::Builder::new()
        .prefix("dns01-bench-")
        .tempdir_in(&parent)?;

    let mut report = Report::new(arguments.markdown);
    // before anything else loads the machine
    report.add(machine::section(directory.path(), effort.flushes)?);
    if wants(Part::Plugin) {
        report.add(plugin::section(effort).await?);
    }
    if wants(Part::Watching) {
        report.add(watching::section(effort).await?);
    }
    if !arguments.only.is_empty() && !arguments.only.iter().any(|part| part.needs_site()) {
        return Ok(report);
    }
    let mut site = Site::start(directory.path(), arguments.retry_after).await?;
    report.add(site.section());
    if wants(Part::Single) {
        report.add(single::section(&mut site, directory.path(), effort).await?);
    }
    if wants(Part::Many) {
        report.add(many::section(&mut site, directory.path(), effort).await?);
    }
    if wants(Part::Idle) {
        report.add(idle::section(&mut site, directory.path(), effort).await?);
    }
    report.add(site.end_section());
    Ok(report)
}

/// The build directory lies on a disk where sources are built; /tmp may be memory.
fn beside_this_program() -> Result<PathBuf, Failure> {
    let daemon = built("dns01d");
    let directory = daemon.parent().ok_or("dns01d lies in no directory")?;
    Ok(directory.join("bench"))
}

/// Progress, apart from the report.
fn say(text: &str) {
    eprintln!("dns01-bench: {text}");
}
