//! A zone at BIND, options for it, and runs of the kit as a program.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lab::{
    bind::{Bind, BindOptions, BindPolicy},
    daemon::built,
    dns::TsigKey,
};
use serde_json::Value;
use tempfile::TempDir;

/// The tester's zone.
pub const ZONE: &str = "example.test";
/// A zone delegated from it.
pub const SUBZONE: &str = "sub.example.test";
/// Rounds that show a leak and take a second.
pub const ROUNDS: &str = "48";

/// A server with a zone, and a directory for libraries and options.
pub struct Lab {
    pub bind: Bind,
    pub key: TsigKey,
    directory: TempDir,
}

impl Lab {
    /// Everything in the zone and in a zone below it may be written.
    pub async fn new() -> Lab {
        Lab::with(BindPolicy::ZoneSub).await
    }

    pub async fn with(policy: BindPolicy) -> Lab {
        Lab::made(policy, "").await
    }

    /// With these records in the zone.
    pub async fn aliased(records: &str) -> Lab {
        Lab::made(BindPolicy::ZoneSub, records).await
    }

    async fn made(policy: BindPolicy, records: &str) -> Lab {
        let key = TsigKey::generate("dns01d").expect("a key");
        let mut options = BindOptions::new(ZONE, key.clone());
        options.zones.push(SUBZONE.to_owned());
        options.records = format!("sub IN NS ns1\nsub2 IN A 127.0.0.1\n{records}");
        options.policy = policy;
        let bind = Bind::start(options).await.expect("BIND");
        let directory = tempfile::tempdir().expect("a directory");
        Lab { bind, key, directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Options of rfc2136 for this server, in a file, with more lines behind them.
    pub fn options(&self, more: &str) -> PathBuf {
        self.options_of(&format!(
            "server: {}\ntsig-key: {}\ntsig-secret: {{ file: {} }}\n{more}",
            self.bind.addr(),
            self.key.name(),
            self.secret().display()
        ))
    }

    /// A private file with the key's secret.
    pub fn secret(&self) -> PathBuf {
        let file = self.path("tsig.secret");
        write_private(&file, self.key.secret_base64());
        file
    }

    /// These options in a file.
    pub fn options_of(&self, text: &str) -> PathBuf {
        let file = self.path("options.yaml");
        write_private(&file, text);
        file
    }

    /// The kit, on this server's zone.
    pub fn kit(&self, library: &Path, options: &Path) -> Command {
        self.kit_of_rounds(library, options, ROUNDS)
    }

    pub fn kit_of_rounds(&self, library: &Path, options: &Path, rounds: &str) -> Command {
        let mut command = kit(library);
        command
            .args(["--zone", ZONE, "--rounds", rounds, "--visible-within", "2"])
            .args(["--server", &self.bind.addr().to_string()])
            .arg("--options")
            .arg(options);
        command
    }
}

/// The kit with the built plugin host, and no configuration of this machine.
pub fn kit(library: &Path) -> Command {
    let mut command = Command::new(built("dns01d"));
    command
        .args(["provider", "test"])
        .arg(library)
        .env("DNS01D_PLUGIN_HOST", built("dns01-plugin-host"))
        .env("NO_COLOR", "1");
    command
}

/// What `--json` printed, when it printed that.
pub struct Run {
    pub code: Option<i32>,
    pub report: Value,
    pub text: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Run {
        let output = command.arg("--json").output().expect("dns01d is built");
        Run::read(&output)
    }

    pub fn read(output: &Output) -> Run {
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Run {
            code: output.status.code(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}")),
            text,
        }
    }

    /// What was seen, by check, of those with this verdict.
    pub fn with(&self, verdict: &str) -> BTreeMap<String, String> {
        let findings = self.report["findings"].as_array().expect("findings");
        findings
            .iter()
            .filter(|finding| finding["verdict"] == verdict)
            .map(|finding| (text(&finding["check"]), text(&finding["seen"])))
            .collect()
    }

    /// Exactly this check failed; what was seen.
    pub fn only_failure(&self, check: &str) -> String {
        let mut failed = self.with("fail");
        let seen = failed.remove(check);
        let passed = self.with("pass");
        let why = || {
            format!(
                "{:?} {:?}",
                passed.get(check),
                self.with("not-applicable").get(check)
            )
        };
        let seen = seen.unwrap_or_else(|| {
            panic!(
                "`{check}` did not fail: {}\nothers that failed: {failed:#?}",
                why()
            )
        });
        assert!(failed.is_empty(), "not only `{check}` failed: {failed:#?}");
        assert_eq!(self.code, Some(1), "{}", self.text);
        seen
    }

    /// Nothing failed, and only these could not be checked.
    pub fn passed_but_for(&self, not_applicable: &[&str]) {
        let failed = self.with("fail");
        assert!(failed.is_empty(), "{failed:#?}");
        let left_out = self.with("not-applicable");
        assert_eq!(
            left_out.keys().map(String::as_str).collect::<Vec<_>>(),
            not_applicable,
            "{left_out:#?}"
        );
        assert_eq!(self.code, Some(0), "{}", self.text);
    }
}

pub fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("our own directory");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
}

/// Compiles a library from C with the plugin header at hand.
pub fn compile(source: &Path, library: &Path, more: &[&str]) {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
    let output = Command::new("cc")
        .args([
            "-std=gnu11",
            "-shared",
            "-fPIC",
            "-O1",
            "-Wall",
            "-fvisibility=hidden",
            "-pthread",
            "-o",
        ])
        .arg(library)
        .arg("-I")
        .arg(include)
        .arg(source)
        .args(more)
        .output()
        .expect("the system's C compiler `cc` runs; `./dev setup` installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
