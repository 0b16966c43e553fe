//! The limits of a plugin's programs together, kept by a real kernel: one of our own, as an ordinary program
//! (User-mode Linux), since the machine's may have given its controllers to others.
//!
//! That kernel has no Landlock. What is seen here is therefore the cgroup's work alone.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use dns01d::plugin::{Instance, Operation, Sandbox};
use rustix::process::{Pid, Signal};

use crate::lab::{Captured, GRACE, Lab, TOKEN, compile, one};

/// The daemon's cgroup in the machine.
const ROOT: &str = "/sys/fs/cgroup/dns01d";
/// Bytes for a plugin; its cgroup has as much again.
const MEMORY: u64 = 64 << 20;
/// A boot takes three seconds, what is done there ten; of a machine with much else to do, many times that.
const PATIENCE: Duration = Duration::from_secs(240);
/// The same for one call: every page and every process of the machine costs system calls of this one.
const CALL: Duration = Duration::from_secs(60);

/// A machine; dropping it stops it.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // the kernel and its processes are processes of one session here
        if let Some(session) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(session, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// Its files are this machine's, to read only.
fn boot(directory: &Path, init: &Path) -> String {
    let output = directory.join("console");
    let console = fs::File::create(&output).expect("our own directory");
    let mut command = Command::new("linux.uml");
    command
        .args([
            "mem=1280M",
            "root=/dev/root",
            "rootfstype=hostfs",
            "rootflags=/",
            "ro",
            "quiet",
        ])
        .args(["con=null", "con0=null,fd:1", "umid=machine"])
        .arg(format!("uml_dir={}/", directory.display()))
        .arg(format!("init={}", init.display()))
        .env("LD_PRELOAD", compile(directory, "whole_state.c", &[]))
        .stdin(Stdio::null())
        .stdout(console.try_clone().expect("a descriptor"))
        .stderr(console)
        .process_group(0);
    let mut machine = Machine(
        command
            .spawn()
            .expect("linux.uml runs (`./dev setup` installs it)"),
    );
    let step = Duration::from_millis(50);
    let mut left = PATIENCE;
    while machine.0.try_wait().expect("our own child").is_none() && !left.is_zero() {
        std::thread::sleep(step);
        left = left.saturating_sub(step);
    }
    drop(machine);
    String::from_utf8_lossy(&fs::read(output).expect("the console")).into_owned()
}

#[test]
fn programs_of_a_plugin_are_limited_together_in_a_delegated_cgroup() {
    let directory = tempfile::tempdir().expect("a directory");
    let init = directory.path().join("init");
    let test = std::env::current_exe().expect("this program");
    let text = format!(
        "#!/bin/sh\n\
         export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/run\n\
         mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t tmpfs run /run\n\
         mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir {ROOT}\n\
         echo '+pids +memory' >/sys/fs/cgroup/cgroup.subtree_control\n\
         sh -c 'echo $$ >{ROOT}/cgroup.procs; exec \"$@\"' - '{}' --exact cgroups::in_the_machine --ignored \
         --nocapture 2>&1\n\
         echo \"the test ended with $?\"\n\
         echo o >/proc/sysrq-trigger\nsleep 60\n",
        test.display()
    );
    fs::write(&init, text).expect("our own directory");
    fs::set_permissions(&init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("our own file");
    let console = boot(directory.path(), &init);
    assert!(
        console.contains("test result: ok. 1 passed") && console.contains("the test ended with 0"),
        "{console}"
    );
}

fn consenting(lab: &Lab) -> Instance {
    let mut options = lab.options();
    options.allow_exec = true;
    options.memory = MEMORY;
    lab.instance_with(options, &[("token", TOKEN)])
}

async fn ask(instance: &Instance, value: &str) -> String {
    let outcome = one(instance, Operation::Present, value, CALL).await;
    outcome.expect("an answer").expect("success").message
}

fn content(file: impl AsRef<Path>) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Cgroups of plugins.
fn plugins() -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(ROOT).expect("our cgroup").flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.is_dir() && !path.ends_with("daemon"))
        .collect()
}

async fn soon(what: &str, mut wanted: impl FnMut() -> bool) {
    for _ in 0..600 {
        if wanted() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not so after half a minute");
}

#[tokio::test]
#[ignore = "it changes the cgroups of the machine: the test above gives it one of its own"]
async fn in_the_machine() {
    assert_eq!(content("/proc/self/cgroup").trim(), "0::/dns01d");
    let own = std::process::id().to_string();
    rustix::fs::setxattr(ROOT, "user.delegate", b"1", rustix::fs::XattrFlags::CREATE).expect("as systemd");
    // what a daemon that was killed left behind
    let left = Path::new(ROOT).join("plugin-999999-0");
    fs::create_dir(&left).expect("a cgroup");
    let mut orphan = Command::new("sleep").arg("4714").spawn().expect("sleep");
    fs::write(left.join("cgroup.procs"), orphan.id().to_string()).expect("a member");

    let log = Captured::start();
    let lab = Lab::with(&["-DEXECS"], |options| options.sandbox = Sandbox::BestEffort);
    let instance = consenting(&lab);
    assert!(!orphan.wait().expect("our own child").success(), "it was killed");
    assert!(
        content(format!("{ROOT}/daemon/cgroup.procs"))
            .lines()
            .any(|line| line == own)
    );
    assert_eq!(content(format!("{ROOT}/cgroup.procs")), "");

    let count = ask(&instance, "program-count").await;
    assert!(!left.exists(), "removed when the next began");
    let [cgroup] = &plugins()[..] else {
        panic!("{:?}\n{}", plugins(), log.text());
    };
    assert!(content(cgroup.join("pids.events")).starts_with("max "), "{count}");
    let (made, why) = count.split_once(' ').expect("two words");
    let made: u32 = made.parse().expect("a number");
    assert!((200..256).contains(&made) && why == "EAGAIN", "{count}");

    let taken = ask(&instance, "programs-gigabyte").await;
    let events = content(cgroup.join("memory.events"));
    assert!(
        !taken.starts_with("0 killed") && taken.ends_with(" 0 refused"),
        "{taken}: {events}"
    );
    assert!(!events.contains("oom_kill 0\n"), "{events}");
    assert_eq!(content(cgroup.join("memory.swap.max")), "0\n");
    assert_eq!(ask(&instance, "program").await, "9", "the plugin lives on");

    // another that starts beside it, and takes nothing from it
    let other = consenting(&lab);
    ask(&other, "pid").await;
    assert_eq!(plugins().len(), 2);
    assert!(cgroup.exists());

    let bomb = one(
        &instance,
        Operation::Present,
        "program-bomb",
        Duration::from_secs(2),
    );
    let mut most = 0;
    let watch = async {
        loop {
            most = most.max(content(cgroup.join("pids.current")).trim().parse().unwrap_or(0));
            tokio::time::sleep(GRACE / 25).await;
        }
    };
    tokio::select! {
        outcome = bomb => drop(outcome),
        () = watch => {}
    }
    assert!((200..=256).contains(&most), "{most}");
    soon("the bomb has ended", || {
        content(cgroup.join("cgroup.procs")).is_empty()
    })
    .await;
    ask(&other, "pid").await;
}
