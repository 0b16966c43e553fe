//! Loads one DNS provider plugin, confined, and serves it to dns01d over a socket.
//!
//! The daemon starts this program; its arguments are the kind of run and, for `ps`, the instance's name.
//! Nothing here trusts the library: [`confine`] gives away all that the process could do harm with before
//! [`load`] maps a byte of it, and what the library returns is checked before it is believed. A library
//! that breaks its process anyway breaks nothing else.
#![deny(unsafe_code)]

mod calls;
mod confine;
mod link;
mod load;
mod pool;
mod serve;

use std::process::ExitCode;

use crate::confine::Run;

/// sysexits.h: the command line is wrong.
const USAGE: u8 = 64;
/// sysexits.h: the other end speaks another protocol.
const PROTOCOL: u8 = 76;

fn main() -> ExitCode {
    let run = match std::env::args().nth(1).as_deref() {
        Some("describe") => Run::Describe,
        Some("serve") => Run::Serve,
        Some("--version") => {
            println!("dns01-plugin-host {}", dns01_plugin_wire::VERSION);
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("dns01-plugin-host is started by dns01d, which hands it a socket as standard input");
            return ExitCode::from(USAGE);
        }
    };
    match serve::run(run) {
        Ok(never) => match never {},
        Err(error @ serve::Error::Greeting(_)) => {
            eprintln!("dns01-plugin-host: {error}");
            ExitCode::from(PROTOCOL)
        }
        Err(error) => {
            eprintln!("dns01-plugin-host: {error}");
            ExitCode::FAILURE
        }
    }
}
