//! What was measured on, and with what.

use std::{fs, path::Path, process::Command};

use lab::daemon::built;

use crate::{Failure, disk, report::Section, spread::millis};

/// The machine, its disk and the versions of everything.
pub(crate) fn section(directory: &Path, flushes: usize) -> Result<Section, Failure> {
    let mut section = Section::new("Machine", &["what", "is"]);
    let mut row = |what: &str, is: String| section.row([what.to_owned(), is]);
    let cores = std::thread::available_parallelism()?;
    row("CPU", format!("{}, {cores} cores", cpu_model()));
    row("memory", memory());
    row("kernel", line_of("/proc/sys/kernel/osrelease"));
    row("load before", line_of("/proc/loadavg"));
    let (device, kind) = file_system(directory).unwrap_or_default();
    row("state lies on", format!("{kind} on {device}"));
    if let Some(spread) = disk::flushes(directory, flushes)? {
        row(
            "flush of 4 KiB (write, fsync)",
            format!(
                "median {}, 90 % within {}, worst {} of {flushes}",
                millis(spread.median()),
                millis(spread.percentile(90)),
                millis(spread.percentile(100)),
            ),
        );
    }
    row("dns01d", dns01d_version());
    row("Pebble", pebble_version());
    row("BIND", package("bind9"));
    row("lego", package("lego"));
    row("OpenSSL", openssl::version::version().to_owned());
    Ok(section)
}

/// Of the program that runs: what was built, or Debian's.
fn pebble_version() -> String {
    let built = lab::process::tool("pebble.version").map(fs::read_to_string);
    match built {
        Some(Ok(version)) => format!("{}, built with Go", version.trim()),
        Some(Err(_)) | None => package("pebble"),
    }
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, model)| model.to_owned(),
    )
}

fn memory() -> String {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = info
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MiB", kib / 1024))
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Device and type of the file system with the longest mount point above `path`.
fn file_system(path: &Path) -> Option<(String, String)> {
    let path = fs::canonicalize(path).ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        path.starts_with(point)
            .then(|| (point.len(), device.to_owned(), kind.to_owned()))
    });
    // of two mounts over one another, the later one is seen
    let (_, device, kind) = mounts.max_by_key(|(length, _, _)| *length)?;
    Some((device, kind))
}

fn dns01d_version() -> String {
    let version = said(Command::new(built("dns01d")).arg("--version"));
    let build = if cfg!(debug_assertions) {
        "DEBUG build: no figures"
    } else {
        "release build"
    };
    format!(
        "{}, {build}",
        version.unwrap_or_else(|| "of unknown version".to_owned())
    )
}

/// As Debian names it; another system says nothing better than "unknown".
fn package(name: &str) -> String {
    let query = said(Command::new("dpkg-query").args(["-W", "-f", "${Version}", name]));
    query.map_or_else(
        || "not a Debian package, version unknown".to_owned(),
        |version| format!("Debian's {version}"),
    )
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
