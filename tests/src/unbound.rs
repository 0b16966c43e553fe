//! Unbound as a validating resolver with a trust anchor of its own: what CAs ask through.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::dns::ask;
use crate::primary::directory;
use crate::process::{ProcessError, Program, free_port, write};

/// It reads a configuration and opens a socket.
const START: Duration = Duration::from_secs(30);

/// What a resolver knows before it asks.
#[derive(Clone, Debug)]
pub struct UnboundOptions {
    /// Zones, and the server of all of them; of others it says that there are none.
    pub zones: Vec<String>,
    /// See `zones`.
    pub server: SocketAddr,
    /// DS records that are trusted: `example.test. DS ...`.
    pub anchors: Vec<String>,
    /// Whether it validates at all.
    pub validates: bool,
}

/// A running Unbound; dropping it kills it.
#[derive(Debug)]
pub struct Unbound {
    program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

impl Unbound {
    /// Starts it on a free port of 127.0.0.1 and waits until it answers.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(options: &UnboundOptions) -> Result<Self, ProcessError> {
        let dir = directory("dns01-unbound")?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let file = dir.path().join("unbound.conf");
        write(&file, &configuration(dir.path(), addr, options))?;
        let mut command = Command::new("unbound");
        // in the foreground, log to stderr
        command
            .args(["-d", "-d", "-p", "-c"])
            .arg(file)
            .current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("unbound.log"))?;
        let answers = || async { ask(addr, "nobody.invalid", RecordType::SOA).await.is_ok() };
        program.ready(START, answers).await?;
        Ok(Unbound {
            program,
            addr,
            _dir: dir,
        })
    }

    /// Where it answers, UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it wrote: why a zone is bogus, for example.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

fn configuration(dir: &Path, addr: SocketAddr, options: &UnboundOptions) -> String {
    let (dir, port, server) = (dir.display(), addr.port(), options.server);
    let modules = if options.validates {
        "validator iterator"
    } else {
        "iterator"
    };
    let anchors: String = options
        .anchors
        .iter()
        .map(|anchor| format!("  trust-anchor: \"{anchor}\"\n"))
        .collect();
    // zones under `test`, which it would answer itself; everything else exists nowhere, so that nobody is asked
    let mut text = format!(
        "server:\n  directory: \"{dir}\"\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  \
         verbosity: 1\n  val-log-level: 2\n  num-threads: 1\n  interface: 127.0.0.1@{port}\n  do-ip6: no\n  \
         do-not-query-localhost: no\n  ede: yes\n  module-config: \"{modules}\"\n  local-zone: \".\" static\n{anchors}"
    );
    for zone in &options.zones {
        text.push_str(&format!("  local-zone: \"{zone}.\" transparent\n"));
    }
    text.push_str("remote-control:\n  control-enable: no\n");
    for zone in &options.zones {
        text.push_str(&format!(
            "stub-zone:\n  name: \"{zone}.\"\n  stub-addr: {}@{}\n  stub-prime: no\n",
            server.ip(),
            server.port()
        ));
    }
    text
}
