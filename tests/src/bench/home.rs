//! A dns01d with a state of its own, configured as an operator would.

use std::{
    cell::Cell,
    fmt::Write as _,
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::{daemon::built, process::Program};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    Failure,
    certificate::{Files, Wanted},
    site::{REQUEST_RATE, Site, ZONE},
};

/// No certificate here takes seconds, unless Pebble hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a `live` link.
const LOOK: Duration = Duration::from_millis(1);

/// The daemon drains what is under way.
const STOP: Duration = Duration::from_secs(30);

/// What the system's CAs are loaded from; OpenSSL's environment decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// As in the shipped unit: the directory with one file by hash, read when a CA is looked for.
    HashedDirectory,
    /// Without any setting: the bundle is parsed at start.
    Bundle,
}

/// State, configuration and logs of a daemon; gone when dropped.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
    runs: Cell<u32>,
}

impl Home {
    pub(crate) fn new(parent: &Path, site: &Site, certificates: &[Wanted]) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("dns01d-").tempdir_in(parent)?;
        let home = Home {
            directory,
            runs: Cell::new(0),
        };
        let mut secret = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(home.path("tsig.secret"))?;
        std::io::Write::write_all(&mut secret, site.key.secret_base64().as_bytes())?;
        home.configure(site, certificates)?;
        Ok(home)
    }

    /// Writes the configuration. Log, sandbox, timeouts: everything not named is the default.
    pub(crate) fn configure(&self, site: &Site, certificates: &[Wanted]) -> Result<(), Failure> {
        let library = built("libdns01_rfc2136.so");
        let text = format!(
            "state-directory: {state}\n\
             control: {{ socket: {socket} }}\n\
             plugins: {{ directories: [{plugins}], host: {host} }}\n\
             dns:\n  resolvers: [\"{server}\"]\n  zones:\n    {ZONE}: {{ authorities: [\"{server}\"] }}\n\
             cas:\n  pebble:\n    directory: {directory}\n    agree-terms: true\n    ca-file: {ca}\n    \
             request-rate: {REQUEST_RATE}\n\
             providers:\n  bind:\n    library: {library}\n    options:\n      server: \"{server}\"\n      \
             tsig-key: {key}\n      tsig-algorithm: {algorithm}\n      tsig-secret: {{ file: {secret} }}\n\
             certificates:\n",
            state = self.path("state").display(),
            socket = self.path("control.sock").display(),
            plugins = library.parent().unwrap_or(Path::new("/")).display(),
            host = built("dns01-plugin-host").display(),
            server = site.bind.addr(),
            directory = site.pebble.directory_url(),
            ca = site.pebble.ca_file().display(),
            library = library.display(),
            key = site.key.name(),
            algorithm = site.key.algorithm(),
            secret = self.path("tsig.secret").display(),
        );
        let certificates = certificates.iter().try_fold(text, |mut text, wanted| {
            let [wildcard, apex] = wanted.names();
            writeln!(text, "  {}:\n    names: [\"{wildcard}\", {apex}]", wanted.label)?;
            Ok::<_, std::fmt::Error>(text)
        })?;
        fs::write(self.path("dns01d.yaml"), certificates)?;
        Ok(())
    }

    /// Starts the daemon, and the watch.
    pub(crate) fn start(&self, trust: Trust) -> Result<Daemon, Failure> {
        let mut command = Command::new(built("dns01d"));
        command.arg("--config").arg(self.path("dns01d.yaml")).arg("run");
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
        if trust == Trust::HashedDirectory {
            command
                .env("SSL_CERT_FILE", "/dev/null")
                .env("SSL_CERT_DIR", "/etc/ssl/certs");
        }
        self.runs.set(self.runs.get() + 1);
        let log = self.path(&format!("daemon-{}.log", self.runs.get()));
        let started = Instant::now();
        Ok(Daemon {
            program: Program::start(command, &log)?,
            started,
        })
    }

    /// Waits until each is live, and returns the time since `start`.
    pub(crate) async fn until_live(
        &self,
        daemon: &Daemon,
        wanted: &[Wanted],
        start: Instant,
    ) -> Result<Duration, Failure> {
        let mut missing: Vec<PathBuf> = wanted.iter().map(|wanted| self.live(wanted)).collect();
        loop {
            missing.retain(|live| live.symlink_metadata().is_err());
            let elapsed = start.elapsed();
            if missing.is_empty() {
                return Ok(elapsed);
            }
            if elapsed > PATIENCE {
                let log = daemon.program.log();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                return Err(format!(
                    "{} of {} certificates are missing after {PATIENCE:?}; the daemon's last lines, latest first:\n{}",
                    missing.len(),
                    wanted.len(),
                    tail.join("\n")
                )
                .into());
            }
            sleep(LOOK).await;
        }
    }

    /// What is live.
    pub(crate) fn files(&self, wanted: &Wanted) -> Files {
        let live = self.live(wanted);
        Files {
            chain: live.join("fullchain.pem"),
            key: live.join("key.pem"),
        }
    }

    fn live(&self, wanted: &Wanted) -> PathBuf {
        self.path("state")
            .join("certificates")
            .join(&wanted.label)
            .join("live")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A running daemon; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    program: Program,
    pub(crate) started: Instant,
}

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Makes it read its configuration.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        Ok(self.program.signal(Signal::HUP)?)
    }

    /// SIGTERM, and the end.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.program.signal(Signal::TERM)?;
        match self.program.ended(STOP).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("dns01d ended with {status}:\n{}", self.program.log()).into()),
            None => Err(format!("dns01d does not end within {STOP:?}:\n{}", self.program.log()).into()),
        }
    }
}
