//! Plugins that crash, exit, hang or flood in the running daemon: each fails its own calls, which are tried
//! again, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    time::Duration,
};

use lab::{
    daemon::{Daemon, Home, built},
    dns::{Change, Zone},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    c_plugin::compile,
    processes::{Process, descendants, plugin_host, until_gone},
    stage::{Stage, ZONE},
};

/// A failed call is tried again after 5, 15 and 60 s; a busy machine adds to that.
const RETRIED: Duration = Duration::from_secs(100);

/// Instances of a faulty provider beside the good one, each with a zone and a certificate of its name.
struct Troupe {
    stage: Stage,
    home: Home,
    names: Vec<&'static str>,
}

impl Troupe {
    /// `faults`: instance and what it does from the start.
    async fn new(faults: &[(&'static str, &str)]) -> Self {
        let stage = Stage::new().await;
        let home = stage.home();
        let source = include_str!("plugins/faulty.c");
        let library = compile(home.config().parent().unwrap(), "faulty", source);
        let key = stage.setup.key.as_ref().unwrap();
        let (mut zones, mut providers, mut certificates) = (String::new(), String::new(), String::new());
        for (name, fault) in faults {
            let zone = format!("{name}.example.test");
            stage.dns.put_zone(Zone::new(&zone).unwrap());
            fs::write(home.path(&format!("{name}.fault")), fault).unwrap();
            let server = stage.dns.addr();
            writeln!(zones, "    {zone}: {{ authorities: [\"{server}\"] }}").unwrap();
            writeln!(
                providers,
                "  {name}:\n    library: {}\n    zones: [{zone}]\n    call-timeout: 2s\n    options: {{ server: \"{server}\", tsig-key: {}, tsig-algorithm: {}, tsig-secret: {{ file: {} }}, library: {}, fault: {} }}",
                library.display(),
                key.name(),
                key.algorithm(),
                home.path("tsig.secret").display(),
                built("libdns01_rfc2136.so").display(),
                home.path(&format!("{name}.fault")).display(),
            )
            .unwrap();
            writeln!(certificates, "  {name}: {{ names: [\"*.{zone}\", {zone}] }}").unwrap();
        }
        let text = format!("dns:\n  zones:\n{zones}providers:\n{providers}certificates:\n{certificates}");
        fs::write(home.path("faulty.yaml"), text).unwrap();
        let mut setup = stage.setup.clone();
        setup.extra = "include: [faulty.yaml]\n".into();
        home.configure(&setup).unwrap();
        Troupe {
            stage,
            home,
            names: faults.iter().map(|(name, _)| *name).collect(),
        }
    }

    /// Changes what an instance does from its next call on.
    fn direct(&self, name: &str, fault: &str) {
        // written in place: the sandbox's rule holds the inode
        fs::write(self.home.path(&format!("{name}.fault")), fault).unwrap();
    }

    /// Every plugin does its work from now on.
    fn heal(&self) {
        for name in &self.names {
            self.direct(name, "");
        }
    }

    /// One certificate each, one account, no record.
    async fn all_is_well(&self, daemon: &Daemon<'_>) {
        for name in self.names.iter().copied().chain(["internal"]) {
            deployed(daemon, name).await;
        }
        for _ in 0..600 {
            if self.stage.txt().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.stage.txt(), Vec::<String>::new(), "{}", daemon.program.log());
        let counts = self.stage.ca.counts();
        let wanted = self.names.len() + 1;
        assert_eq!(
            (counts.accounts, counts.orders, counts.certificates),
            (1, wanted, wanted),
            "{}",
            daemon.program.log()
        );
    }
}

async fn deployed(daemon: &Daemon<'_>, name: &str) -> Value {
    daemon
        .until(name, RETRIED, |it| !it["deployed_at"].is_null())
        .await
}

fn last_error(certificate: &Value) -> &str {
    certificate["last_error"]["text"].as_str().unwrap_or_default()
}

/// An instance in the status.
fn provider(daemon: &Daemon<'_>, name: &str) -> Value {
    let status = daemon.status().unwrap();
    let mut providers = status["providers"].as_array().unwrap().iter();
    providers.find(|one| one["instance"] == name).unwrap().clone()
}

/// Zombies are waited for at once; one that is seen in that moment is looked at again.
async fn no_zombies(daemon: u32) {
    let zombies = || -> Vec<Process> {
        descendants(daemon)
            .into_iter()
            .filter(|process| process.state == 'Z')
            .collect()
    };
    until_gone(&zombies()).await;
    assert_eq!(zombies(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_to_publish_delays_its_own_certificate_and_no_other() {
    let troupe = Troupe::new(&[
        ("crash", "present before crash"),
        ("late", "present after crash"),
        ("exit", "present before exit"),
        ("hang", "present before hang"),
        ("flood", "present before flood"),
    ])
    .await;
    let daemon = troupe.home.start().await.unwrap();
    let untouched = daemon.until_deployed("internal").await;
    assert!(
        untouched["last_error"].is_null() && untouched["attempts"] == 0,
        "{untouched:#}"
    );

    let words = BTreeMap::from([
        ("crash", "was killed by SIGSEGV"),
        ("late", "was killed by SIGSEGV"),
        ("exit", "exited with code 7"),
        ("hang", "did not answer within 2 s and was killed"),
        ("flood", "flooded its output and was killed"),
    ]);
    for (&name, &cause) in &words {
        let failing = daemon
            .until(name, RETRIED, |it| !it["last_error"].is_null())
            .await;
        let text = last_error(&failing);
        assert!(
            text.contains(cause) && text.contains(&format!("provider `{name}`")),
            "{failing:#}"
        );
        assert_eq!(failing["last_error"]["class"], "transient", "{failing:#}");
        assert!(!failing["next_attempt_at"].is_null(), "{failing:#}");
        let provider = provider(&daemon, name);
        assert!(last_error(&provider).contains(cause), "{provider:#}");
    }
    let working = provider(&daemon, "dns");
    assert!(working["last_error"].is_null(), "{working:#}");
    let process = working["pid"].as_u64().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{process}")).exists());
    no_zombies(daemon.program.id()).await;
    // by itself, without anybody asking
    daemon
        .until("crash", RETRIED, |it| it["attempts"].as_u64() >= Some(2))
        .await;

    troupe.heal();
    troupe.all_is_well(&daemon).await;
    for name in words.keys() {
        assert!(provider(&daemon, name)["last_error"].is_null());
    }
    no_zombies(daemon.program.id()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_to_remove_leaves_a_record_only_until_it_can() {
    let troupe = Troupe::new(&[
        ("crash", "remove before crash"),
        ("late", "remove after crash"),
        ("exit", "remove before exit"),
        ("hang", "remove before hang"),
        ("flood", "remove before flood"),
    ])
    .await;
    let mut daemon = troupe.home.start().await.unwrap();
    // removal has its own time: no certificate waits for it
    for name in troupe.names.iter().copied().chain(["internal"]) {
        daemon.until_deployed(name).await;
    }
    let words = BTreeMap::from([
        ("crash", "was killed by SIGSEGV"),
        ("late", "was killed by SIGSEGV"),
        ("exit", "exited with code 7"),
        ("hang", "did not answer within 2 s and was killed"),
        ("flood", "flooded its output and was killed"),
    ]);
    let mut told = BTreeMap::new();
    for _ in 0..400 {
        let status = daemon.status().unwrap_or_default();
        for leftover in status["leftovers"].as_array().into_iter().flatten() {
            let instance = leftover["instance"].as_str().unwrap().to_owned();
            if let Some(error) = leftover["last_error"].as_str() {
                told.entry(instance).or_insert(error.to_owned());
            }
        }
        if told.len() == words.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (name, cause) in words {
        let error = told.get(name).map(String::as_str).unwrap_or_default();
        assert!(
            error.contains(cause),
            "{name}: {told:#?}\n{}",
            daemon.program.log()
        );
    }
    // two values of each zone but the one whose plugin crashed after its work
    assert_eq!(troupe.stage.txt().len(), 8);

    troupe.heal();
    daemon.program.kill();
    let daemon = troupe.home.start().await.unwrap();
    troupe.all_is_well(&daemon).await;
    no_zombies(daemon.program.id()).await;
}

/// Most TXT values that stood at one name at once, as the updates that the server took tell it.
fn most_values_at_once(stage: &Stage, zone: &str) -> usize {
    let (mut standing, mut most) = (BTreeMap::<String, BTreeSet<String>>::new(), 0);
    let updates = stage.dns.updates().into_iter();
    for update in
        updates.filter(|update| update.zone.trim_end_matches('.') == zone && update.code == "NOERROR")
    {
        for change in update.changes {
            match change {
                Change::Add { name, value, .. } => {
                    standing.entry(name).or_default().insert(value);
                }
                Change::Delete { name, value, .. } => {
                    standing.entry(name).or_default().remove(&value);
                }
                other => panic!("values of others would go: {other:?}"),
            }
        }
        most = standing.values().map(BTreeSet::len).fold(most, usize::max);
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_hold_one_value_are_proved_in_turn_also_across_orders_and_a_kill() {
    let zone = "narrow.example.test";
    let troupe = Troupe::new(&[("narrow", "narrow")]).await;
    // a second order wants a place at the same name
    let more = format!("certificates:\n  beside: {{ names: [{zone}, beside.{zone}] }}\n");
    fs::write(troupe.home.path("beside.yaml"), more).unwrap();
    let mut setup = troupe.stage.setup.clone();
    setup.extra = "include: [faulty.yaml, beside.yaml]\n".into();
    troupe.home.configure(&setup).unwrap();

    let daemon = troupe.home.start().await.unwrap();
    let next_round = "the next ones follow";
    for _ in 0..400 {
        if daemon.program.log().contains(next_round) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        daemon.program.log().contains(next_round),
        "{}",
        daemon.program.log()
    );
    drop(daemon);

    let daemon = troupe.home.start().await.unwrap();
    for name in ["narrow", "beside", "internal"] {
        deployed(&daemon, name).await;
    }
    for _ in 0..600 {
        if troupe.stage.txt().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        troupe.stage.txt(),
        Vec::<String>::new(),
        "{}",
        daemon.program.log()
    );
    assert_eq!(most_values_at_once(&troupe.stage, zone), 1);
    let counts = troupe.stage.ca.counts();
    assert_eq!(
        (counts.accounts, counts.certificates),
        (1, 3),
        "{}",
        daemon.program.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_for_room_at_a_name_keeps_no_other_from_being_worked_on() {
    let zone = "narrow.example.test";
    let troupe = Troupe::new(&[("narrow", "narrow remove before hang")]).await;
    // in the order of their names: one whose record does not go, `narrow` which waits for its place, and another
    let more = format!(
        "certificates:\n  before: {{ names: [{zone}, before.{zone}] }}\n  other: {{ names: [other.{ZONE}] }}\n"
    );
    fs::write(troupe.home.path("more.yaml"), more).unwrap();
    let mut setup = troupe.stage.setup.clone();
    setup.extra = "include: [faulty.yaml, more.yaml]\nengine: { concurrency: 1 }\n".into();
    troupe.home.configure(&setup).unwrap();

    let daemon = troupe.home.start().await.unwrap();
    deployed(&daemon, "before").await;
    daemon
        .until("other", Duration::from_secs(40), |it| {
            !it["deployed_at"].is_null()
        })
        .await;
    let waiting = daemon.certificate("narrow").unwrap();
    assert_eq!(
        waiting["state"],
        "issuing",
        "{waiting:#}\n{}",
        daemon.program.log()
    );
    assert_eq!(waiting["attempts"], 0, "to wait is no failure: {waiting:#}");

    troupe.direct("narrow", "narrow");
    daemon
        .until("narrow", RETRIED, |it| !it["deployed_at"].is_null())
        .await;
    troupe.stage.until_clean().await;
    assert_eq!(most_values_at_once(&troupe.stage, zone), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ca_is_told_to_look_only_after_a_provider_that_can_tell_says_that_its_servers_have_the_record() {
    let troupe = Troupe::new(&[("tardy", "tardy")]).await;
    let daemon = troupe.home.start().await.unwrap();
    troupe.all_is_well(&daemon).await;
    let log = daemon.program.log();
    let own: Vec<&str> = log.lines().filter(|line| line.contains("tardy")).collect();
    let at = |what: &str| own.iter().position(|line| line.contains(what));
    let waits = own.iter().filter(|line| line.contains("not on all servers yet"));
    assert_eq!(waits.count(), 3, "{log}");
    let last_wait = own
        .iter()
        .rposition(|line| line.contains("not on all servers yet"));
    assert!(last_wait < at("the CA was told to look"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_killed_in_the_middle_is_started_again_and_one_certificate_comes() {
    let troupe = Troupe::new(&[("broken", "present before hang")]).await;
    let daemon = troupe.home.start().await.unwrap();
    let host = in_the_middle(&daemon).await;
    troupe.heal();
    kill_process(Pid::from_raw(host.pid as i32).unwrap(), Signal::KILL).unwrap();
    let failing = daemon
        .until("broken", RETRIED, |it| !it["last_error"].is_null())
        .await;
    assert!(
        last_error(&failing).contains("was killed by SIGKILL"),
        "{failing:#}"
    );
    troupe.all_is_well(&daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_the_daemon_however_it_ends() {
    for (signal, fault) in [
        (Signal::KILL, "present before hang"),
        (Signal::TERM, "present before hang"),
    ] {
        let troupe = Troupe::new(&[("broken", fault)]).await;
        let mut setup = troupe.stage.setup.clone();
        setup.extra = "include: [faulty.yaml]\nshutdown: { drain: 1s }\n".into();
        troupe.home.configure(&setup).unwrap();
        let mut daemon = troupe.home.start().await.unwrap();
        in_the_middle(&daemon).await;
        let all = descendants(daemon.program.id());
        assert!(!all.is_empty());
        daemon.signal(signal);
        until_gone(&all).await;
        for _ in 0..500 {
            if !daemon.program.is_running() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!daemon.program.is_running());
    }
}

/// The process of `broken`, which is in a call that does not end by itself.
async fn in_the_middle(daemon: &Daemon<'_>) -> Process {
    daemon
        .until("broken", Duration::from_secs(60), |_| {
            daemon.program.log().contains("present before hang")
        })
        .await;
    plugin_host(daemon.program.id(), "broken").expect("the plugin's process is there")
}

/// The program that writes records for us does not finish.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugins_program_ends_with_a_daemon_that_is_killed() {
    let stage = Stage::new().await;
    let home = stage.home();
    let program = home.path("update-zone");
    fs::write(&program, "#!/bin/sh\nsleep 4714 &\nwait\n").unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    home.replace_providers(&format!(
        "  dns: {{ library: hook, allow-exec: true, options: {{ program: {} }} }}\n",
        program.display()
    ))
    .unwrap();
    // to root no kernel keeps the limit on processes that `required` insists on
    let text = fs::read_to_string(home.config()).unwrap();
    fs::write(
        home.config(),
        text.replace("plugins: {", "plugins: { sandbox: best-effort,"),
    )
    .unwrap();
    let mut daemon = home.start().await.unwrap();
    let sleeps = || {
        let below = descendants(daemon.program.id());
        below
            .into_iter()
            .find(|process| process.command_line().trim() == "sleep 4714")
    };
    let mut waited = 0;
    let sleeping = loop {
        match sleeps() {
            Some(process) => break process,
            None if waited < 300 => tokio::time::sleep(Duration::from_millis(100)).await,
            None => panic!("the program did not start:\n{}", daemon.program.log()),
        }
        waited += 1;
    };
    let all = descendants(daemon.program.id());
    daemon.program.kill();
    until_gone(&[sleeping]).await;
    until_gone(&all).await;
}
