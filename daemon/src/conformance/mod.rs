//! Does a plugin keep the promises of `dns01_plugin.h`? The checks of `dns01d provider test`.
//!
//! Every check runs in the real plugin host with its sandbox, one process per check, through
//! [`crate::plugin::Trial`]; what it publishes it looks for at the authoritative servers. [`Check`] has the
//! promises, the modules below have what is done about each, [`Report`] what was seen.
//!
//! Names are random ones below the tester's zone, and what is published is written into a ledger first: it is
//! taken away after each check, also after a failure or an interruption.

mod batches;
mod catalogue;
mod crash;
mod elf;
mod file;
mod growth;
mod ledger;
mod names;
mod options;
mod parameters;
mod records;
mod refusals;
mod report;
mod session;
mod stage;
mod structs;
mod time;
mod verdict;
mod view;

use tokio_util::sync::CancellationToken;

pub use catalogue::{CATALOGUE, Check, Group};
pub use ledger::Leftover;
pub use options::{DEFAULT_ROUNDS, DEFAULT_VISIBLE, Options};
pub use report::{Finding, Report, Sandboxed, Subject, Verdict};
pub use stage::SetupError;

use crate::plugin::{OptionValue, Plugins, ProviderDescription};
use session::Session;
use stage::Stage;
use verdict::{Seen, Trouble};

/// Runs the checks in their order and calls `on_finding` after each.
///
/// `given` is the provider that is meant and its options, or why the library could not tell what they are: then
/// only the checks of the file run, and loading it fails.
///
/// # Errors
/// When nothing can be tried: the zone is not found, or a name is not free.
pub async fn run(
    options: &Options,
    plugins: Plugins,
    given: Result<(ProviderDescription, Vec<OptionValue>), String>,
    stop: CancellationToken,
    mut on_finding: impl FnMut(&Finding),
) -> Result<Report, SetupError> {
    let mut findings = Vec::new();
    let mut note = |finding: Finding| {
        on_finding(&finding);
        findings.push(finding);
    };
    let wanted = |check: &Check| options.wants(*check);
    for check in CATALOGUE
        .iter()
        .copied()
        .filter(wanted)
        .filter(|check| check.group() == Group::File)
    {
        let began = tokio::time::Instant::now();
        note(Finding::new(
            check,
            file::check(check, &options.plugin.library).await,
            began.elapsed(),
        ));
    }
    let (provider, values) = match given {
        Ok(given) => given,
        Err(why) => {
            let unsafe_file = file::check(Check::File, &options.plugin.library).await.is_err();
            for check in CATALOGUE
                .iter()
                .copied()
                .filter(wanted)
                .filter(|check| check.group() != Group::File)
            {
                let seen = match check {
                    Check::Load if unsafe_file => Err(Trouble::Moot(
                        "it is not loaded before its file is right: see `file`".to_owned(),
                    )),
                    Check::Load => Err(Trouble::Failed(why.clone())),
                    _ => Err(Trouble::Moot("the library cannot be loaded".to_owned())),
                };
                note(Finding::new(check, seen, std::time::Duration::ZERO));
            }
            return Ok(Report::new(options, None, None, findings, Vec::new()));
        }
    };
    let mut stage = Stage::prepare(options, plugins, provider, values, stop).await?;
    for check in CATALOGUE
        .iter()
        .copied()
        .filter(wanted)
        .filter(|check| check.group() != Group::File)
    {
        let began = tokio::time::Instant::now();
        let seen = examine(check, &mut stage).await;
        note(Finding::new(check, seen, began.elapsed()));
    }
    Ok(stage.report(findings))
}

/// One check, and the removal of what it left.
async fn examine(check: Check, stage: &mut Stage<'_>) -> Seen {
    if stage.stop.is_cancelled() && check != Check::Clean {
        return Err(Trouble::Interrupted);
    }
    match check {
        // what the whole run showed
        Check::Secrets => return parameters::secrets(stage),
        Check::Clean => return stage.clean().await,
        _ => {}
    }
    if stage.does_not_open && check != Check::Load {
        return Err(Trouble::Moot(
            "the instance does not open, as was said above".to_owned(),
        ));
    }
    match check {
        // processes that are opened again and again
        Check::Memory | Check::Descriptors | Check::Threads => return growth::check(check, stage).await,
        Check::Missing | Check::Unknown | Check::Malformed => {
            return parameters::check(check, stage).await;
        }
        _ => {}
    }
    let mut session = match Session::start(stage).await {
        Ok(session) => session,
        Err(trouble) => {
            stage.does_not_open |= stage.info.is_none();
            return Err(trouble);
        }
    };
    let seen = match check {
        Check::Load => session.describe(),
        Check::Structs => structs::check(&mut session).await,
        Check::Info => parameters::info(&mut session).await,
        Check::DryRun => records::dry_run(&mut session).await,
        Check::Publish => records::publish(&mut session).await,
        Check::Pair => records::pair(&mut session).await,
        Check::Foreign => records::foreign(&mut session).await,
        Check::Again => records::again(&mut session).await,
        Check::Apex => records::apex(&mut session).await,
        Check::Subzone => records::subzone(&mut session).await,
        Check::Hint => records::hint(&mut session).await,
        Check::Label => records::label(&mut session).await,
        Check::Long => records::long(&mut session).await,
        Check::Full => batches::full(&mut session).await,
        Check::Mixed => batches::mixed(&mut session).await,
        Check::Overlap => batches::overlap(&mut session).await,
        Check::Outside => refusals::outside(&mut session).await,
        Check::Credentials => refusals::credentials(&mut session).await,
        Check::Deadline => time::deadline(&mut session).await,
        Check::Cancel => time::cancel(&mut session).await,
        Check::CrashHandle => crash::with_handle(&mut session).await,
        Check::CrashLost => crash::without_handle(&mut session).await,
        Check::Writes => crash::writes(&mut session).await,
        _ => Err(Trouble::Moot("it is no check of a process".to_owned())),
    };
    let cleaned = session.finish().await;
    let seen = seen?;
    cleaned.map(|()| seen)
}
