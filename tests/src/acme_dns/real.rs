//! joohoi's server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::{ProcessError, Program, free_port, tool, write};

/// It opens a database.
const START: Duration = Duration::from_secs(30);

/// The program, in `target/tools` or on the search path; `None` where there is none.
pub fn installed() -> Option<PathBuf> {
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|directory| directory.join("acme-dns"))
            .find(|program| program.is_file())
    };
    tool("acme-dns").or_else(on_path)
}

/// A running server; dropping it kills it.
#[derive(Debug)]
pub struct Real {
    url: String,
    dns: SocketAddr,
    _program: Program,
    _dir: TempDir,
}

impl Real {
    /// Starts `program` for names below `domain`, with a database of its own, and waits until it answers.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(program: &Path, domain: &str) -> Result<Self, ProcessError> {
        let dir = tempfile::Builder::new()
            .prefix("dns01-acme-dns")
            .tempdir()
            .map_err(|source| ProcessError::Prepare {
                what: "acme-dns's directory".to_owned(),
                source,
            })?;
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let config = dir.path().join("config.cfg");
        write(&config, &configuration(domain, dns, api, dir.path()))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("acme-dns.log"))?;
        program
            .ready(START, || async { TcpStream::connect(api).await.is_ok() })
            .await?;
        Ok(Real {
            url: format!("http://{api}"),
            dns,
            _program: program,
            _dir: dir,
        })
    }

    /// Address of the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The DNS server.
    pub fn dns(&self) -> SocketAddr {
        self.dns
    }
}

fn configuration(domain: &str, dns: SocketAddr, api: SocketAddr, dir: &Path) -> String {
    format!(
        "[general]\n\
         listen = \"{dns}\"\n\
         protocol = \"both\"\n\
         domain = \"{domain}\"\n\
         nsname = \"ns.{domain}\"\n\
         nsadmin = \"admin.{domain}\"\n\
         records = [\"{domain}. NS ns.{domain}.\", \"ns.{domain}. A 127.0.0.1\"]\n\
         debug = false\n\
         [database]\n\
         engine = \"sqlite3\"\n\
         connection = \"{}\"\n\
         [api]\n\
         ip = \"{}\"\n\
         port = \"{}\"\n\
         disable_registration = false\n\
         tls = \"none\"\n\
         corsorigins = [\"*\"]\n\
         use_header = false\n\
         [logconfig]\n\
         loglevel = \"debug\"\n\
         logtype = \"stdout\"\n\
         logformat = \"text\"\n",
        dir.join("acme-dns.db").display(),
        api.ip(),
        api.port()
    )
}
