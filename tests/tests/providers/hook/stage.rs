//! Programs of an operator, in a plugin host that runs as a user without rights, as it does in service.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use dns01d::plugin::{Instance, MemoryState, Options};
use lab::{
    acme_sh::ACME_SH,
    bind::{Bind, BindOptions},
    daemon::{built, unprivileged_host},
    dns::TsigKey,
};
use tempfile::TempDir;

use crate::instance::{Values, instance_in};

/// Each stage has a user to itself, by whom its processes are found; nothing else runs as these.
static NEXT_USER: AtomicU32 = AtomicU32::new(64_100);

/// A directory with programs, and who runs them.
pub struct Stage {
    directory: TempDir,
    pub user: u32,
}

impl Stage {
    pub fn new() -> Stage {
        let directory = tempfile::Builder::new()
            .prefix("dns01-hook")
            .tempdir()
            .expect("a directory");
        let stage = Stage {
            directory,
            user: NEXT_USER.fetch_add(1, Ordering::Relaxed),
        };
        let path = stage.directory.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own directory");
        stage
    }

    /// A script of `sh`.
    pub fn script(&self, name: &str, text: &str) -> String {
        self.file(name, &format!("#!/bin/sh\n{text}\n"), 0o755)
    }

    /// A file with this mode; its path.
    pub fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("our own directory");
            fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).expect("our own directory");
        }
        fs::write(&path, text).expect("our own directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our own file");
        path.into_os_string().into_string().expect("a path")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The provider with the operator's consent.
    pub fn instance(&self, values: Values<'_>) -> Instance {
        self.instance_with(values, |_| {})
    }

    /// The same with launch options to change.
    pub fn instance_with(&self, values: Values<'_>, change: impl FnOnce(&mut Options)) -> Instance {
        let state = Arc::new(MemoryState::default());
        let host = unprivileged_host(self.directory.path(), self.user);
        instance_in(host, built("libdns01_hook.so"), values, state, |options| {
            options.allow_exec = true;
            change(options);
        })
    }

    /// Fails if a command line or an environment of the stage's processes shows the text.
    pub fn assert_hidden(&self, text: &str) {
        for process in self.processes() {
            for file in ["cmdline", "environ"] {
                // one may have ended meanwhile
                let shown = fs::read(process.join(file)).unwrap_or_default();
                let shown = String::from_utf8_lossy(&shown);
                assert!(!shown.contains(text), "{file} of {}: {shown}", process.display());
            }
        }
    }

    /// Processes of the stage's user whose command line has `needle`.
    pub fn running(&self, needle: &str) -> usize {
        let lines = self
            .processes()
            .into_iter()
            .map(|process| process.join("cmdline"));
        lines
            .filter_map(|line| fs::read(line).ok())
            .filter(|line| String::from_utf8_lossy(line).replace('\0', " ").contains(needle))
            .count()
    }

    /// Directories in /proc of the stage's processes that have not ended.
    pub fn processes(&self) -> Vec<PathBuf> {
        let user = match rustix::process::geteuid().is_root() {
            true => self.user,
            false => rustix::process::geteuid().as_raw(),
        };
        let own = format!("Uid:\t{user}\t");
        let all = fs::read_dir("/proc").expect("/proc").flatten();
        all.map(|process| process.path())
            .filter(|process| {
                let status = fs::read_to_string(process.join("status")).unwrap_or_default();
                status.contains(&own) && !status.contains("State:\tZ")
            })
            .collect()
    }
}

/// BIND, and the shell function `update` by which scripts write to it: the key's secret comes from their
/// standard input.
pub async fn bind() -> (Bind, TsigKey, String) {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = Bind::start(BindOptions::new("example.test", key.clone()))
        .await
        .expect("BIND");
    let function = format!(
        "update() {{ printf 'server 127.0.0.1 %s\\nkey hmac-sha256:%s %s\\nupdate %s\\nsend\\n' {} {} \"$1\" \"$2\" | \
         nsupdate; }}",
        bind.addr().port(),
        key.name()
    );
    (bind, key, function)
}

/// Where the stage's tree of acme.sh is, with a dnsapi `dns_test`.
pub fn acme_sh_tree(stage: &Stage, api: &str) -> String {
    stage.file("acme.sh/acme.sh", ACME_SH, 0o755);
    stage.file("acme.sh/dnsapi/dns_test.sh", api, 0o644);
    let tree: &Path = &stage.path("acme.sh");
    tree.to_str().expect("a path").to_owned()
}
