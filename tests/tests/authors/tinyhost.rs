//! The DNS host of the examples, `plugin-api/examples/tinyhost.py`, while its guard lives.

use std::{net::SocketAddr, process::Command, time::Duration};

use lab::{
    dns::ask_txt,
    process::{Program, tool},
};

use crate::tools::repository;

/// The token that it knows from its start.
pub const TOKEN: &str = "tiny-t0ken-of-the-operator";
/// The one zone that it holds.
pub const ZONE: &str = "example.test";

pub struct TinyHost {
    _program: Program,
    _directory: tempfile::TempDir,
    pub api: String,
    pub dns: SocketAddr,
}

impl TinyHost {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let python = tool("python/bin/python3").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command
            .arg(repository("plugin-api/examples/tinyhost.py"))
            .args(["--zone", ZONE, "--token", TOKEN]);
        let log = directory.path().join("log");
        let mut program = Program::start(command, &log).unwrap();
        let ready = || async { std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 2) };
        program.ready(Duration::from_secs(30), ready).await.unwrap();
        let said = program.log();
        let address = |what: &str| {
            let mut lines = said.lines();
            lines.find_map(|line| line.strip_prefix(what)).unwrap().to_owned()
        };
        let (api, dns) = (address("http "), address("dns ").parse().unwrap());
        Self {
            _program: program,
            _directory: directory,
            api,
            dns,
        }
    }

    /// What stands in DNS at the name.
    pub async fn txt(&self, name: &str) -> Vec<String> {
        ask_txt(self.dns, name).await.unwrap()
    }
}
