//! The command line of dns01d.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use dns01d::cli;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
