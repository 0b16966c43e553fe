//! What a plugin costs beyond its own work: a process, calls, memory.

use std::{fs, sync::Arc, time::Duration};

use dns01d::plugin::{
    DEFAULT_GRACE, HostOptions, Instance, MemoryState, OptionSource, OptionValue, Options, Plugins,
    ProviderClient as _, Record, Sandbox,
};
use lab::daemon::built;
use tokio::time::Instant;

use crate::{
    Effort, Failure, cpu,
    report::{Section, goal},
    say,
    spread::Spread,
};

const START_GOAL: Duration = Duration::from_millis(10);
const CALL_GOAL: Duration = Duration::from_micros(60);
const MEMORY_GOAL_KIB: u64 = 4 * 1024;

/// Calls that are timed as one, so that the clock costs nothing.
const CALLS: u32 = 2000;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The example that keeps records in memory, so that all that is measured is ours.
const LIBRARY: &str = "examples/libmemory.so";

#[derive(Debug)]
struct NoOptions;

impl OptionSource for NoOptions {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(Vec::new())
    }
}

pub(crate) async fn section(effort: Effort) -> Result<Section, Failure> {
    say("a plugin's process, its calls and its memory");
    let plugins = Plugins::new(HostOptions {
        executable: built("dns01-plugin-host"),
        sandbox: Sandbox::Required,
        idle: Duration::from_secs(60),
        grace: DEFAULT_GRACE,
    })?;
    let instance = || {
        let options = Options::new("bench".parse().expect("a name"), built(LIBRARY));
        plugins.instance(options, Arc::new(NoOptions), Arc::new(MemoryState::default()))
    };
    // its library is described once for all
    instance().info(TIMEOUT).await?;

    let mut starts = Vec::new();
    for _ in 0..effort.plugin_starts {
        let instance = instance();
        let begin = Instant::now();
        instance.info(TIMEOUT).await?;
        starts.push(begin.elapsed());
        instance.shutdown().await;
    }
    let starts = Spread::of(starts).ok_or("no start")?;

    let instance = instance();
    let one = [record(0)];
    call(&instance, &one).await?;
    let mut calls = Vec::new();
    for _ in 0..effort.plugin_starts.min(10) {
        let begin = Instant::now();
        for _ in 0..CALLS {
            call(&instance, &one).await?;
        }
        calls.push(begin.elapsed() / CALLS);
    }
    let calls = Spread::of(calls).ok_or("no call")?;
    let fifty: Vec<Record> = (0..50).map(record).collect();
    let begin = Instant::now();
    for _ in 0..100 {
        call(&instance, &fifty).await?;
    }
    let batch = begin.elapsed() / 100;
    let host = *cpu::children(std::process::id())?
        .first()
        .ok_or("the plugin host is gone")?;
    // the process is not dumpable, so that only root can see its pages
    let private = private_kib(host).ok();

    let mut section = Section::new("A plugin in Rust, in its sandbox", &["what", "dns01d", "goal"]);
    section.row([
        "start of the process to a ready instance".to_owned(),
        starts.text(),
        goal("10 ms", starts.median() <= START_GOAL),
    ]);
    section.row([
        "one call with one record".to_owned(),
        micros(calls.median()),
        goal("60 us", calls.median() <= CALL_GOAL),
    ]);
    section.row([
        "one call with fifty records".to_owned(),
        micros(batch),
        String::new(),
    ]);
    section.row([
        "private memory of the process".to_owned(),
        private.map_or("only root sees it".to_owned(), |kib| {
            format!("{:.1} MiB", kib as f64 / 1024.0)
        }),
        private.map_or(String::new(), |kib| goal("4 MiB", kib <= MEMORY_GOAL_KIB)),
    ]);
    section.note(
        "The plugin keeps its records in memory (plugin-api/examples/memory.rs). A call is encoded, sent, worked, \
         answered and decoded, from the daemon's task and back.",
    );
    Ok(section)
}

async fn call(instance: &Instance, records: &[Record]) -> Result<(), Failure> {
    for outcome in instance.present(records, TIMEOUT).await? {
        outcome.map_err(|failure| failure.to_string())?;
    }
    Ok(())
}

fn record(number: u32) -> Record {
    Record {
        ttl: 60,
        fqdn: format!("_acme-challenge.host{number}.internal.example.org"),
        // as long as a dns-01 value
        value: "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0".to_owned(),
        zone: "internal.example.org".to_owned(),
        identifier: format!("host{number}.internal.example.org"),
        ..Record::default()
    }
}

/// What would be free if the process ended.
fn private_kib(pid: u32) -> Result<u64, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let sum = text
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    Ok(sum)
}

fn micros(duration: Duration) -> String {
    format!("{:.0} us", duration.as_secs_f64() * 1e6)
}
