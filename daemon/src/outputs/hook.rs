//! The operator's command that runs after a switch.

mod output;

#[cfg(test)]
mod tests;

use std::{ffi::OsString, os::unix::process::ExitStatusExt, path::Path, process::Stdio, time::Duration};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions},
};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    deployment::{HookCause, HookFailure, HookOptions},
    program::SEARCH_PATH,
    types::{CertificateName, Identifier},
};

use self::output::Output;

/// What a hook is told, in its environment. None of it is secret.
#[derive(Clone, Copy, Debug)]
pub struct HookRun<'a> {
    /// `DNS01D_CERTIFICATE`.
    pub certificate: &'a CertificateName,
    /// `DNS01D_LIVE`: the directory with the files; the path stays the same over renewals.
    pub live: &'a Path,
    /// `DNS01D_GENERATION`.
    pub generation: u32,
    /// `DNS01D_SERIAL`: in hexadecimal.
    pub serial: &'a str,
    /// `DNS01D_NAMES`: separated by spaces.
    pub identifiers: &'a [Identifier],
}

/// Between SIGTERM and SIGKILL: with it a hung hook is gone within a second of its timeout.
const GRACE: Duration = Duration::from_millis(500);
const GRACE_LOOK: Duration = Duration::from_millis(10);
/// What the program printed is in the pipe when it ends. A background child that
/// keeps the pipe open may go on for ever, and is not waited for.
const DRAIN: Duration = Duration::from_millis(200);

/// Runs the hook to its end: an exit, the timeout, or `stop`.
///
/// On timeout and on `stop` its whole process group is killed. What it prints
/// becomes log lines. When it ends by itself, children that it left in the
/// background stay: a reload may well be one.
///
/// # Errors
/// Everything but an exit with status 0.
pub async fn run_hook(
    options: &HookOptions,
    run: HookRun<'_>,
    stop: &CancellationToken,
) -> Result<(), HookFailure> {
    let certificate = run.certificate;
    info!(cert = %certificate, command = ?options.command, "hook starts");
    let mut child = start(options, run)?;
    let mut output = Output::of(&mut child, certificate);

    let ended = tokio::select! {
        biased;
        status = child.wait() => Ok(status),
        () = sleep(options.timeout) => Err(HookCause::TimedOut(options.timeout)),
        () = stop.cancelled() => Err(HookCause::Interrupted),
    };
    let cause = match ended {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => Some(match (status.code(), status.signal()) {
            (Some(code), _) => HookCause::Exit(code),
            (None, signal) => HookCause::Signal(signal.unwrap_or_default()),
        }),
        Ok(Err(error)) => Some(cannot_start(options, &error)),
        Err(cause) => {
            kill(&mut child).await;
            Some(cause)
        }
    };
    // an elapsed drain is no failure: the rest belongs to background children
    let _ = timeout(DRAIN, output.finished()).await;

    match cause {
        None => {
            info!(cert = %certificate, "hook succeeded");
            Ok(())
        }
        Some(cause) => {
            let failure = HookFailure {
                cause,
                last_line: output.last_line(),
            };
            warn!(cert = %certificate, error = %failure, "hook failed");
            Err(failure)
        }
    }
}

fn start(options: &HookOptions, run: HookRun<'_>) -> Result<Child, HookFailure> {
    let Some((program, arguments)) = options.command.split_first() else {
        let cause = HookCause::CannotStart {
            program: String::new(),
            reason: "the command is empty".to_owned(),
        };
        return Err(HookFailure {
            cause,
            last_line: None,
        });
    };
    let names: Vec<String> = run.identifiers.iter().map(ToString::to_string).collect();
    let environment: [(&str, OsString); 6] = [
        ("PATH", SEARCH_PATH.into()),
        ("DNS01D_CERTIFICATE", run.certificate.as_str().into()),
        ("DNS01D_LIVE", run.live.into()),
        ("DNS01D_GENERATION", run.generation.to_string().into()),
        ("DNS01D_SERIAL", run.serial.into()),
        ("DNS01D_NAMES", names.join(" ").into()),
    ];
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        // for a panic between here and the end; the paths below kill the whole group
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            let failure = HookFailure {
                cause: cannot_start(options, &error),
                last_line: None,
            };
            warn!(cert = %run.certificate, error = %failure, "hook failed");
            failure
        })
}

fn cannot_start(options: &HookOptions, error: &std::io::Error) -> HookCause {
    let reason = match Errno::from_io_error(error) {
        Some(Errno::NOENT) => format!("not found as a path, nor in {SEARCH_PATH}"),
        Some(Errno::ACCESS) => "the daemon's user may not execute it".to_owned(),
        Some(Errno::NOEXEC) => {
            "it is neither a binary for this machine nor a script that begins with #!".to_owned()
        }
        _ => error.to_string(),
    };
    HookCause::CannotStart {
        program: options.command.first().cloned().unwrap_or_default(),
        reason,
    }
}

/// Ends the process group: SIGTERM, a moment of grace, SIGKILL.
async fn kill(child: &mut Child) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let Some(group) = group else {
        return;
    };
    // until the leader is reaped nobody else can get its number
    let _ = rustix::process::kill_process_group(group, Signal::TERM);
    let mut waited = Duration::ZERO;
    while waited < GRACE && runs(group) {
        sleep(GRACE_LOOK).await;
        waited += GRACE_LOOK;
    }
    // also when the leader is gone: its children may ignore SIGTERM
    let _ = rustix::process::kill_process_group(group, Signal::KILL);
    let _ = child.wait().await;
}

/// True while the process has not ended. Does not reap it.
fn runs(process: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    matches!(rustix::process::waitid(WaitId::Pid(process), look), Ok(None))
}
