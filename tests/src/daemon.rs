//! The real daemon: its binary with its default sandbox, a configuration of its own, and what it says of
//! itself. Dropping the guard kills it with SIGKILL; its plugins die with it.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    dns::TsigKey,
    process::{ProcessError, Program, write},
};

/// It opens a database and a socket; a loaded machine takes its time.
const START: Duration = Duration::from_secs(30);

/// The bridge to lego's providers, which Go builds and not Cargo.
pub const LEGO_BRIDGE: &str = "libdns01_lego.so";

/// Where the workspace's binaries and libraries are: beside the running test's own.
///
/// # Panics
/// When a test runs outside of a cargo target directory.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its file");
    let directory = own.ancestors().find(|path| path.join(name).is_file());
    let Some(directory) = directory else {
        panic!(
            "{name} is not built: run `{}` first (`./dev test` does)",
            builder(name)
        )
    };
    directory.join(name)
}

/// The command that builds it.
fn builder(name: &str) -> &'static str {
    match name {
        LEGO_BRIDGE => "./dev lego",
        _ => "cargo build --workspace",
    }
}

/// A plugin host that runs as this user where the tests run as root: root has no limit on its processes, so that
/// the sandbox refuses to let it run programs. Whatever goes wrong, the user has no more than 2,000.
///
/// # Panics
/// When nothing can be written to the directory.
pub fn unprivileged_host(directory: &Path, user: u32) -> PathBuf {
    let host = built("dns01-plugin-host");
    if !rustix::process::geteuid().is_root() {
        return host;
    }
    let readable = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
    let script = directory.join("plugin-host");
    let text = format!(
        "#!/bin/sh\nexec prlimit --nproc=2000 setpriv --reuid {user} --regid {user} --clear-groups {} \"$@\"\n",
        host.display()
    );
    std::fs::write(&script, text).expect("our own directory");
    readable(directory).expect("our own directory");
    readable(&script).expect("our own file");
    script
}

/// What a daemon is to do.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Address of the CA's directory.
    pub directory_url: String,
    /// Trust root of the CA's HTTPS server, PEM.
    pub ca_pem: String,
    /// The server that takes updates.
    pub update_server: SocketAddr,
    /// The key for them.
    pub key: Option<TsigKey>,
    /// The zone and the servers that must show a record.
    pub zone: String,
    /// See `zone`.
    pub authorities: Vec<SocketAddr>,
    /// Certificates: name, names, hook.
    pub certificates: Vec<CertificateSetup>,
    /// Further CAs: their sections.
    pub more_cas: String,
    /// Lines of the CA's section. Tests issue more often than anybody should, so they begin with `NO_BREAKER`.
    pub ca_lines: Vec<String>,
    /// Lines at the end of the configuration.
    pub extra: String,
}

/// Lets one certificate be issued as often as a test likes.
pub const NO_BREAKER: &str = "limits: { breaker: false }";

/// A certificate to keep.
#[derive(Clone, Debug)]
pub struct CertificateSetup {
    /// Its key in the configuration.
    pub name: String,
    /// Its DNS names.
    pub names: Vec<String>,
    /// Its hook.
    pub hook: Option<Vec<String>>,
    /// More lines of its section.
    pub lines: Vec<String>,
}

impl CertificateSetup {
    /// Without a hook.
    pub fn new(name: &str, names: &[&str]) -> Self {
        CertificateSetup {
            name: name.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            hook: None,
            lines: Vec::new(),
        }
    }
}

/// A directory with configuration and state, over the lives of several daemons.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
    log: std::cell::Cell<u32>,
}

impl Home {
    /// Writes the configuration and the files that it names.
    ///
    /// # Errors
    /// [`ProcessError::Prepare`].
    pub fn new(setup: &Setup) -> Result<Self, ProcessError> {
        let directory = tempfile::Builder::new()
            .prefix("dns01d-")
            .tempdir()
            .map_err(|source| ProcessError::Prepare {
                what: "a directory".to_owned(),
                source,
            })?;
        let home = Home {
            directory,
            log: std::cell::Cell::new(0),
        };
        home.configure(setup)?;
        Ok(home)
    }

    /// Writes the configuration anew.
    ///
    /// # Errors
    /// [`ProcessError::Prepare`].
    pub fn configure(&self, setup: &Setup) -> Result<(), ProcessError> {
        write(&self.path("ca.pem"), &setup.ca_pem)?;
        let mut options = format!("      server: \"{}\"\n", setup.update_server);
        if let Some(key) = &setup.key {
            let secret = self.path("tsig.secret");
            let _ = std::fs::remove_file(&secret);
            crate::process::write_secret(&secret, key.secret_base64())?;
            let _ = writeln!(
                options,
                "      tsig-key: {}\n      tsig-algorithm: {}\n      tsig-secret: {{ file: {} }}",
                key.name(),
                key.algorithm(),
                secret.display()
            );
        }
        let authorities: Vec<String> = setup
            .authorities
            .iter()
            .map(|address| format!("\"{address}\""))
            .collect();
        let mut certificates = String::new();
        for certificate in &setup.certificates {
            let names: Vec<String> = certificate
                .names
                .iter()
                .map(|name| format!("\"{name}\""))
                .collect();
            let _ = writeln!(
                certificates,
                "  {}:\n    names: [{}]",
                certificate.name,
                names.join(", ")
            );
            for line in &certificate.lines {
                let _ = writeln!(certificates, "    {line}");
            }
            if let Some(hook) = &certificate.hook {
                let argv: Vec<String> = hook.iter().map(|argument| format!("{argument:?}")).collect();
                let _ = writeln!(
                    certificates,
                    "    hook: {{ command: [{}], timeout: 5s }}",
                    argv.join(", ")
                );
            }
        }
        if setup.certificates.is_empty() {
            certificates.push_str("  {}\n");
        }
        let text = format!(
            "state-directory: {state}\n\
             log: {{ level: debug }}\n\
             control: {{ socket: {socket} }}\n\
             plugins: {{ directories: [{plugins}], host: {host} }}\n\
             dns:\n  resolvers: [{resolver}]\n  zones:\n    {zone}: {{ authorities: [{authorities}] }}\n\
             cas:\n  lab:\n    directory: \"{directory}\"\n    agree-terms: true\n    ca-file: {ca}\n{ca_extra}{more_cas}\
             providers:\n  dns:\n    library: {library}\n    options:\n{options}\
             certificates:\n{certificates}{extra}",
            state = self.state().display(),
            socket = self.socket().display(),
            plugins = built("libdns01_rfc2136.so")
                .parent()
                .unwrap_or(Path::new("/"))
                .display(),
            host = built("dns01-plugin-host").display(),
            // what lies outside of the zone is asked of nobody beyond this machine
            resolver = authorities.first().map(String::as_str).unwrap_or_default(),
            zone = setup.zone,
            authorities = authorities.join(", "),
            ca_extra = setup
                .ca_lines
                .iter()
                .map(|line| format!("    {line}\n"))
                .collect::<String>(),
            more_cas = setup.more_cas,
            directory = setup.directory_url,
            ca = self.path("ca.pem").display(),
            library = built("libdns01_rfc2136.so").display(),
            extra = setup.extra,
        );
        write(&self.config(), &text)
    }

    /// Replaces the provider `dns` by others: `lines` are what stands below `providers:`.
    ///
    /// # Errors
    /// [`ProcessError::Prepare`].
    pub fn replace_providers(&self, lines: &str) -> Result<(), ProcessError> {
        let unread = |source| ProcessError::Prepare {
            what: "the configuration".to_owned(),
            source,
        };
        let written = std::fs::read_to_string(self.config()).map_err(unread)?;
        let sections = written
            .split_once("providers:\n")
            .zip(written.split_once("certificates:\n"));
        let Some(((before, _), (_, after))) = sections else {
            return Err(unread(std::io::ErrorKind::InvalidData.into()));
        };
        write(
            &self.config(),
            &format!("{before}providers:\n{lines}certificates:\n{after}"),
        )
    }

    /// A file of its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("dns01d.yaml")
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The state database.
    pub fn database(&self) -> PathBuf {
        self.state().join("state.db")
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// The live directory of a certificate.
    pub fn live(&self, certificate: &str) -> PathBuf {
        self.state().join("certificates").join(certificate).join("live")
    }

    /// Runs the command line with this configuration to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(built("dns01d"));
        command
            .arg("--config")
            .arg(self.config())
            .arg("--socket")
            .arg(self.socket())
            .args(arguments);
        command.output().expect("dns01d is built")
    }

    /// Starts the daemon and returns at once.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub fn launch(&self, wrapper: &[&str]) -> Result<Daemon<'_>, ProcessError> {
        let binary = built("dns01d");
        let mut command = match wrapper {
            [] => Command::new(&binary),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&binary);
                command
            }
        };
        command.arg("--config").arg(self.config()).arg("run");
        self.log.set(self.log.get() + 1);
        let log = self.path(&format!("daemon-{}.log", self.log.get()));
        Ok(Daemon {
            program: Program::start(command, &log)?,
            home: self,
        })
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(&self) -> Result<Daemon<'_>, ProcessError> {
        let mut daemon = self.launch(&[])?;
        let socket = self.socket();
        daemon
            .program
            .ready(START, || async {
                std::os::unix::net::UnixStream::connect(&socket).is_ok()
            })
            .await?;
        Ok(daemon)
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon<'a> {
    /// Its process.
    pub program: Program,
    home: &'a Home,
}

impl Daemon<'_> {
    /// What `dns01d status --json` says; `None` while it does not answer.
    pub fn status(&self) -> Option<Value> {
        let output = self.home.command(&["status", "--json"]);
        output
            .status
            .success()
            .then(|| serde_json::from_slice(&output.stdout).ok())
            .flatten()
    }

    /// One certificate's part of the status.
    pub fn certificate(&self, name: &str) -> Option<Value> {
        let status = self.status()?;
        status["certificates"]
            .as_array()?
            .iter()
            .find(|certificate| certificate["name"] == name)
            .cloned()
    }

    /// Waits until `is_so` holds of a certificate.
    ///
    /// # Panics
    /// With the daemon's log when it does not come true.
    pub async fn until(&self, name: &str, within: Duration, is_so: impl Fn(&Value) -> bool) -> Value {
        let start = tokio::time::Instant::now();
        loop {
            let certificate = self.certificate(name).unwrap_or_default();
            if is_so(&certificate) {
                return certificate;
            }
            assert!(
                start.elapsed() < within,
                "{name} is {certificate:#} after {within:?}; the daemon's log:\n{}",
                self.program.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a certificate is deployed.
    ///
    /// # Panics
    /// As [`Daemon::until`].
    pub async fn until_deployed(&self, name: &str) -> Value {
        self.until(name, Duration::from_secs(60), |certificate| {
            !certificate["deployed_at"].is_null()
        })
        .await
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.program.id() as i32).expect("a process number");
        rustix::process::kill_process(pid, signal).expect("the daemon runs");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "libdns01_none.so is not built: run `cargo build --workspace` first")]
    fn what_is_not_built_is_said_with_what_builds_it() {
        assert_eq!(builder(LEGO_BRIDGE), "./dev lego");
        built("libdns01_none.so");
    }
}
