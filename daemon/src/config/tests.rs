use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::*;

mod authorities;
mod dns;
mod options;
mod reports;
mod requests;
mod secrets;
mod whole;
mod yaml_laws;

/// A directory with configuration files.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        // snapshots hold carets as long as this path, whatever TMPDIR is
        Site(tempfile::tempdir_in("/tmp").expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; `HERE` stands for this directory.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, text.replace("HERE", &self.0.path().display().to_string())).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// The text with this directory as `HERE` again.
    fn plain(&self, text: &str) -> String {
        text.replace(&self.0.path().display().to_string(), "HERE")
    }

    /// Loads a configuration for another machine.
    fn load(&self, text: &str) -> Result<Config, Faults> {
        self.load_with(text, &NoDescriptions)
    }

    fn load_with(&self, text: &str, descriptions: &dyn Descriptions) -> Result<Config, Faults> {
        load_with(&self.write("dns01d.yaml", text), descriptions, Presence::Assumed)
    }

    /// The report on a faulty configuration for another machine.
    fn report(&self, text: &str) -> String {
        self.plain(&self.load(text).expect_err("faults").to_string())
    }

    /// The report on a configuration for this machine.
    fn report_here(&self, text: &str) -> String {
        self.plain(
            &load(&self.write("dns01d.yaml", text))
                .expect_err("faults")
                .to_string(),
        )
    }
}

/// A whole configuration around `rest`, which begins in the first column.
fn with(rest: &str) -> String {
    format!("{BASE}{rest}")
}

const BASE: &str = "\
cas:
  lab: { directory: \"https://127.0.0.1:14000/dir\", agree-terms: true }
providers:
  dns: { library: rfc2136 }
";

fn whats(faults: &Faults) -> Vec<String> {
    faults
        .iter()
        .map(|fault| format!("{}: {}", fault.path, fault.what))
        .collect()
}
