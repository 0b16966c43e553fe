//! PowerDNS Authoritative with its SQLite backend as a primary that takes TSIG updates.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::dns::{AskError, TsigKey, ask_txt};
use crate::primary::{self, Open, PrimaryOptions};
use crate::process::{ProcessError, Program, free_port, write};

/// It opens a database.
const START: Duration = Duration::from_secs(30);
/// The Debian package's; it has no command that makes a database of it.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
const MAKE_DATABASE: &str =
    "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";

/// A running PowerDNS; dropping it kills it.
#[derive(Debug)]
pub struct PowerDns {
    program: Program,
    addr: SocketAddr,
    _dir: TempDir,
}

impl PowerDns {
    /// Starts it on a free port of 127.0.0.1 and waits until it answers for its zones. It knows no limit on
    /// names: a key may change all of an open zone.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(options: &PrimaryOptions) -> Result<Self, ProcessError> {
        let dir = primary::directory("dns01-powerdns")?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        write(&dir.path().join("pdns.conf"), &configuration(dir.path(), addr))?;
        let database = dir.path().join("pdns.db");
        let mut make = Command::new("python3");
        make.args(["-c", MAKE_DATABASE]).arg(&database).arg(SCHEMA);
        primary::run(make)?;
        let pdnsutil = |arguments: &[&str]| {
            let mut command = Command::new("pdnsutil");
            command.arg(format!("--config-dir={}", dir.path().display()));
            command.args(arguments);
            primary::run(command)
        };
        for key in &options.keys {
            pdnsutil(&[
                "import-tsig-key",
                key.name(),
                key.algorithm(),
                key.secret_base64(),
            ])?;
        }
        let names: Vec<&str> = options.keys.iter().map(TsigKey::name).collect();
        for zone in &options.zones {
            let file = dir.path().join(format!("{}.zone", zone.name));
            write(&file, &zone.text())?;
            pdnsutil(&["load-zone", &zone.name, &file.to_string_lossy()])?;
            // without any, it would take updates of everybody
            let allowed: &[&str] = match zone.open {
                Open::Nowhere => &["nobody"],
                Open::Challenges | Open::Everywhere => &names,
            };
            pdnsutil(&[&["set-meta", &zone.name, "TSIG-ALLOW-DNSUPDATE"], allowed].concat())?;
        }
        let mut command = Command::new("pdns_server");
        command
            .arg(format!("--config-dir={}", dir.path().display()))
            .current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("pdns.log"))?;
        primary::ready(&mut program, START, addr, options).await?;
        Ok(PowerDns {
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

fn configuration(dir: &Path, addr: SocketAddr) -> String {
    let (dir, ip, port) = (dir.display(), addr.ip(), addr.port());
    // no cache, so that what it answers is what it has; no flush, because nothing needs to last
    format!(
        "daemon=no\nguardian=no\nsetuid=\nsetgid=\nsocket-dir={dir}\nlocal-address={ip}\nlocal-port={port}\n\
         launch=gsqlite3\ngsqlite3-database={dir}/pdns.db\ngsqlite3-pragma-synchronous=0\n\
         dnsupdate=yes\nallow-dnsupdate-from=127.0.0.0/8\n\
         receiver-threads=1\ndistributor-threads=1\n\
         cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n\
         disable-syslog=yes\nloglevel=7\nsecurity-poll-suffix=\n"
    )
}
