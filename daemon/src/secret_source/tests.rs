use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    time::Duration,
};

use super::{
    file::{Reader, Rights, protected},
    *,
};

const CANARY: &str = "c4n4ry-s3cr3t";

fn secret_file(content: &[u8], mode: u32) -> (tempfile::TempDir, SecretSource) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("secret");
    fs::write(&path, content).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    (directory, SecretSource::File(path))
}

fn command(script: &str, timeout: Duration) -> SecretSource {
    SecretSource::Command(Command {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        timeout,
    })
}

fn weakness(result: Result<Secret, SecretError>) -> Weakness {
    match result {
        Err(SecretError::Unfit { weakness, .. }) => weakness,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn one_newline_at_the_end_is_dropped_and_nothing_else() {
    for (content, secret) in [
        ("key\n", "key"),
        ("key\r\n", "key"),
        (" key \n\n", " key \n"),
        ("key", "key"),
    ] {
        let (_directory, source) = secret_file(content.as_bytes(), 0o600);
        assert_eq!(source.read().expect("a secret").expose(), secret);
    }
}

#[test]
fn files_that_others_can_read_are_refused_before_and_when_read() {
    for mode in [0o604, 0o606, 0o620, 0o666] {
        let (_directory, source) = secret_file(CANARY.as_bytes(), mode);
        let inspected = source.inspect().expect_err("refused");
        assert!(
            inspected.help().expect("an advice").contains("chmod"),
            "{inspected}"
        );
        let read = source.read().expect_err("refused");
        assert!(!format!("{read} {read:?}").contains(CANARY));
    }
}

#[test]
fn a_group_may_read_only_roots_file_and_only_the_daemons_group() {
    let daemon = Reader {
        uid: 990,
        groups: vec![990, 27],
    };
    let verdict = |mode, uid, gid| protected(Rights { mode, uid, gid }, &daemon);
    let group_reads = |gid| Err(Weakness::GroupReads { mode: 0o640, gid });
    assert_eq!(verdict(0o640, 0, 27), Ok(()));
    assert_eq!(verdict(0o640, 0, 28), group_reads(28));
    assert_eq!(verdict(0o640, 990, 27), group_reads(27));
    assert_eq!(verdict(0o600, 990, 27), Ok(()));
    assert_eq!(verdict(0o600, 1000, 27), Err(Weakness::Owner { uid: 1000 }));
}

#[test]
fn root_who_checks_for_another_user_accepts_any_group() {
    let root = Reader {
        uid: 0,
        groups: vec![0],
    };
    let rights = Rights {
        mode: 0o640,
        uid: 0,
        gid: 27,
    };
    assert_eq!(protected(rights, &root), Ok(()));
}

#[test]
fn a_pipe_and_a_directory_are_refused_without_waiting() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = SecretSource::File(directory.path().to_owned());
    assert_eq!(weakness(source.read()), Weakness::NotAFile);
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    assert_eq!(weakness(SecretSource::File(pipe).read()), Weakness::NotAFile);
}

#[test]
fn a_link_is_followed_so_that_a_secret_can_be_switched_at_once() {
    let (directory, SecretSource::File(path)) = secret_file(b"one", 0o600) else {
        unreachable!()
    };
    let link = directory.path().join("current");
    symlink(&path, &link).expect("a link");
    assert_eq!(SecretSource::File(link).read().expect("a secret").expose(), "one");
}

#[test]
fn sizes_and_bytes_that_are_no_secret_are_refused() {
    let (_a, largest) = secret_file(&vec![b'a'; MAX_SECRET as usize], 0o600);
    assert_eq!(
        largest.read().expect("a secret").expose().len() as u64,
        MAX_SECRET
    );
    let (_b, large) = secret_file(&vec![b'a'; MAX_SECRET as usize + 1], 0o600);
    assert_eq!(weakness(large.read()), Weakness::TooLarge);
    let (_c, empty) = secret_file(b"\n", 0o600);
    assert_eq!(weakness(empty.read()), Weakness::Empty);
    for bytes in [&b"a\0b"[..], b"\xff\xfe"] {
        let (_d, binary) = secret_file(bytes, 0o600);
        assert_eq!(weakness(binary.read()), Weakness::NotText);
    }
}

#[test]
fn a_rotated_secret_is_seen_at_the_next_read() {
    let (_directory, source) = secret_file(b"one", 0o600);
    assert_eq!(source.read().expect("a secret").expose(), "one");
    let SecretSource::File(path) = &source else {
        unreachable!()
    };
    fs::write(path, "two").expect("a file");
    assert_eq!(source.read().expect("a secret").expose(), "two");
}

#[test]
fn a_credential_is_one_file_of_the_services_directory() {
    for bad in ["", ".", "..", "a/b", "a:b", "a b"] {
        assert_eq!(CredentialName::new(bad), None, "{bad}");
    }
    let name = CredentialName::new("dns.token").expect("a name");
    assert!(matches!(
        name.path_below(None),
        Err(SecretError::NoCredentials { .. })
    ));
    let path = name
        .path_below(Some("/run/credentials/dns01d.service".into()))
        .expect("a path");
    assert_eq!(path, Path::new("/run/credentials/dns01d.service/dns.token"));
}

#[test]
fn a_commands_output_is_the_secret() {
    let source = command(&format!("echo {CANARY}; echo noise >&2"), Duration::from_secs(20));
    assert_eq!(source.read().expect("a secret").expose(), CANARY);
}

#[test]
fn a_failing_command_tells_its_status_and_not_its_output() {
    let error = command(
        &format!("echo {CANARY}; echo {CANARY} >&2; exit 3"),
        Duration::from_secs(20),
    )
    .read()
    .expect_err("fails");
    assert!(matches!(&error, SecretError::Failed { status, .. } if status.code() == Some(3)));
    assert!(!format!("{error} {error:?}").contains(CANARY));
}

#[test]
fn a_hanging_command_is_killed_with_all_it_started() {
    let directory = tempfile::tempdir().expect("a directory");
    let pid_file = directory.path().join("pid");
    let script = format!("sleep 300 & echo $! > {}; wait", pid_file.display());
    let error = command(&script, Duration::from_millis(500))
        .read()
        .expect_err("late");
    assert!(matches!(error, SecretError::TimedOut { .. }), "{error}");
    let pid = fs::read_to_string(&pid_file).expect("a pid");
    let status = format!("/proc/{}/stat", pid.trim());
    // killed, and perhaps waiting for its new parent
    let gone = || fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..200 {
        if gone() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the grandchild outlived its time");
}

#[test]
fn a_background_child_that_keeps_the_pipe_is_not_waited_for() {
    let source = command("sleep 300 & echo key", Duration::from_secs(60));
    assert_eq!(source.read().expect("a secret").expose(), "key");
}

#[test]
fn a_flooding_command_is_cut() {
    assert_eq!(
        weakness(command("yes", Duration::from_secs(20)).read()),
        Weakness::TooLarge
    );
}

#[test]
fn a_missing_program_is_known_before_it_runs() {
    let missing = |program: &str| {
        SecretSource::Command(Command {
            argv: vec![program.into()],
            timeout: Duration::from_secs(1),
        })
    };
    assert!(matches!(
        missing("no-such-program-dns01d").inspect(),
        Err(SecretError::Start { .. })
    ));
    let (_directory, SecretSource::File(path)) = secret_file(b"#!/bin/sh", 0o600) else {
        unreachable!()
    };
    assert!(matches!(
        missing(path.to_str().expect("text")).inspect(),
        Err(SecretError::Start { .. })
    ));
    assert!(missing("sh").inspect().is_ok());
}
