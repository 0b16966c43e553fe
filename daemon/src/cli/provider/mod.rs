//! `dns01d provider`: which providers there are, what they take, and what they need before their first record.

mod list;
mod places;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use tokio::runtime::Runtime;

/// What about providers.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List every provider of every plugin library on this machine, and who uses it
    ///
    /// Each library is asked what it is, in a process without options and network. Needs neither a running
    /// daemon nor a configuration.
    List(list::Arguments),
}

/// What every subcommand is told.
#[derive(Debug)]
pub(super) struct Context<'r> {
    /// For whatever waits.
    pub runtime: &'r Runtime,
    /// The configuration file, which may not be there.
    pub config: PathBuf,
}

/// Does what the command says.
pub(super) fn run(command: ProviderCommand, context: &Context<'_>) -> ExitCode {
    match command {
        ProviderCommand::List(arguments) => list::run(&arguments, context),
    }
}
