//! `dns01d provider`: which providers there are, what they take, and what they need before their first record.

mod facts;
mod list;
mod new;
mod places;
mod prepare;
mod show;
mod snippet;
mod test;

#[cfg(test)]
mod tests;

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
    /// Show what a provider is, which options it takes, and how to configure it
    ///
    /// From its library. With the name of an instance, and a configuration without faults, also what the instance
    /// says of itself once it is open; it is not asked to do anything.
    Show(show::Arguments),
    /// Have a provider instance check its credentials, and whether it may write for these names
    ///
    /// Changes nothing. The running daemon does it; without one, this process does.
    Check(prepare::CheckArguments),
    /// Have a provider instance create what it needs for these names
    ///
    /// What that is, the provider says: an account at acme-dns, for example. It is kept in the state of the
    /// daemon, which does this; without a running one, this process does. Shows for each name what is left to do
    /// by hand, such as a CNAME to add.
    Setup(prepare::SetupArguments),
    /// Begin a provider of one's own: a project that builds, with its tests
    ///
    /// It is a complete provider as it stands, for a DNS host that comes with it and runs on this machine:
    /// options, a secret, kept state, batches, cancellation. README.md in it says how to go on.
    New(new::Arguments),
    /// Test whether a plugin keeps the promises of dns01_plugin.h
    ///
    /// Runs it in the real plugin host with the sandbox, publishes test records in a zone of yours and looks for
    /// them at its authoritative servers. Ends with status 0 only when nothing failed. Interrupted, it removes
    /// what it published before it ends.
    Test(Box<test::Arguments>),
}

/// What every subcommand is told.
#[derive(Debug)]
pub(super) struct Context<'r> {
    /// For whatever waits.
    pub runtime: &'r Runtime,
    /// The configuration file, which may not be there.
    pub config: PathBuf,
    /// The control socket, if one was named.
    pub socket: Option<PathBuf>,
}

/// Does what the command says.
pub(super) fn run(command: ProviderCommand, context: &Context<'_>) -> ExitCode {
    match command {
        ProviderCommand::List(arguments) => list::run(&arguments, context),
        ProviderCommand::Show(arguments) => show::run(&arguments, context),
        ProviderCommand::Check(arguments) => prepare::check(&arguments, context),
        ProviderCommand::Setup(arguments) => prepare::setup(&arguments, context),
        ProviderCommand::New(arguments) => new::run(&arguments),
        ProviderCommand::Test(arguments) => test::run(*arguments, context),
    }
}
