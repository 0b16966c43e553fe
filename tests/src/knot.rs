//! Knot DNS as a primary that takes TSIG updates.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dns::{AskError, TsigKey, ask_txt};
use crate::primary::{self, Open, PrimaryOptions};
use crate::process::{ProcessError, Program, free_port, write};

/// It opens two small databases.
const START: Duration = Duration::from_secs(30);

/// A running Knot DNS; dropping it kills it.
#[derive(Debug)]
pub struct Knot {
    program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

impl Knot {
    /// Starts it on a free port of 127.0.0.1 and waits until it answers for its zones.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(options: &PrimaryOptions) -> Result<Self, ProcessError> {
        let dir = primary::directory("dns01-knot")?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        for zone in &options.zones {
            write(&dir.path().join(format!("{}.zone", zone.name)), &zone.text())?;
        }
        let file = dir.path().join("knot.conf");
        write(&file, &configuration(dir.path(), addr, options))?;
        let mut command = Command::new("knotd");
        command.arg("--config").arg(file).current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("knotd.log"))?;
        primary::ready(&mut program, START, addr, options).await?;
        Ok(Knot {
            program,
            addr,
            _dir: dir,
        })
    }

    /// Where it answers and takes updates, UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The TXT values at a name, sorted.
    ///
    /// # Errors
    /// As [`ask_txt`].
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, AskError> {
        ask_txt(self.addr, name).await
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

fn configuration(dir: &Path, addr: SocketAddr, options: &PrimaryOptions) -> String {
    let (dir, ip, port) = (dir.display(), addr.ip(), addr.port());
    let keys: String = options.keys.iter().map(key).collect();
    let names: Vec<&str> = options.keys.iter().map(TsigKey::name).collect();
    let zones: String = options
        .zones
        .iter()
        .map(|zone| {
            let acl = match zone.open {
                Open::Nowhere => "",
                Open::Challenges => "    acl: [challenges]\n",
                Open::Everywhere => "    acl: [everything]\n",
            };
            format!("  - domain: {}\n{acl}", zone.name)
        })
        .collect();
    // one thread of each kind: more help no test; nothing needs to last
    format!(
        "server:\n    rundir: \"{dir}\"\n    listen: {ip}@{port}\n    udp-workers: 1\n    tcp-workers: 1\n    \
         background-workers: 1\n\
         log:\n  - target: stderr\n    any: debug\n\
         database:\n    storage: \"{dir}/db\"\n\
         key:\n{keys}\
         acl:\n  - id: challenges\n    key: [{keys_allowed}]\n    action: update\n    update-type: [TXT]\n    \
         update-owner: name\n    update-owner-match: sub-or-equal\n    update-owner-name: [_acme-challenge]\n  \
         - id: everything\n    key: [{keys_allowed}]\n    action: update\n    update-type: [TXT]\n\
         template:\n  - id: default\n    storage: \"{dir}\"\n    file: \"%s.zone\"\n    zonefile-sync: -1\n    \
         journal-content: none\n\
         zone:\n{zones}",
        keys_allowed = names.join(", "),
    )
}

fn key(key: &TsigKey) -> String {
    format!(
        "  - id: {}\n    algorithm: {}\n    secret: {}\n",
        key.name(),
        key.algorithm(),
        key.secret_base64()
    )
}
