//! What `live` leads to after a kill at any system call, and on a full disk.
//!
//! The process that is killed is this test binary again, running [`writer`]
//! under strace: its real system calls, not a model of them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use dns01d::{
    outputs::{DEFAULT_KEY_MODE, DEFAULT_MODE, Error, Files, KeyCheck, Options, Outputs},
    secret::Secret,
};
use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::X509Builder,
};
use rustix::fs::Mode;

/// Where [`writer`] finds its orders; only the tests of this file set it.
const ORDERS: &str = "OUTPUTS_CRASH_DIRECTORY";

/// A file that makes [`writer`] give the files to another user and group.
const GIVEN_AWAY: &str = "given-away";

/// A file that makes [`writer`] give the files to another group.
const GROUP_ONLY: &str = "group-only";

/// Every system call that the writing may use to change something. Swept one by
/// one, because strace counts per set, and together.
const CHANGING: [&str; 10] = [
    "openat",
    "mkdirat",
    "write",
    "fsync",
    "fchmod",
    "fchown",
    "symlinkat",
    "renameat",
    "unlinkat",
    "flock",
];

/// The victim: writes and activates what `next/` holds, with umask 0.
#[test]
fn writer() {
    let Some(home) = std::env::var_os(ORDERS).map(PathBuf::from) else {
        return; // run by cargo test, not by a test of this file
    };
    rustix::process::umask(Mode::empty());
    let outputs = outputs(&home);
    let generation = outputs.write(&load(&home.join("next"))).expect("written");
    outputs.activate(generation.number).expect("switched");
}

#[test]
fn files_are_durable_before_their_directory_gets_its_number_and_that_before_the_switch() {
    let scene = Scene::renewal();
    let trace = scene.home.path().join("trace");
    let status = scene.strace(&[
        "-y",
        "-o",
        path(&trace),
        "-e",
        "trace=openat,mkdirat,write,fsync,fdatasync,fchmod,fchown,symlinkat,rename,renameat,renameat2",
    ]);
    assert!(status.success(), "{status}");
    let text = fs::read_to_string(&trace).expect("a trace");
    let out = fs::canonicalize(scene.home.path().join("out")).expect("a path");
    let calls: Vec<String> = text
        .lines()
        .filter(|line| line.contains(path(&out)))
        .map(without_numbers)
        .collect();
    let position = |wanted: &str| {
        let wanted = wanted.replace("OUT", path(&out));
        match calls
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains(&wanted))
            .collect::<Vec<_>>()[..]
        {
            [(index, _)] => index,
            ref found => panic!("{wanted}: {} times in\n{}", found.len(), calls.join("\n")),
        }
    };

    let generation_flushed = position("fsync(OUT/generations/.new-000005>");
    let numbered = position(r#".new-000005", OUT/generations>, "000005")"#);
    let number_flushed = position("fsync(OUT/generations>");
    let linked = position(r#"symlinkat("generations/000005", "#);
    let switched = position(r#"".live-new", OUT>, "live")"#);
    let switch_flushed = position("fsync(OUT>");
    for name in ["key.pem", "cert.pem", "chain.pem", "fullchain.pem"] {
        let created = position(&format!(
            r#""{name}", O_WRONLY|O_CREAT|O_EXCL|O_LARGEFILE|O_NOFOLLOW|O_CLOEXEC, 0600)"#
        ));
        let file = format!("OUT/generations/.new-000005/{name}>");
        let written = position(&format!("write({file}"));
        let flushed = position(&format!("fsync({file}"));
        assert!(
            created < written && written < flushed && flushed < generation_flushed,
            "{name}"
        );
        if name != "key.pem" {
            // public, but only once it is a certificate's and not before the file has its group
            let opened = position(&format!("fchmod({file}, 0644"));
            assert!(created < opened && opened < written, "{name}");
        }
    }
    assert!(generation_flushed < numbered && numbered < number_flushed);
    assert!(number_flushed < linked && linked < switched && switched < switch_flushed);
    assert!(
        !calls
            .iter()
            .any(|line| line.contains("fchmod") && line.contains("key.pem")),
        "the key has its mode from its creation on, also with umask 0:\n{text}"
    );
}

#[test]
fn a_key_is_its_groups_before_the_group_may_read_and_both_before_it_is_a_key() {
    let scene = Scene::first();
    fs::write(scene.home.path().join(GIVEN_AWAY), "").expect("written");
    let trace = scene.home.path().join("trace");
    let status = scene.strace(&["-y", "-o", path(&trace), "-e", "trace=openat,write,fchmod,fchown"]);
    assert!(
        status.success(),
        "{status}: this test gives files away, run it as root"
    );
    let text = fs::read_to_string(&trace).expect("a trace");
    let calls: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("/.new-000001/key.pem>"))
        .collect();
    let order = [
        "O_EXCL|O_LARGEFILE|O_NOFOLLOW|O_CLOEXEC, 0600",
        ", -1, 4242)",
        ", 0640)",
        ", 65534, -1)",
        "PRIVATE KEY",
    ];
    assert_eq!(calls.len(), order.len(), "{text}");
    for (call, wanted) in calls.iter().zip(order) {
        assert!(call.contains(wanted), "{wanted} in {call}");
    }
}

#[test]
fn without_any_capability_a_group_of_the_daemons_own_can_be_given() {
    let scene = Scene::first();
    fs::write(scene.home.path().join(GROUP_ONLY), "").expect("written");
    // where another user may reach it, wherever this was built
    let binary = scene.home.path().join("binary");
    fs::copy(std::env::current_exe().expect("this binary"), &binary).expect("copied");
    let owned = Command::new("chown")
        .args(["-R", "65534"])
        .arg(scene.home.path())
        .status();
    assert!(
        owned.expect("chown runs").success(),
        "this test becomes another user: run it as root"
    );
    let run_with_groups = |groups: &str| {
        Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                groups,
                "--bounding-set=-all",
                "--inh-caps=-all",
            ])
            .arg(&binary)
            .args(["--exact", "writer"])
            .env(ORDERS, scene.home.path())
            .stderr(std::process::Stdio::null())
            .output()
            .expect("setpriv runs")
    };

    let refused = run_with_groups("--clear-groups");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("SetGroup"), "{said}");

    assert!(run_with_groups("--groups=4242").status.success());
    let key = fs::metadata(scene.home.path().join("out/live/key.pem")).expect("a key");
    assert_eq!((key.uid(), key.gid(), key.mode() & 0o7777), (65534, 4242, 0o640));
}

#[test]
fn a_kill_at_any_system_call_of_a_renewal_leaves_the_old_or_the_new_pair() {
    sweep(Scene::renewal);
}

#[test]
fn a_kill_at_any_system_call_of_a_first_issuance_leaves_nothing_or_the_new_pair() {
    sweep(Scene::first);
}

#[test]
fn a_failing_disk_at_any_system_call_leaves_the_old_or_the_new_pair() {
    for (call, errno) in [
        ("fsync", "EIO"),
        ("write", "ENOSPC"),
        ("mkdirat", "ENOSPC"),
        ("symlinkat", "ENOSPC"),
        ("renameat", "EIO"),
        ("unlinkat", "EIO"),
        ("openat", "EMFILE"),
    ] {
        let scene = Scene::renewal();
        for when in 1.. {
            scene.restore();
            let inject = format!("inject={call}:error={errno}:when={when}");
            let log = scene.home.path().join("log");
            let status = scene.strace(&["-o", path(&log), "-e", &inject]);
            let injected = fs::read_to_string(&log).expect("a log").contains("(INJECTED)");
            scene.check(&format!("{call}={errno} at {when}"));
            if !injected {
                assert!(
                    status.success(),
                    "{call} is never reached and yet it fails: {status}"
                );
                assert!(when > 1, "{call} is not used: drop it from this list");
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_leaves_the_live_pair_as_it_is_and_space_that_returns_is_used() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = Tmpfs::mount(&home.path().join("out"), "size=128k");
    let outputs = outputs(home.path());
    let (first, second) = (pair(), pair());
    let number = outputs.write(&first).expect("written").number;
    outputs.activate(number).expect("switched");
    let before = contents(&outputs.live_path());

    // leave every number of free pages in turn, from none to enough
    let ballast = disk.0.join("ballast");
    let mut full = 0;
    let mut kept = 128 << 10;
    loop {
        fill(&ballast, kept);
        match outputs.write(&second) {
            Ok(_) => break,
            Err(Error::Io {
                errno: rustix::io::Errno::NOSPC,
                ..
            }) => full += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(contents(&outputs.live_path()), before, "byte for byte");
        assert!(matches!(
            outputs.check_writable(),
            Err(Error::Io {
                errno: rustix::io::Errno::NOSPC,
                ..
            })
        ));
        let left: Vec<_> = fs::read_dir(disk.0.join("generations"))
            .expect("a directory")
            .collect();
        assert_eq!(left.len(), 1, "a failed write gives its space back");
        kept -= 4 << 10;
    }
    assert!(
        full > 3,
        "the disk was full only {full} times: this test tests nothing"
    );
    outputs.activate(2).expect("switched");
    assert_eq!(
        outputs.live().expect("live").expect("one").chain.cert_pem(),
        second.certificate
    );
}

/// A directory before a run of [`writer`], and what may be live after it.
struct Scene {
    home: tempfile::TempDir,
    old: Option<Files>,
    new: Files,
}

impl Scene {
    /// Generations 1 to 4 exist, so that the run writes the fifth and prunes.
    fn renewal() -> Self {
        let mut scene = Scene::first();
        let outputs = outputs(scene.home.path());
        for _ in 0..4 {
            let files = pair();
            let number = outputs.write(&files).expect("written").number;
            outputs.activate(number).expect("switched");
            scene.old = Some(files);
        }
        // one that is to be pruned: the last activation kept three
        fs::create_dir_all(scene.home.path().join("out/generations/000001")).expect("made");
        fs::write(scene.home.path().join("out/generations/000001/key.pem"), "old").expect("written");
        scene.save();
        scene
    }

    /// Nothing exists, the directory neither.
    fn first() -> Self {
        let scene = Scene {
            home: tempfile::tempdir().expect("a directory"),
            old: None,
            new: pair(),
        };
        let next = scene.home.path().join("next");
        fs::create_dir(&next).expect("made");
        fs::write(
            next.join("key.pem"),
            scene.new.key.as_ref().expect("a key").expose(),
        )
        .expect("written");
        fs::write(next.join("cert.pem"), &scene.new.certificate).expect("written");
        fs::write(next.join("chain.pem"), &scene.new.chain).expect("written");
        scene
    }

    fn save(&self) {
        self.copy("out", "saved");
    }

    /// Brings the directory back to before the run.
    fn restore(&self) {
        let out = self.home.path().join("out");
        if out.exists() {
            fs::remove_dir_all(&out).expect("removed");
        }
        if self.home.path().join("saved").exists() {
            self.copy("saved", "out");
        }
    }

    fn copy(&self, from: &str, to: &str) {
        let status = Command::new("cp")
            .arg("-a")
            .args([from, to])
            .current_dir(self.home.path())
            .status();
        assert!(status.expect("cp runs").success());
    }

    /// Runs [`writer`] under strace.
    fn strace(&self, arguments: &[&str]) -> ExitStatus {
        Command::new("strace")
            .args(["-f", "-q"])
            .args(arguments)
            .arg(std::env::current_exe().expect("this binary"))
            .args(["--exact", "writer", "--test-threads=1"])
            .env(ORDERS, self.home.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .expect("strace is needed for this test: apt-get install strace")
    }

    /// One complete pair is live, the old or the new one, and the next write succeeds.
    /// True when it was the new one.
    fn check(&self, moment: &str) -> bool {
        let outputs = outputs(self.home.path());
        let live = outputs.live().unwrap_or_else(|error| panic!("{moment}: {error}"));
        let is_new = match (&live, &self.old) {
            (None, None) => false,
            (None, Some(_)) => panic!("{moment}: live is gone"),
            (Some(live), old) => {
                assert_eq!(live.key, KeyCheck::Matches, "{moment}");
                let is_new = live.chain.cert_pem() == self.new.certificate;
                let is_old = old
                    .as_ref()
                    .is_some_and(|old| live.chain.cert_pem() == old.certificate);
                assert!(is_new || is_old, "{moment}: a third certificate is live");
                let mode = fs::metadata(outputs.live_path().join("key.pem"))
                    .expect("a key")
                    .permissions()
                    .mode();
                assert_eq!(mode & 0o7777, 0o600, "{moment}");
                is_new
            }
        };

        let number = outputs
            .write(&self.new)
            .unwrap_or_else(|error| panic!("{moment}: {error}"))
            .number;
        outputs
            .activate(number)
            .unwrap_or_else(|error| panic!("{moment}: {error}"));
        let live = outputs.live().expect("live").expect("one");
        assert_eq!(live.chain.cert_pem(), self.new.certificate, "{moment}");
        let out = self.home.path().join("out");
        for directory in [&out, &out.join("generations")] {
            for entry in fs::read_dir(directory).expect("a directory") {
                let name = entry.expect("an entry").file_name();
                assert!(
                    !path(Path::new(&name)).starts_with('.'),
                    "{moment}: {name:?} is left over"
                );
            }
        }
        is_new
    }
}

/// Kills the writer at its first, second, ... system call until it ends uninjured.
fn sweep(scene: fn() -> Scene) {
    let scene = scene();
    let mut seen = [false; 2];
    for calls in CHANGING
        .into_iter()
        .map(str::to_owned)
        .chain([CHANGING.join(",")])
    {
        for when in 1.. {
            scene.restore();
            let inject = format!("inject={calls}:signal=SIGKILL:when={when}");
            let status = scene.strace(&["-o", "/dev/null", "-e", &inject]);
            let is_new = scene.check(&format!("killed at {calls} number {when}"));
            seen[usize::from(is_new)] = true;
            if status.success() {
                assert!(is_new, "the writer ended well");
                assert!(
                    when > 1 || calls == "fchown",
                    "{calls} is not used: drop it from the list"
                );
                break;
            }
        }
    }
    assert_eq!(
        seen, [true; 2],
        "some kills came before the switch and some after it"
    );
}

fn outputs(home: &Path) -> Outputs {
    let given_away = home.join(GIVEN_AWAY).exists();
    let grouped = given_away || home.join(GROUP_ONLY).exists();
    Outputs::new(Options {
        directory: home.join("out"),
        owner: given_away.then(|| "nobody".to_owned()),
        group: grouped.then(|| "4242".to_owned()),
        with_key: true,
        key_mode: if grouped { 0o640 } else { DEFAULT_KEY_MODE },
        mode: DEFAULT_MODE,
    })
}

fn load(from: &Path) -> Files {
    let read = |name| fs::read_to_string(from.join(name)).expect("a file");
    Files {
        key: Some(Secret::new(read("key.pem"))),
        certificate: read("cert.pem"),
        chain: read("chain.pem"),
    }
}

fn pair() -> Files {
    let (key, issuer) = (key(), key());
    let key_pem = String::from_utf8(key.private_key_to_pem_pkcs8().expect("PEM")).expect("text");
    Files {
        key: Some(Secret::new(key_pem)),
        certificate: certificate(&key),
        chain: certificate(&issuer),
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

fn certificate(key: &PKey<Private>) -> String {
    let mut builder = X509Builder::new().expect("a builder");
    builder.set_pubkey(key).expect("set");
    builder
        .set_not_before(&Asn1Time::days_from_now(0).expect("a time"))
        .expect("set");
    builder
        .set_not_after(&Asn1Time::days_from_now(1).expect("a time"))
        .expect("set");
    builder.sign(key, MessageDigest::sha256()).expect("signed");
    String::from_utf8(builder.build().to_pem().expect("PEM")).expect("text")
}

fn contents(directory: &Path) -> Vec<Vec<u8>> {
    ["key.pem", "cert.pem", "chain.pem", "fullchain.pem"]
        .map(|name| fs::read(directory.join(name)).expect("a file"))
        .into()
}

/// Takes up `size` octets, or all that is left.
fn fill(file: &Path, size: usize) {
    let _ = fs::remove_file(file);
    for length in (0..=size / 4096).rev() {
        if fs::write(file, vec![0; length * 4096]).is_ok() {
            return;
        }
    }
    panic!("cannot even make an empty file");
}

/// `fsync(5</out>)` as `fsync(/out>)`.
fn without_numbers(line: &str) -> String {
    let mut plain: Vec<&str> = line.split('<').collect();
    let last = plain.len() - 1;
    for part in &mut plain[..last] {
        *part = part.trim_end_matches(|c: char| c.is_ascii_digit());
    }
    plain.concat()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A small disk of its own.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path, options: &str) -> Self {
        fs::create_dir(at).expect("made");
        let status = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("{options},mode=755"),
                "tmpfs",
                path(at),
            ])
            .status()
            .expect("mount runs");
        assert!(
            status.success(),
            "this test mounts a small tmpfs: run it as root (in a container: with CAP_SYS_ADMIN)"
        );
        Tmpfs(at.to_owned())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
