//! No secret reaches a place where somebody else could read it: logs at their loudest, answers, arguments and
//! environments of processes, files, memory dumps, freed pages.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{
    ca::{Endpoint, Fault, FaultRule, NameProblem, NameStage, Phase, ProblemType, When},
    daemon::{Daemon, Home},
    dns::{TsigKey, Zone},
    process::free_port,
};
use rustix::process::Signal;

use super::{
    canary::Canary,
    processes::{descendants, plugin_host},
    stage::{Stage, internal},
};

const RETRIED: Duration = Duration::from_secs(100);
/// Instances whose processes must have been looked at.
const PLUGINS: [&str; 2] = ["dns", "wrong-secret"];
/// `internal` succeeds in spite of the CA; each of these fails in its own way.
const FAILING: [&str; 3] = ["wrong-secret", "unreachable", "refused"];
/// Drops what lets root look into every process, so that dumpability decides.
const NO_PTRACE: [&str; 2] = ["setpriv", "--bounding-set=-sys_ptrace,-perfmon,-sys_admin"];

/// A daemon with a hook that tells its environment, and instances that fail.
struct Scene {
    stage: Stage,
    home: Home,
    secrets: Vec<Canary>,
}

impl Scene {
    async fn new(log: &str) -> Self {
        let mut stage = Stage::new().await;
        stage.ca.knobs().update(|knobs| {
            knobs.nonce_reject = 0.3;
            knobs.name_problems = vec![NameProblem {
                name: "refused.internal.example.test".to_owned(),
                at: NameStage::Validation,
                problem: ProblemType::Unauthorized,
                detail: "the lab refuses it".to_owned(),
            }];
            knobs.faults = [
                (Endpoint::NewOrder, Fault::Status(503), Phase::Before),
                (Endpoint::Certificate, Fault::TruncateBody, Phase::Before),
            ]
            .into_iter()
            .map(|(endpoint, fault, phase)| FaultRule {
                endpoint: Some(endpoint),
                when: When::Next(1),
                phase,
                fault,
            })
            .collect();
        });
        let home = stage.home();
        let hook = home.path("hook.sh");
        fs::write(&hook, "#!/bin/sh\nhere=$(dirname \"$0\")\n{ cat /proc/self/environ /proc/$$/cmdline; echo; env; } | tr '\\0' '\\n' > \"$here/hook.dump\"\n").unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let mut certificate = internal();
        certificate.hook = Some(vec![hook.display().to_string()]);
        stage.setup.certificates = vec![certificate];
        stage.setup.extra = "include: [failing.yaml]\n".into();
        home.configure(&stage.setup).unwrap();
        let text = fs::read_to_string(home.config()).unwrap();
        assert!(text.contains("log: { level: debug }"));
        fs::write(home.config(), text.replace("log: { level: debug }", log)).unwrap();

        let known = stage.setup.key.as_ref().unwrap();
        let mut secrets = vec![Canary::text("the TSIG secret", known.secret_base64())];
        let (mut zones, mut providers, mut certificates) = (String::new(), String::new(), String::new());
        for name in ["wrong-secret", "unreachable"] {
            // the server knows the key's name and another secret
            let key = TsigKey::generate(known.name()).unwrap();
            secrets.push(Canary::text(name, key.secret_base64()));
            let file = home.path(&format!("{name}.secret"));
            fs::write(&file, key.secret_base64()).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let zone = format!("{name}.example.test");
            stage.dns.put_zone(Zone::new(&zone).unwrap());
            let authority = stage.dns.addr();
            let server = match name {
                "unreachable" => format!("127.0.0.1:{}", free_port().unwrap()),
                _ => authority.to_string(),
            };
            zones += &format!("    {zone}: {{ authorities: [\"{authority}\"] }}\n");
            providers += &format!(
                "  {name}: {{ library: rfc2136, zones: [{zone}], options: {{ server: \"{server}\", timeout: 1s, tsig-key: {}, tsig-secret: {{ file: {} }} }} }}\n",
                key.name(),
                file.display()
            );
            certificates += &format!("  {name}: {{ names: [{zone}] }}\n");
        }
        certificates += "  refused: { names: [refused.internal.example.test] }\n";
        fs::write(
            home.path("failing.yaml"),
            format!("dns:\n  zones:\n{zones}providers:\n{providers}certificates:\n{certificates}"),
        )
        .unwrap();
        Scene { stage, home, secrets }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loudest_log_for_people_tells_no_secret() {
    tells_no_secret("log: { level: trace, format: human }").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loudest_log_for_programs_tells_no_secret() {
    tells_no_secret("log: { level: trace, format: json }").await;
}

async fn tells_no_secret(log: &str) {
    let mut scene = Scene::new(log).await;
    let home = &scene.home;
    let daemon = home.start().await.unwrap();
    let mut seen = BTreeSet::new();
    let deadline = tokio::time::Instant::now() + RETRIED;
    loop {
        look(&daemon, &mut seen);
        let status = daemon.status().unwrap_or_default();
        let is = |name: &str, key: &str| {
            let all = status["certificates"].as_array();
            all.into_iter()
                .flatten()
                .any(|it| it["name"] == name && !it[key].is_null())
        };
        if is("internal", "deployed_at") && FAILING.iter().all(|name| is(name, "last_error")) {
            let Some(missed) = PLUGINS
                .iter()
                .find(|name| !seen.iter().any(|it| it.contains(&host(name))))
            else {
                break;
            };
            // the process of an instance that fails is gone at once: another one comes with the next try
            let certificate = if *missed == "dns" { "internal" } else { missed };
            home.command(&["renew", certificate]);
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{status:#}\n{}",
            daemon.program.log()
        );
    }
    scene.stage.until_clean().await;
    let pem = |path: &Path| fs::read_to_string(path).unwrap();
    let account = pem(&home.state().join("accounts/lab.pem"));
    let key = pem(&home.live("internal").join("key.pem"));
    scene.secrets.push(Canary::key("the account key", &account));
    scene.secrets.push(Canary::key("the certificate's key", &key));

    let said = |arguments: &[&str]| {
        let output = home.command(arguments);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let dump = fs::read_to_string(home.path("hook.dump")).unwrap();
    assert!(dump.contains("DNS01D_CERTIFICATE=internal"), "{dump}");
    let processes = seen.into_iter().collect::<Vec<_>>().join("\n");
    assert!(processes.contains(" run"), "{processes}");
    let status = said(&["status", "--json"]);
    assert!(status.contains("last_error"));
    let texts = [
        ("`status --json`", status),
        ("`status`", said(&["status"])),
        ("`check`", said(&["check"])),
        ("`check --json`", said(&["check", "--json"])),
        ("`renew --wait`", said(&["renew", "internal", "--wait"])),
        ("arguments and environments", processes),
        ("the hook's environment", dump),
        ("the log", daemon.program.log()),
    ];
    let log = &texts[texts.len() - 1].1;
    assert!(log.contains("TRACE"), "the log was not at its loudest");
    for secret in &scene.secrets {
        for (what, text) in &texts {
            secret.must_not_be_in(what, text);
        }
    }
}

/// How the process of an instance is seen.
fn host(instance: &str) -> String {
    format!("dns01-plugin-host serve {instance} ")
}

/// Arguments and environments of the daemon and of all that it started.
fn look(daemon: &Daemon<'_>, seen: &mut BTreeSet<String>) {
    let own = daemon.program.id();
    let mut pids = vec![own];
    pids.extend(descendants(own).iter().map(|process| process.pid));
    for pid in pids {
        for file in ["cmdline", "environ"] {
            if let Ok(bytes) = fs::read(format!("/proc/{pid}/{file}")) {
                seen.insert(String::from_utf8_lossy(&bytes).replace('\0', " "));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_daemon_nor_a_plugin_can_be_dumped_or_looked_into() {
    let stage = Stage::new().await;
    let home = stage.home();
    let root = rustix::process::geteuid().is_root();
    let wrapper: &[&str] = if root { &NO_PTRACE } else { &[] };
    let daemon = home.launch(wrapper).unwrap();
    daemon.until_deployed("internal").await;
    let host = plugin_host(daemon.program.id(), "dns").expect("it stays for a while");

    let mut control = wrapped(wrapper, "sleep").arg("60").spawn().unwrap();
    for _ in 0..100 {
        if environment_shows(wrapper, control.id()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        environment_shows(wrapper, control.id()),
        "an ordinary process can be looked into"
    );
    for (who, pid) in [("the daemon", daemon.program.id()), ("the plugin host", host.pid)] {
        assert!(!environment_shows(wrapper, pid), "{who} can be looked into");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let fields: Vec<&str> = core.split_whitespace().collect();
        assert_eq!(fields[4..6], ["0", "0"], "{who}: {core}");
    }
    control.kill().unwrap();
    control.wait().unwrap();
}

fn wrapped(wrapper: &[&str], program: &str) -> Command {
    match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

fn environment_shows(wrapper: &[&str], pid: u32) -> bool {
    let mut cat = wrapped(wrapper, "cat");
    cat.arg(format!("/proc/{pid}/environ"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    cat.status().unwrap().success()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_never_wider_than_declared_whatever_the_umask() {
    let mut stage = Stage::new().await;
    let mut setup = stage.setup.clone();
    // the group is the daemon's own: anybody may give a file to it
    let group = rustix::process::getegid().as_raw();
    setup.extra = format!("defaults: {{ output: {{ group: \"{group}\", key-mode: \"0640\" }} }}\n");
    stage.setup = setup;
    let home = stage.home();
    let trace = home.path("trace");
    let daemon = home
        .launch(&[
            "strace",
            // the tracer is the grandchild, so that the guard ends the daemon and not the tracer alone
            "-D",
            "-f",
            "-qq",
            "-o",
            trace.to_str().unwrap(),
            "-e",
            "trace=open,openat,creat,mkdir,mkdirat,umask",
            "sh",
            "-c",
            "umask 0; exec \"$@\"",
            "sh",
        ])
        .unwrap();
    daemon.until_deployed("internal").await;
    stage.until_clean().await;

    let state = home.state().display().to_string();
    let (mut made, mut umask) = (0, 0);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        if line.contains(" umask(") {
            umask = mode_of(line).unwrap();
        }
        // a file that is made with a wide mode is wide for a moment, whatever is done to it later
        let makes = line.contains("O_CREAT") || line.contains("mkdir");
        let Some(mode) = makes
            .then(|| mode_of(line))
            .flatten()
            .filter(|_| line.contains(&state))
        else {
            continue;
        };
        made += 1;
        // others may pass through a directory to the files that are declared for them, and no more
        let allowed = if line.contains("mkdir") { 0o711 } else { 0o600 };
        assert_eq!(mode & !umask & !allowed, 0, "{line}");
    }
    assert!(made > 5, "the trace shows nothing that was made");

    let mut found = 0;
    for (path, mode, is_directory) in tree(&home.state()) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let generation = path.contains("/certificates/internal/");
        let widest = match (is_directory, generation, name.as_str()) {
            (true, ..) if path.ends_with("/accounts") => 0o700,
            // the way to the files of a certificate
            (true, ..) if path.contains("/certificates") => 0o755,
            (true, ..) => 0o711,
            (false, true, "key.pem") => 0o640,
            (false, true, _) => 0o644,
            (false, ..) => 0o600,
        };
        assert_eq!(mode & !widest, 0, "{path} has mode {mode:04o}");
        if name == "key.pem" && generation {
            assert_eq!(mode, 0o640);
        }
        found += 1;
    }
    assert!(found > 8);
}

/// The last argument of a traced call, before its result.
fn mode_of(line: &str) -> Option<u32> {
    let (call, _) = line.rsplit_once(')')?;
    let last = call.rsplit([',', '(']).next()?.trim();
    u32::from_str_radix(last, 8).ok()
}

/// Path, permission bits, whether it is a directory; links are left out.
fn tree(directory: &Path) -> Vec<(String, u32, bool)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_symlink() {
            continue;
        }
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        found.push((path.display().to_string(), mode, metadata.is_dir()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_database_forgets_a_key_that_is_on_disk() {
    let stage = Stage::new().await;
    let home = stage.home();
    let mut daemon = home.start().await.unwrap();
    daemon.until_deployed("internal").await;
    stage.until_clean().await;
    let key = fs::read_to_string(home.live("internal").join("key.pem")).unwrap();
    let key = Canary::key("the certificate's key", &key);
    // at the next quiet moment, long before the daemon ends
    let mut holds = database(&home);
    for _ in 0..200 {
        if key.found_in(&holds).is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        holds = database(&home);
    }
    key.must_not_be_in("the database of a running daemon", &holds);
    assert!(holds.contains("internal"), "that is no database");

    daemon.signal(Signal::TERM);
    while daemon.program.is_running() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    key.must_not_be_in("the database of a stopped daemon", &database(&home));
}

/// The bytes of the database and of its log.
fn database(home: &Home) -> String {
    let read = |name: &str| fs::read(home.state().join(name)).unwrap_or_default();
    let bytes = [read("state.db"), read("state.db-wal"), read("state.db-shm")].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}
