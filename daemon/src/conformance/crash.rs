//! Processes that are lost, and what they leave.

use std::path::{Path, PathBuf};

use super::{
    session::Session,
    verdict::{Seen, failed, moot},
};

/// Descriptors below this are the host's own.
const STANDARD: u32 = 3;
/// `O_ACCMODE` of `fcntl.h`: 0 is read only.
const ACCESS: u32 = 3;

/// The new process has the handle.
pub(super) async fn with_handle(session: &mut Session<'_, '_>) -> Seen {
    removed_anew(session, true).await
}

/// The handle was lost with the process.
pub(super) async fn without_handle(session: &mut Session<'_, '_>) -> Seen {
    removed_anew(session, false).await
}

async fn removed_anew(session: &mut Session<'_, '_>, with_handle: bool) -> Seen {
    if !session.info.stateless_remove {
        return moot("it does not claim DNS01_CAP_STATELESS_REMOVE: the host keeps its process");
    }
    let mut records = session.records(1);
    session.present(&mut records).await?;
    session.visible(&records).await?;
    let handle = records[0].handle.clone();
    if with_handle && handle.is_empty() {
        session.remove(&records).await?;
        return moot("it gives no handles");
    }
    session.crash().await?;
    if !with_handle {
        records[0].handle.clear();
    }
    session.remove(&records).await?;
    session.gone(&records).await?;
    Ok(format!("removed by a new process, {}", session.seen()))
}

/// Files that the process has open for writing while it works.
pub(super) async fn writes(session: &mut Session<'_, '_>) -> Seen {
    let Some(process) = session.trial.process() else {
        return failed("the process has ended");
    };
    let mut records = session.records(1);
    session.present(&mut records).await?;
    let open = writable(process);
    session.remove(&records).await?;
    let confined = session
        .stage
        .confinement()
        .is_some_and(|confinement| confinement.landlock_abi > 0);
    match open {
        Some(files) if !files.is_empty() => {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            failed(format!("open for writing: {}", files.join(", ")))
        }
        _ if !confined => moot("this kernel does not confine files"),
        Some(_) => Ok("the sandbox lets it write no file, and none is open for writing".to_owned()),
        None => Ok("the sandbox lets it write no file".to_owned()),
    }
}

/// Files of a process that can be written through it; `None` where only root may look.
fn writable(process: i32) -> Option<Vec<PathBuf>> {
    let directory = PathBuf::from(format!("/proc/{process}"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory.join("fd")).ok()? {
        let entry = entry.ok()?;
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let Ok(file) = std::fs::read_link(entry.path()) else {
            continue;
        };
        // sockets, pipes and memory have no path; /dev/null keeps nothing
        let kept = file.is_absolute() && !file.starts_with("/memfd:") && file != Path::new("/dev/null");
        if number >= STANDARD && kept && is_writable(&directory, number) {
            files.push(file);
        }
    }
    Some(files)
}

fn is_writable(directory: &Path, number: u32) -> bool {
    let info = std::fs::read_to_string(directory.join("fdinfo").join(number.to_string()));
    let flags = info.ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(line.trim(), 8).ok()
    });
    flags.is_some_and(|flags| flags & ACCESS != 0)
}
