use std::{
    cell::Cell,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{
    ca::AcmeCa,
    daemon::built,
    dns::{DnsServer, TsigKey},
    process::Program,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::Failure;

/// The sample that the demo runs, with what is replaced in it.
const CONFIG: &str = include_str!("../../../configs/demo.yaml");
const CERTIFICATE: &str = "internal";
/// No step of the demo takes as long.
const PATIENCE: Duration = Duration::from_secs(90);

/// The daemon of the demo, its files, and the words around it.
pub(super) struct Scene {
    directory: TempDir,
    daemon: Option<Program>,
    starts: u32,
    /// Lines of the running daemon's log that were repeated already.
    shown: Cell<usize>,
}

impl Scene {
    /// Writes the configuration and everything that it names.
    pub(super) fn set(ca: &AcmeCa, dns: &DnsServer, key: &TsigKey) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("dns01d-demo-").tempdir()?;
        let scene = Scene {
            directory,
            daemon: None,
            starts: 0,
            shown: Cell::new(0),
        };
        let place = scene
            .directory
            .path()
            .to_str()
            .ok_or("the temporary directory's name is not UTF-8")?;
        let config = CONFIG
            .replace("/tmp/dns01d-demo", place)
            .replace("127.0.0.1:5300", &dns.addr().to_string())
            .replace("https://127.0.0.1:14000/directory", &ca.directory_url());
        std::fs::write(scene.config(), config)?;
        std::fs::write(scene.path("https-root.pem"), ca.https_root_pem())?;
        std::fs::write(scene.path("acme-root.pem"), ca.acme_root_pem())?;
        let mut secret = std::fs::OpenOptions::new();
        let mut secret = secret
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(scene.path("tsig.secret"))?;
        std::io::Write::write_all(&mut secret, key.secret_base64().as_bytes())?;
        std::fs::create_dir(scene.path("lib"))?;
        for name in ["libdns01_rfc2136.so", "dns01-plugin-host"] {
            symlink(built(name), scene.path("lib").join(name))?;
        }
        Ok(scene)
    }

    pub(super) fn title(&self, text: &str) {
        println!("\n\x1b[1m{text}\x1b[0m");
    }

    pub(super) fn say(&self, text: &str) {
        println!("  {}", text.replace('\n', "\n  "));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("dns01d.yaml")
    }

    pub(super) fn live(&self) -> PathBuf {
        self.path("state/certificates").join(CERTIFICATE).join("live")
    }

    /// What a person would type.
    pub(super) fn command_line(&self, arguments: &str) -> String {
        format!(
            "{} --config {} {arguments}",
            built("dns01d").display(),
            self.config().display()
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("dns01d"));
        command
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the daemon and shows what it prints.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        self.say(&String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            self.say(&String::from_utf8_lossy(&output.stderr));
            return Err(format!("`dns01d {}` failed", arguments.join(" ")).into());
        }
        Ok(())
    }

    /// Starts the daemon.
    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        self.starts += 1;
        let log = self.path(&format!("daemon-{}.log", self.starts));
        self.say(&format!("started; its log: {}", log.display()));
        let mut daemon = Program::start(self.command(&["run"]), &log)?;
        let socket = self.path("control.sock");
        daemon
            .ready(PATIENCE, || async {
                std::os::unix::net::UnixStream::connect(&socket).is_ok()
            })
            .await?;
        self.daemon = Some(daemon);
        self.shown.set(0);
        Ok(())
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.daemon.take().ok_or("the daemon does not run")?.kill();
        Ok(())
    }

    /// Waits until a certificate with another serial than `before` is deployed,
    /// and repeats what the daemon logs meanwhile.
    pub(super) async fn issued(&self, before: Option<&str>) -> Result<String, Failure> {
        let start = Instant::now();
        loop {
            self.show_log();
            let certificate = self.certificate().await?;
            match certificate["serial"].as_str() {
                Some(serial) if Some(serial) != before && !certificate["deployed_at"].is_null() => {
                    self.show_log();
                    return Ok(serial.to_owned());
                }
                _ => {}
            }
            self.patience(start)?;
        }
    }

    /// Waits until the daemon's own record of its issuance says `state`.
    pub(super) async fn wait_for_state(&self, state: &str, serial: &str) -> Result<(), Failure> {
        let start = Instant::now();
        loop {
            self.show_log();
            let log = self.daemon.as_ref().map(Program::log).unwrap_or_default();
            let certificate = self.certificate().await?;
            if certificate["serial"] != serial {
                return Err(format!("the renewal was over before it could be killed while {state}").into());
            }
            if log
                .lines()
                .skip(self.lines_before(serial, &log))
                .any(|line| line.contains("the CA was told to look"))
            {
                return Ok(());
            }
            self.patience(start)?;
        }
    }

    /// Lines of the log up to the one that tells of the certificate `serial`.
    fn lines_before(&self, serial: &str, log: &str) -> usize {
        log.lines()
            .position(|line| line.contains("certificate deployed") && line.contains(serial))
            .unwrap_or(0)
    }

    fn patience(&self, start: Instant) -> Result<(), Failure> {
        if start.elapsed() > PATIENCE {
            let log = self.daemon.as_ref().map(Program::log).unwrap_or_default();
            return Err(format!("nothing more happened for {PATIENCE:?}; the daemon's log:\n{log}").into());
        }
        Ok(())
    }

    async fn certificate(&self) -> Result<Value, Failure> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut command = self.command(&["status", "--json"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ok(status["certificates"][0].clone())
    }

    /// Repeats what the daemon has logged since the last time.
    fn show_log(&self) {
        let log = self.daemon.as_ref().map(Program::log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.iter().skip(self.shown.replace(lines.len())) {
            println!("  | {}", plain(line));
        }
    }

    /// Shows what the server serves, in OpenSSL's words.
    pub(super) fn served(&self, server: SocketAddr, host: &str) -> Result<(), Failure> {
        let root = self.path("acme-root.pem");
        let server = server.to_string();
        let arguments = [
            "s_client",
            "-connect",
            &server,
            "-servername",
            host,
            "-verify_hostname",
            host,
            "-verify_return_error",
            "-CAfile",
        ];
        self.say(&format!("$ openssl {} {}", arguments.join(" "), root.display()));
        let output = Command::new("openssl")
            .args(arguments)
            .arg(&root)
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        for line in text.lines().filter(|line| {
            ["Verification:", "Verified peername:", "Verify return code:"]
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        }) {
            self.say(&format!("  {}", line.trim()));
        }
        if !output.status.success() || !text.contains("Verification: OK") {
            return Err(format!("openssl does not verify the served certificate:\n{text}").into());
        }
        let mut x509 = Command::new("openssl")
            .args([
                "x509",
                "-noout",
                "-serial",
                "-issuer",
                "-enddate",
                "-ext",
                "subjectAltName",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = x509.stdin.take() {
            std::io::Write::write_all(&mut stdin, text.as_bytes())?;
        }
        let output = x509.wait_with_output()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            self.say(&format!("  {}", line.trim()));
        }
        Ok(())
    }
}

/// A line of the log without what a first reader does not need: the date, the level, the name of the step.
fn plain(line: &str) -> String {
    let (moment, rest) = line.split_once(char::is_whitespace).unwrap_or(("", line));
    let time: String = moment
        .chars()
        .skip_while(|c| *c != 'T')
        .skip(1)
        .take(12)
        .collect();
    let rest = rest.trim_start().trim_start_matches("INFO ");
    let text = match rest.split_once(" detail=\"") {
        Some((_, detail)) => detail.trim_end_matches('"'),
        None => rest,
    };
    format!("{time}  {text}")
}
