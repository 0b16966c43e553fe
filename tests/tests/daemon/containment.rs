//! A plugin that is an attacker, in the running daemon and as its unprivileged user: every attack works without
//! the sandbox, none works with it, also where Landlock knows files only, as on Debian 12. Meanwhile the
//! daemon issues through its other provider.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::{
    daemon::{Home, built},
    dns::Zone,
    process::Program,
};

use super::{c_plugin::compile, stage::Stage};

/// nobody, on Debian and elsewhere.
const NOBODY: u32 = 65534;
const RUN_AS_NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
];

/// What a plugin would do to the daemon and to others, if nothing kept it.
const ATTACKS: [&str; 13] = [
    "read-account-key",
    "read-state",
    "read-certificate-key",
    "read-secret-of-another-provider",
    "write-into-state",
    "connect-to-daemon",
    "signal-daemon",
    "signal-process",
    "trace-process",
    "read-memory-of-process",
    "read-environment-of-process",
    "leave-child",
    "run-shell",
];
/// What the daemon itself withstands, whatever the sandbox does.
const HOPELESS: [&str; 4] = [
    "trace-daemon",
    "read-memory-of-daemon",
    "read-environment-of-daemon",
    "command-daemon",
];

/// The kernel that the plugin host finds.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    /// This machine's.
    Own,
    /// Linux 6.1, which Debian 12 has: Landlock 2 confines files, and neither signals nor sockets.
    Debian12,
    /// One that confines nothing.
    Defenceless,
}

/// A built program where an unprivileged user may read and run it: those in place may lie in a directory of root's.
fn copied(to: &Path, name: &str) -> PathBuf {
    let copy = to.join(name);
    fs::copy(built(name), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

fn give_away(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            give_away(&path);
        }
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
}

fn compile_program(directory: &Path, name: &str, source: &str, switches: &[&str]) -> PathBuf {
    let file = directory.join(format!("{name}.c"));
    let program = directory.join(name);
    fs::write(&file, source).unwrap();
    let output = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-o"])
        .arg(&program)
        .arg(&file)
        .args(switches)
        .output()
        .expect("the system's C compiler `cc` runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// A plugin host on that kernel.
fn host_on(kernel: Kernel, directory: &Path) -> PathBuf {
    let host = copied(directory, "dns01-plugin-host");
    let (landlock, filters) = match kernel {
        Kernel::Own => return host,
        Kernel::Debian12 => (2, 1),
        Kernel::Defenceless => (0, 0),
    };
    let switches = [
        format!("-DLANDLOCK={landlock}"),
        format!("-DFILTERS={filters}"),
        "-shared".to_owned(),
        "-fPIC".to_owned(),
        "-ldl".to_owned(),
    ];
    let switches: Vec<&str> = switches.iter().map(String::as_str).collect();
    let preload = compile_program(
        directory,
        "kernel.so",
        include_str!("containment/kernel.c"),
        &switches,
    );
    let script = directory.join("host-on-another-kernel");
    let text = format!(
        "#!/bin/sh\nLD_PRELOAD={} exec {} \"$@\"\n",
        preload.display(),
        host.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Runs daemon and attacker; returns what became of each attack.
async fn attack(kernel: Kernel) -> BTreeMap<String, String> {
    let root = rustix::process::geteuid().is_root();
    let as_nobody: &[&str] = if root { &RUN_AS_NOBODY } else { &[] };
    let zone = "attacker.example.test";
    let stage = Stage::new().await;
    stage.dns.put_zone(Zone::new(zone).unwrap());
    let home = stage.home();
    let programs = tempfile::tempdir().unwrap();
    fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();

    let daemon = copied(programs.path(), "dns01d");
    let rfc2136 = copied(programs.path(), "libdns01_rfc2136.so");
    let host = host_on(kernel, programs.path());
    let attacker = compile(
        programs.path(),
        "libdns01_attacker",
        include_str!("containment/attacker.c"),
    );
    let victim = compile_program(
        programs.path(),
        "victim",
        include_str!("containment/victim.c"),
        &[],
    );
    let mut command = Command::new(as_nobody.first().map_or(victim.as_path(), Path::new));
    command.args(as_nobody.iter().skip(1));
    if root {
        command.arg(&victim);
    }
    let victim = Program::start(command, &home.path("victim.log")).unwrap();

    let sandbox = match kernel {
        Kernel::Own | Kernel::Debian12 => "required",
        Kernel::Defenceless => "best-effort",
    };
    let text = fs::read_to_string(home.config()).unwrap();
    let text = text
        .replace(
            &built("libdns01_rfc2136.so").display().to_string(),
            &rfc2136.display().to_string(),
        )
        .replace(
            &format!("host: {}", built("dns01-plugin-host").display()),
            &format!("host: {}, sandbox: {sandbox}", host.display()),
        )
        .replace(
            "log: { level: debug }\n",
            "log: { level: info }\ninclude: [attacker.yaml]\n",
        );
    fs::write(home.config(), text).unwrap();
    fs::write(
        home.path("attacker.yaml"),
        format!(
            "dns:\n  zones:\n    {zone}: {{ authorities: [\"{server}\"] }}\n\
             providers:\n  attacker:\n    library: {}\n    zones: [{zone}]\n    options: {{ state: {}, secret: {}, control: {}, victim: \"{}\" }}\n\
             certificates:\n  attacker: {{ names: [{zone}] }}\n",
            attacker.display(),
            home.state().display(),
            home.path("tsig.secret").display(),
            home.socket().display(),
            victim.id(),
            server = stage.dns.addr(),
        ),
    )
    .unwrap();
    let directory = home.config().parent().unwrap().to_owned();
    if root {
        give_away(&directory);
    }

    let log = home.path("daemon.log");
    let mut command = Command::new(as_nobody.first().map_or(daemon.as_path(), Path::new));
    command.args(as_nobody.iter().skip(1));
    if root {
        command.arg(&daemon);
    }
    command.arg("--config").arg(home.config()).arg("run");
    let running = Program::start(command, &log).unwrap();

    // a daemon in good health beside an attacker that has done its worst
    let live = home.live("internal").join("fullchain.pem");
    let mut waited = Duration::ZERO;
    let step = Duration::from_millis(50);
    loop {
        let seen = running.log();
        // the first attempt may come before there is a certificate's key to read
        let attacked = seen.matches("attacks are over").count();
        if live.exists() && attacked >= 2 {
            break;
        }
        assert!(waited < Duration::from_secs(60), "{kernel:?}: {seen}");
        tokio::time::sleep(step).await;
        waited += step;
        if live.exists() && attacked == 1 {
            renew(&home, &daemon);
        }
    }
    let seen = running.log();
    let issued = seen.matches("certificate deployed cert=internal").count();
    assert_eq!(issued, 1, "{kernel:?}: {seen}");
    let results = seen.lines().filter_map(|line| {
        let (_, attack) = line.split_once("attack ")?;
        let (name, result) = attack.split_once('=')?;
        let result: String = result.chars().take_while(char::is_ascii_alphanumeric).collect();
        Some((name.to_owned(), result))
    });
    results.collect()
}

/// Lets the attacker try again, now.
fn renew(home: &Home, daemon: &Path) {
    let output = Command::new(daemon)
        .arg("--config")
        .arg(home.config())
        .args(["renew", "attacker"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_would_succeed_without_the_sandbox() {
    let results = attack(Kernel::Defenceless).await;
    for attack in ATTACKS {
        assert_eq!(
            results.get(attack).map(String::as_str),
            Some("DONE"),
            "{attack}: {results:?}"
        );
    }
    withstood(&results);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_gets_nothing_on_this_kernel() {
    contained(&attack(Kernel::Own).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_gets_nothing_on_a_kernel_whose_landlock_knows_files_only() {
    contained(&attack(Kernel::Debian12).await);
}

fn contained(results: &BTreeMap<String, String>) {
    for attack in ATTACKS {
        let result = results.get(attack).map(String::as_str);
        assert!(
            matches!(result, Some("EPERM" | "EACCES")),
            "{attack} got {result:?}: {results:?}"
        );
    }
    withstood(results);
}

fn withstood(results: &BTreeMap<String, String>) {
    for attack in HOPELESS {
        let result = results.get(attack).map(String::as_str);
        assert!(
            matches!(result, Some("EPERM" | "EACCES")),
            "{attack} got {result:?}: {results:?}"
        );
    }
}
