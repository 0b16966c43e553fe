//! Compiles hostile plugins and runs them through the daemon's own client.

use std::{
    cell::RefCell,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Once},
    time::Duration,
};

use dns01d::{
    plugin::{
        CallError, HostOptions, Instance, MemoryState, Operation, OptionSource, OptionValue, Options,
        PluginState, Plugins, ProviderClient, Record, RecordOutcome, Sandbox,
    },
    secret::Secret,
};
use parking_lot::Mutex;

pub const HOST: &str = env!("CARGO_BIN_EXE_dns01-plugin-host");
pub const TOKEN: &str = "s3cr3t-t0k3n-0f-th3-pr0v1d3r";
/// Enough for anything that is meant to succeed on a busy machine.
pub const LONG: Duration = Duration::from_secs(20);
pub const GRACE: Duration = Duration::from_millis(500);

/// Compiles a plugin of this directory. A machine without `cc` cannot run these tests, and they say so.
pub fn compile(directory: &Path, source: &str, switches: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = directory.join(format!(
        "plugin{}.so",
        switches.join("").replace(['-', '=', ' ', '|', '/'], "")
    ));
    let output = Command::new("cc")
        .args(["-std=gnu11", "-shared", "-fPIC", "-O1", "-w", "-pthread", "-o"])
        .arg(&library)
        .args(switches)
        .arg("-I")
        .arg(here.join("../../plugin-api/include"))
        .arg(here.join("tests/hostile").join(source))
        .output()
        .expect("the system's C compiler `cc` runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}

/// A directory with a compiled plugin, and what starts it.
pub struct Lab {
    pub directory: tempfile::TempDir,
    pub library: PathBuf,
    pub plugins: Plugins,
    pub state: Arc<dyn PluginState>,
}

impl Lab {
    pub fn new(switches: &[&str]) -> Lab {
        Lab::with(switches, |_| {})
    }

    pub fn with(switches: &[&str], change: impl FnOnce(&mut HostOptions)) -> Lab {
        let directory = tempfile::tempdir().expect("a directory");
        let library = compile(directory.path(), "hostile.c", switches);
        let mut options = host_options();
        change(&mut options);
        let plugins = Plugins::new(options).expect("a thread");
        Lab {
            directory,
            library,
            plugins,
            state: Arc::new(MemoryState::default()),
        }
    }

    pub fn options(&self) -> Options {
        Options::new("dns".parse().expect("a name"), self.library.clone())
    }

    pub fn instance(&self) -> Instance {
        self.instance_with(self.options(), &[("token", TOKEN)])
    }

    pub fn instance_with(&self, options: Options, values: &[(&str, &str)]) -> Instance {
        let values = values.iter().map(|(key, value)| OptionValue {
            key: (*key).to_owned(),
            value: Secret::new((*value).to_owned()),
            secret: *key == "token",
        });
        self.plugins.instance(
            options,
            Arc::new(Fixed(values.collect())),
            Arc::clone(&self.state),
        )
    }
}

pub fn host_options() -> HostOptions {
    HostOptions {
        executable: HOST.into(),
        sandbox: Sandbox::Required,
        idle: Duration::from_secs(60),
        grace: GRACE,
    }
}

/// A user without rights, whom nothing else of this machine should run as.
pub const NOBODY: u32 = 65534;

/// A host that runs under another user when the tests run as root, as it does in service. Whatever goes wrong
/// there, the user has no more than 2,000 processes.
pub fn unprivileged(directory: &Path, user: u32) -> impl FnOnce(&mut HostOptions) {
    let script = directory.join("host");
    move |options| {
        if rustix::process::geteuid().is_root() {
            let text = format!(
                "#!/bin/sh\nexec prlimit --nproc=2000 setpriv --reuid {user} --regid {user} --clear-groups {HOST} \
                 \"$@\"\n"
            );
            fs::write(&script, text).expect("our own directory");
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("our own file");
            options.executable = script;
        }
    }
}

/// Options that never change.
#[derive(Debug)]
pub struct Fixed(pub Vec<OptionValue>);

impl OptionSource for Fixed {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(self.0.clone())
    }
}

pub fn record(value: &str) -> Record {
    Record {
        ttl: 60,
        fqdn: "_acme-challenge.example.org".to_owned(),
        value: value.to_owned(),
        identifier: "example.org".to_owned(),
        ..Record::default()
    }
}

/// One record through one operation.
pub async fn one(
    instance: &Instance,
    operation: Operation,
    value: &str,
    timeout: Duration,
) -> Result<RecordOutcome, CallError> {
    let outcomes = instance.call(operation, &[record(value)], timeout).await?;
    assert_eq!(outcomes.len(), 1);
    Ok(outcomes.into_iter().next().expect("one"))
}

/// What the plugin says when all goes well.
pub async fn ask(instance: &Instance, value: &str) -> String {
    one(instance, Operation::Present, value, LONG)
        .await
        .expect("an answer")
        .expect("success")
        .message
}

/// The error of a call that must fail as a whole.
pub async fn fail(instance: &Instance, value: &str, timeout: Duration) -> CallError {
    match one(instance, Operation::Present, value, timeout).await {
        Err(error) => error,
        Ok(outcome) => panic!("{value} should have failed: {outcome:?}"),
    }
}

/// Collects the log of this thread while it lives.
///
/// One subscriber for the whole program and a buffer for each thread: subscribers that come and go confuse
/// tracing's cache of who is interested in what.
pub struct Captured(Buffer);

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static LISTENING: RefCell<Option<Buffer>> = const { RefCell::new(None) };
}

impl Captured {
    pub fn start() -> Captured {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_ansi(false)
                .with_writer(|| LISTENING.with_borrow(|buffer| buffer.clone().unwrap_or_default()))
                .init();
        });
        let buffer = Buffer::default();
        LISTENING.set(Some(buffer.clone()));
        Captured(buffer)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock()).into_owned()
    }

    pub fn count(&self, needle: &str) -> usize {
        self.text().matches(needle).count()
    }

    /// Waits until the log holds the needle.
    pub async fn wait_for(&self, needle: &str) -> String {
        for _ in 0..500 {
            let text = self.text();
            if text.contains(needle) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("`{needle}` was not logged:\n{}", self.text());
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        LISTENING.set(None);
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
