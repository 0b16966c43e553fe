//! lego, with the smallest waits that it takes.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::{
    Failure,
    certificate::{Files, Wanted},
    site::{Site, in_own_mounts},
};

/// At once, where many certificates are wanted: as in the figures that this is held against.
pub(crate) const LEGO_PROCESSES: usize = 8;

const PATIENCE: Duration = Duration::from_secs(120);

/// A directory with account and certificates.
#[derive(Clone, Debug)]
pub(crate) struct Lego {
    path: PathBuf,
    /// Between two looks at the name server, and between two challenges; whole seconds.
    waits: u32,
}

impl Lego {
    pub(crate) fn new(path: PathBuf, waits: u32) -> Self {
        Lego { path, waits }
    }

    /// Registers if there is no account, gets the certificate, and returns how long that took.
    pub(crate) async fn run(&self, site: &Site, wanted: &Wanted) -> Result<Duration, Failure> {
        fs::create_dir_all(&self.path)?;
        let log = self.path.join(format!("{}.log", wanted.label));
        let out = File::create(&log)?;
        let mut command = self.command(site, wanted);
        command.stdout(out.try_clone()?).stderr(out);
        let mut command = tokio::process::Command::from(command);
        let start = Instant::now();
        let status = timeout(PATIENCE, command.kill_on_drop(true).status())
            .await
            .map_err(|_| format!("lego has no certificate after {PATIENCE:?}"))??;
        let took = start.elapsed();
        if !status.success() {
            return Err(format!("lego ended with {status}:\n{}", fs::read_to_string(log)?).into());
        }
        Ok(took)
    }

    /// Where it leaves them; the wildcard's asterisk becomes an underscore.
    pub(crate) fn files(&self, wanted: &Wanted) -> Files {
        let [wildcard, _] = wanted.names();
        let stem = self.path.join("certificates").join(wildcard.replace('*', "_"));
        let with = |extension: &str| PathBuf::from(format!("{}.{extension}", stem.display()));
        Files {
            chain: with("crt"),
            key: with("key"),
        }
    }

    fn command(&self, site: &Site, wanted: &Wanted) -> Command {
        let waits = self.waits.to_string();
        let [wildcard, apex] = wanted.names();
        let mut command = match &site.resolv_conf {
            Some(resolv_conf) => {
                let mut command = in_own_mounts(resolv_conf);
                command.arg("lego");
                command
            }
            None => Command::new("lego"),
        };
        command
            .arg("--server")
            .arg(site.pebble.directory_url())
            .arg("--path")
            .arg(&self.path)
            .args(["--accept-tos", "--email", "bench@example.test"])
            .args(["--dns", "rfc2136", "--dns.resolvers"])
            .arg(site.bind.addr().to_string());
        if site.resolv_conf.is_none() {
            command.arg("--dns.disable-cp");
        }
        command.args(["--domains", &wildcard, "--domains", &apex, "run"]);
        command
            .env("LEGO_CA_CERTIFICATES", absolute(site.pebble.ca_file()))
            .env("RFC2136_NAMESERVER", site.bind.addr().to_string())
            .env("RFC2136_TSIG_KEY", site.key.name())
            .env("RFC2136_TSIG_ALGORITHM", format!("{}.", site.key.algorithm()))
            .env("RFC2136_TSIG_SECRET", site.key.secret_base64())
            .env("RFC2136_TTL", "1")
            .env("RFC2136_POLLING_INTERVAL", &waits)
            .env("RFC2136_SEQUENCE_INTERVAL", &waits)
            .env("RFC2136_PROPAGATION_TIMEOUT", "30");
        command
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
