//! A daemon with nothing to do until its next renewal.

use std::{fs, path::Path, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    Effort, Failure, certificate, cpu,
    home::{Home, Trust},
    report::{Section, goal},
    say,
    site::Site,
    spread::millis,
};

const GOAL_KIB: u64 = 25 * 1024;

/// A plugin process ends after its idle time.
const PLUGINS_END: Duration = Duration::from_secs(120);

pub(crate) async fn section(site: &mut Site, parent: &Path, effort: Effort) -> Result<Section, Failure> {
    loop {
        match measure(site, parent, effort).await {
            Ok(section) => return Ok(section),
            Err(failure) => site.restart_pebble(failure).await?,
        }
    }
}

async fn measure(site: &Site, parent: &Path, effort: Effort) -> Result<Section, Failure> {
    say(&format!(
        "an idle daemon, watched for {} s after {} s",
        effort.watched, effort.quiet
    ));
    let wanted = site.fresh(1);
    let home = Home::new(parent, site, &wanted)?;
    let daemon = home.start(Trust::HashedDirectory)?;
    home.until_live(&daemon, &wanted, daemon.started).await?;
    site.until_clean(&wanted).await?;
    certificate::verify(&home.files(&wanted[0]), site.pebble.root_pem(), &wanted[0])?;

    let quiet = Instant::now();
    while !cpu::children(daemon.id())?.is_empty() {
        if quiet.elapsed() > PLUGINS_END {
            return Err(format!("plugin processes live on {PLUGINS_END:?} after their last record").into());
        }
        sleep(Duration::from_millis(100)).await;
    }
    let plugins_gone = quiet.elapsed();
    sleep(Duration::from_secs(effort.quiet).saturating_sub(plugins_gone)).await;

    let before = Switches::of(daemon.id())?;
    let cpu_before = cpu::of_process(daemon.id())?;
    sleep(Duration::from_secs(effort.watched)).await;
    let after = Switches::of(daemon.id())?;
    let cpu = cpu::of_process(daemon.id())?.saturating_sub(cpu_before);
    let memory = |field| kib(daemon.id(), field);
    let resident = memory("VmRSS:")?;
    let threads = after.threads;
    let row = |section: &mut Section, what: &str, is: String, goal: String| {
        section.row([what.to_owned(), is, goal])
    };

    let mut section = Section::new(
        "An idle daemon, one certificate issued",
        &["what", "dns01d", "goal"],
    );
    row(
        &mut section,
        "resident",
        format!(
            "{} MiB, of which {} MiB its own and {} MiB mapped from files",
            mib(resident),
            mib(memory("RssAnon:")?),
            mib(memory("RssFile:")?)
        ),
        goal("25 MiB", resident <= GOAL_KIB),
    );
    row(&mut section, "threads", threads.to_string(), String::new());
    row(
        &mut section,
        &format!("context switches in {} s", effort.watched),
        format!(
            "{} voluntary, {} involuntary",
            after.voluntary.saturating_sub(before.voluntary),
            after.involuntary.saturating_sub(before.involuntary)
        ),
        "its timers only".to_owned(),
    );
    row(
        &mut section,
        &format!("CPU in {} s", effort.watched),
        millis(cpu),
        String::new(),
    );
    row(
        &mut section,
        "plugin processes",
        format!(
            "none, the last ended {:.1} s after the last record was removed",
            plugins_gone.as_secs_f64()
        ),
        String::new(),
    );
    daemon.stop().await?;
    Ok(section)
}

/// Context switches of all threads.
#[derive(Clone, Copy, Debug, Default)]
struct Switches {
    threads: u32,
    voluntary: u64,
    involuntary: u64,
}

impl Switches {
    fn of(pid: u32) -> Result<Self, Failure> {
        let mut sum = Switches::default();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            sum.threads += 1;
            sum.voluntary += field(&status, "voluntary_ctxt_switches:")?;
            sum.involuntary += field(&status, "nonvoluntary_ctxt_switches:")?;
        }
        Ok(sum)
    }
}

fn kib(pid: u32, name: &str) -> Result<u64, Failure> {
    field(&fs::read_to_string(format!("/proc/{pid}/status"))?, name)
}

fn field(status: &str, name: &str) -> Result<u64, Failure> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().next());
    Ok(value
        .ok_or_else(|| format!("no {name} in /proc/PID/status"))?
        .parse()?)
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}
