//! NSD as a secondary that takes a zone by transfer: it knows no updates (RFC 2136).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::dns::ask;
use crate::primary;
use crate::process::{ProcessError, Program, free_port, write};

/// It forks and takes the zone over.
const START: Duration = Duration::from_secs(30);

/// A running NSD; dropping it kills it.
#[derive(Debug)]
pub struct Nsd {
    program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

impl Nsd {
    /// Starts it on a free port of 127.0.0.1 as a secondary of `zone`, which it takes from `primary`, and waits until
    /// it answers. It asks for changes once a second and takes the word of anybody on this machine that there are some.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(zone: &str, primary: SocketAddr) -> Result<Self, ProcessError> {
        let dir = primary::directory("dns01-nsd")?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let file = dir.path().join("nsd.conf");
        write(&file, &configuration(dir.path(), addr, zone, primary))?;
        let mut command = Command::new("nsd");
        // in the foreground
        command.args(["-d", "-c"]).arg(file).current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("nsd.log"))?;
        let answers = || async {
            let answer = ask(addr, zone, RecordType::SOA).await;
            answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
        };
        program.ready(START, answers).await?;
        Ok(Nsd {
            program,
            addr,
            _dir: dir,
        })
    }

    /// Where it answers, UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

fn configuration(dir: &Path, addr: SocketAddr, zone: &str, primary: SocketAddr) -> String {
    let (dir, ip, port) = (dir.display(), addr.ip(), addr.port());
    format!(
        "server:\n  ip-address: {ip}@{port}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  \
         zonesdir: \"{dir}\"\n  database: \"\"\n  pidfile: \"{dir}/nsd.pid\"\n  zonelistfile: \"{dir}/zone.list\"\n  \
         xfrdfile: \"{dir}/xfrd.state\"\n  xfrdir: \"{dir}\"\n  xfrd-reload-timeout: 0\n  rrl-ratelimit: 0\n  \
         verbosity: 2\n\
         remote-control:\n  control-enable: no\n\
         zone:\n  name: \"{zone}\"\n  zonefile: \"{zone}.zone\"\n  allow-notify: 127.0.0.1 NOKEY\n  \
         request-xfr: AXFR {}@{} NOKEY\n  min-refresh-time: 1\n  max-refresh-time: 1\n",
        primary.ip(),
        primary.port()
    )
}
