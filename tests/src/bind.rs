//! BIND 9 as a primary that takes TSIG updates: the real thing to test against.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::dns::{AskError, TsigKey, ask, ask_txt};
use crate::primary::zone_file;
use crate::process::{ProcessError, Program, free_port, write};

/// It loads OpenSSL, its plugins and a zone.
const START: Duration = Duration::from_secs(30);

/// How BIND starts.
#[derive(Clone, Debug)]
pub struct BindOptions {
    /// The zones that it is primary for.
    pub zones: Vec<String>,
    /// Keys that it knows; the first is granted [`BindPolicy`].
    pub keys: Vec<TsigKey>,
    /// What the first key may change.
    pub policy: BindPolicy,
    /// Further records, in zone-file text relative to the first zone.
    pub records: String,
    /// Further text inside `options { }`.
    pub extra: String,
    /// Further zones that nobody may change: name, and the whole text, which may be signed.
    pub fixed: Vec<(String, String)>,
    /// Whether it counts for [`Bind::statistics`].
    pub statistics: bool,
}

/// What the first key may change.
#[derive(Clone, Debug)]
pub enum BindPolicy {
    /// TXT at and below `_acme-challenge.NAME` for these names only: what an operator should grant.
    ChallengesOf(Vec<String>),
    /// Anything in the zone.
    ZoneSub,
    /// The text inside `update-policy { }`.
    Text(String),
}

impl BindOptions {
    /// One zone, one key, TXT at and below `_acme-challenge` of the zone's own name.
    pub fn new(zone: &str, key: TsigKey) -> Self {
        BindOptions {
            zones: vec![zone.to_owned()],
            keys: vec![key],
            policy: BindPolicy::ChallengesOf(vec![zone.to_owned()]),
            records: String::new(),
            extra: String::new(),
            fixed: Vec::new(),
            statistics: false,
        }
    }
}

/// A running BIND; dropping it kills it.
#[derive(Debug)]
pub struct Bind {
    program: Program,
    addr: SocketAddr,
    statistics: Option<SocketAddr>,
    key_file: PathBuf,
    secret_file: PathBuf,
    _dir: TempDir,
}

impl Bind {
    /// Starts it on a free port of 127.0.0.1 and waits until it answers for its zones.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn start(options: BindOptions) -> Result<Self, ProcessError> {
        let prepare = |source| ProcessError::Prepare {
            what: "BIND's directory".to_owned(),
            source,
        };
        let dir = tempfile::Builder::new()
            .prefix("dns01-bind")
            .tempdir()
            .map_err(prepare)?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let statistics = match options.statistics {
            true => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?))),
            false => None,
        };
        let key_file = dir.path().join("tsig.key");
        let secret_file = dir.path().join("tsig.secret");
        if let Some(key) = options.keys.first() {
            write(&key_file, &key.bind_text())?;
            write(&secret_file, key.secret_base64())?;
        }
        write(
            &dir.path().join("named.conf"),
            &configuration(dir.path(), addr, statistics, &options),
        )?;
        for (index, zone) in options.zones.iter().enumerate() {
            let records = if index == 0 { options.records.as_str() } else { "" };
            write(&dir.path().join(format!("{zone}.zone")), &zone_file(records))?;
        }
        for (zone, text) in &options.fixed {
            write(&dir.path().join(format!("{zone}.zone")), text)?;
        }

        let mut command = Command::new("named");
        // in the foreground, log to stderr, one worker: four more threads help no test
        command
            .args(["-g", "-n", "1", "-c"])
            .arg(dir.path().join("named.conf"))
            .current_dir(dir.path());
        let mut program = Program::start(command, &dir.path().join("named.log"))?;
        for zone in &options.zones {
            let answers = || async {
                let answer = ask(addr, zone, RecordType::SOA).await;
                answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
            };
            program.ready(START, answers).await?;
        }
        Ok(Bind {
            program,
            addr,
            statistics,
            key_file,
            secret_file,
            _dir: dir,
        })
    }

    /// Where it answers and takes updates, UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// Where it tells its counts as JSON, at `/json/v1/server`; `None` if it was not asked to.
    pub fn statistics(&self) -> Option<SocketAddr> {
        self.statistics
    }

    /// The first key in BIND's own format, for `nsupdate -k`.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// The first key's secret alone, base64.
    pub fn secret_file(&self) -> &Path {
        &self.secret_file
    }

    /// The TXT values at a name, sorted.
    ///
    /// # Errors
    /// As [`ask_txt`].
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, AskError> {
        ask_txt(self.addr, name).await
    }

    /// What it wrote: updates are logged there with their fate.
    pub fn log(&self) -> String {
        self.program.log()
    }
}

fn configuration(
    dir: &Path,
    addr: SocketAddr,
    statistics: Option<SocketAddr>,
    options: &BindOptions,
) -> String {
    let (dir, port, extra) = (dir.display(), addr.port(), &options.extra);
    let mut text = format!(
        "options {{\n  directory \"{dir}\";\n  pid-file none;\n  session-keyfile none;\n  \
         listen-on port {port} {{ 127.0.0.1; }};\n  listen-on-v6 {{ none; }};\n  recursion no;\n  \
         dnssec-validation no;\n  allow-transfer {{ 127.0.0.1; }};\n  notify no;\n  {extra}\n}};\n\
         controls {{ }};\n"
    );
    if let Some(statistics) = statistics {
        let port = statistics.port();
        text.push_str(&format!(
            "statistics-channels {{ inet 127.0.0.1 port {port} allow {{ 127.0.0.1; }}; }};\n"
        ));
    }
    for key in &options.keys {
        text.push_str(&key.bind_text());
    }
    for zone in &options.zones {
        let policy = options
            .keys
            .first()
            .map(|key| policy(&options.policy, key))
            .unwrap_or_default();
        text.push_str(&format!(
            "zone \"{zone}\" {{\n  type primary;\n  file \"{zone}.zone\";\n  update-policy {{ {policy} }};\n}};\n"
        ));
    }
    for (zone, _) in &options.fixed {
        text.push_str(&format!(
            "zone \"{zone}\" {{\n  type primary;\n  file \"{zone}.zone\";\n}};\n"
        ));
    }
    text
}

fn policy(policy: &BindPolicy, key: &TsigKey) -> String {
    let key = key.name();
    match policy {
        BindPolicy::Text(text) => text.clone(),
        BindPolicy::ZoneSub => format!("grant {key} zonesub ANY;"),
        BindPolicy::ChallengesOf(names) => {
            // `subdomain` is at and below; a wildcard rule cannot say it, as `*` stands for whole first labels
            names
                .iter()
                .map(|name| format!("grant {key} subdomain _acme-challenge.{name}. TXT; "))
                .collect()
        }
    }
}
