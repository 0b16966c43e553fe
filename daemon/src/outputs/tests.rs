use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::X509Builder,
};
use rustix::io::Errno;

use super::*;
use crate::secret::Secret;

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

fn pem(key: &PKey<Private>) -> Secret {
    Secret::new(String::from_utf8(key.private_key_to_pem_pkcs8().expect("PEM")).expect("text"))
}

fn pair() -> Files {
    let key = key();
    Files {
        key: Some(pem(&key)),
        certificate: certificate(&key),
        chain: certificate(&self::key()),
    }
}

fn options(directory: &Path) -> Options {
    Options {
        directory: directory.to_owned(),
        owner: None,
        group: None,
        with_key: true,
        key_mode: DEFAULT_KEY_MODE,
        mode: DEFAULT_MODE,
    }
}

struct Fixture {
    home: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Fixture {
            home: tempfile::tempdir().expect("a directory"),
        }
    }

    fn directory(&self) -> std::path::PathBuf {
        self.home.path().join("deep/er/out")
    }

    fn outputs(&self) -> Outputs {
        Outputs::new(options(&self.directory()))
    }

    fn numbers(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.directory().join("generations"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn publish(outputs: &Outputs, files: &Files) -> u32 {
    let number = outputs.write(files).expect("written").number;
    outputs.activate(number).expect("switched");
    number
}

#[test]
fn a_written_generation_is_not_seen_before_its_activation() {
    let fixture = Fixture::new();
    let (outputs, first, second) = (fixture.outputs(), pair(), pair());
    assert!(outputs.live().expect("no live").is_none());
    publish(&outputs, &first);
    let generation = outputs.write(&second).expect("written");
    assert_eq!(generation.number, 2);
    assert_eq!(
        outputs.live().expect("live").expect("one").chain.cert_pem(),
        first.certificate
    );
    outputs.activate(2).expect("switched");

    let live = outputs.live().expect("live").expect("one");
    assert_eq!((live.generation, live.key), (generation, KeyCheck::Matches));
    let read = |name| fs::read_to_string(outputs.live_path().join(name)).expect("a file");
    assert_eq!(read("key.pem"), second.key.as_ref().expect("a key").expose());
    assert_eq!(read("cert.pem"), second.certificate);
    assert_eq!(read("chain.pem"), second.chain);
    assert_eq!(
        read("fullchain.pem"),
        format!("{}{}", second.certificate, second.chain)
    );
}

#[test]
fn pem_blocks_without_a_final_line_end_are_joined_correctly() {
    let fixture = Fixture::new();
    let mut files = pair();
    files.certificate = files.certificate.trim_end().to_owned();
    publish(&fixture.outputs(), &files);
    let full = fs::read(fixture.directory().join("live/fullchain.pem")).expect("a file");
    assert_eq!(
        openssl::x509::X509::stack_from_pem(&full).expect("a chain").len(),
        2
    );
}

#[test]
fn repeating_a_write_after_a_crash_makes_no_second_generation() {
    let fixture = Fixture::new();
    let (outputs, files) = (fixture.outputs(), pair());
    assert_eq!(outputs.write(&files).expect("written").number, 1);
    assert_eq!(outputs.write(&files).expect("found").number, 1);
    publish(&outputs, &files);
    assert_eq!(fixture.numbers(), ["000001"]);
    // the same certificate with another key would be another generation
    let other = Files {
        key: pair().key,
        ..files
    };
    assert_eq!(outputs.write(&other).expect("written").number, 2);
}

#[test]
fn old_generations_go_but_never_the_live_one() {
    let fixture = Fixture::new();
    let outputs = fixture.outputs();
    for _ in 0..6 {
        publish(&outputs, &pair());
    }
    assert_eq!(fixture.numbers(), ["000004", "000005", "000006"]);
    outputs.activate(4).expect("switched back");
    for _ in 0..3 {
        outputs.write(&pair()).expect("written");
    }
    outputs.repair().expect("repaired");
    assert_eq!(fixture.numbers(), ["000004", "000007", "000008", "000009"]);
    assert_eq!(outputs.live().expect("live").expect("one").generation.number, 4);
}

#[test]
fn declared_modes_hold_whatever_the_umask_and_are_restored() {
    let fixture = Fixture::new();
    let outputs = Outputs::new(Options {
        with_key: true,
        key_mode: 0o440,
        mode: 0o604,
        ..options(&fixture.directory())
    });
    publish(&outputs, &pair());
    let live = outputs.live_path();
    assert_eq!(mode(live.join("key.pem")), 0o440);
    for name in ["cert.pem", "chain.pem", "fullchain.pem"] {
        assert_eq!(mode(live.join(name)), 0o604, "{name}");
    }
    assert_eq!(mode(fixture.directory().join("generations/000001")), 0o755);

    fs::set_permissions(live.join("key.pem"), fs::Permissions::from_mode(0o666)).expect("set");
    assert_eq!(outputs.repair().expect("repaired").permissions.len(), 1);
    assert_eq!(mode(live.join("key.pem")), 0o440);
    assert_eq!(outputs.repair(), Ok(Repaired::default()));
}

#[test]
fn owner_and_group_are_as_declared() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test gives files away: run it as root"
    );
    let fixture = Fixture::new();
    let outputs = Outputs::new(Options {
        owner: Some("nobody".into()),
        group: Some("4242".into()),
        with_key: true,
        key_mode: 0o640,
        ..options(&fixture.directory())
    });
    outputs.check_writable().expect("writable");
    publish(&outputs, &pair());
    let key = fs::metadata(outputs.live_path().join("key.pem")).expect("a file");
    assert_eq!((key.uid(), key.gid(), key.mode() & 0o7777), (65534, 4242, 0o640));
}

#[test]
fn unknown_owners_and_groups_are_named_before_anything_is_written() {
    let fixture = Fixture::new();
    let outputs = Outputs::new(Options {
        group: Some("no-such-group".into()),
        ..options(&fixture.directory())
    });
    assert_eq!(
        outputs.check_writable(),
        Err(Error::UnknownGroup("no-such-group".into()))
    );
    assert_eq!(
        outputs.write(&pair()),
        Err(Error::UnknownGroup("no-such-group".into()))
    );
    let outputs = Outputs::new(Options {
        owner: Some("4294967295".into()),
        ..options(&fixture.directory())
    });
    assert_eq!(
        outputs.check_writable(),
        Err(Error::UnknownOwner("4294967295".into()))
    );
    assert!(!fixture.directory().exists());
}

#[test]
fn a_check_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let outputs = fixture.outputs();
    outputs.check_writable().expect("writable");
    assert_eq!(fixture.numbers(), [""; 0]);
    assert_eq!(fs::read_dir(fixture.directory()).expect("a directory").count(), 1);
}

#[test]
fn leftovers_of_killed_writes_are_removed() {
    let fixture = Fixture::new();
    let outputs = fixture.outputs();
    publish(&outputs, &pair());
    let generations = fixture.directory().join("generations");
    for left in [".new-000002", ".old-000001"] {
        fs::create_dir(generations.join(left)).expect("made");
        fs::write(generations.join(left).join("key.pem"), "half").expect("written");
    }
    symlink("generations/000009", fixture.directory().join(".live-new")).expect("linked");
    fs::create_dir(generations.join("lost+found")).expect("made");

    assert_eq!(outputs.repair().expect("repaired").leftovers.len(), 3);
    assert_eq!(
        fixture.numbers(),
        ["000001", "lost+found"],
        "what is not ours stays"
    );
    assert!(!fixture.directory().join(".live-new").is_symlink());
}

#[test]
fn a_symlink_in_the_way_leads_no_key_elsewhere() {
    let fixture = Fixture::new();
    let elsewhere = fixture.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let refused = |outputs: &Outputs| match outputs.write(&pair()) {
        Err(Error::Io {
            errno: Errno::LOOP | Errno::NOTDIR,
            ..
        }) => {}
        other => panic!("{other:?}"),
    };

    let linked = fixture.home.path().join("linked");
    symlink(&elsewhere, &linked).expect("linked");
    refused(&Outputs::new(options(&linked)));

    fs::create_dir_all(fixture.directory()).expect("made");
    symlink(&elsewhere, fixture.directory().join("generations")).expect("linked");
    refused(&fixture.outputs());
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 0);
}

#[test]
fn a_parent_swapped_after_the_opening_redirects_nothing() {
    let fixture = Fixture::new();
    let outputs = fixture.outputs();
    publish(&outputs, &pair());
    let elsewhere = fixture.home.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join("generations")).expect("made");

    let root = directory::Directory::open(&fixture.directory())
        .expect("opened")
        .expect("there");
    let generations = root.subdirectory("generations").expect("opened").expect("there");
    let moved = fixture.home.path().join("moved");
    fs::rename(fixture.directory(), &moved).expect("moved");
    symlink(&elsewhere, fixture.directory()).expect("linked");

    let building = generations.make_new(".new-000002", 0o700).expect("made");
    let ownership = ownership::Ownership { uid: None, gid: None };
    pair()
        .write(&building, &options(&fixture.directory()), ownership)
        .expect("written");
    generations.rename(".new-000002", "000002").expect("renamed");
    live::switch(&root, 2).expect("switched");

    assert_eq!(
        fs::read_link(moved.join("live")).expect("a link"),
        Path::new("generations/000002")
    );
    assert!(moved.join("live/key.pem").is_file());
    assert_eq!(
        fs::read_dir(elsewhere.join("generations"))
            .expect("a directory")
            .count(),
        0
    );
    assert!(!elsewhere.join("live").is_symlink());
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.directory()).expect("made");
    fs::set_permissions(fixture.directory(), fs::Permissions::from_mode(0o777)).expect("set");
    let refused = fixture.outputs().check_writable();
    assert!(
        matches!(refused, Err(Error::Untrusted { mode: 0o777, .. })),
        "{refused:?}"
    );
}

#[test]
fn two_writers_of_one_directory_do_not_meet() {
    let fixture = Fixture::new();
    publish(&fixture.outputs(), &pair());
    let root = directory::Directory::open(&fixture.directory())
        .expect("opened")
        .expect("there");
    root.lock().expect("locked");
    assert_eq!(
        fixture.outputs().write(&pair()),
        Err(Error::Busy(fixture.directory()))
    );
    drop(root);
    publish(&fixture.outputs(), &pair());
}

#[test]
fn a_live_that_is_of_no_use_says_why() {
    let fixture = Fixture::new();
    let outputs = fixture.outputs();
    publish(&outputs, &pair());
    let live = outputs.live_path();

    let foreign_key = pair().key;
    fs::write(live.join("key.pem"), foreign_key.expect("a key").expose()).expect("written");
    assert_eq!(
        outputs.live().map(drop),
        Err(Error::Mismatch(fixture.directory().join("generations/000001")))
    );
    fs::write(live.join("key.pem"), "").expect("written");
    assert!(matches!(
        outputs.live(),
        Err(Error::Damaged {
            kind: "private key",
            ..
        })
    ));
    fs::write(live.join("cert.pem"), "").expect("written");
    assert!(matches!(
        outputs.live(),
        Err(Error::Damaged {
            kind: "certificate of fullchain.pem",
            ..
        })
    ));
    fs::remove_file(live.join("chain.pem")).expect("removed");
    assert!(matches!(outputs.live(), Err(Error::Incomplete { number: 1, .. })));
    assert!(matches!(
        outputs.activate(1),
        Err(Error::Incomplete { number: 1, .. })
    ));

    // and the next generation mends it
    publish(&outputs, &pair());
    assert!(outputs.live().expect("live").is_some());

    fs::remove_file(&live).expect("removed");
    fs::create_dir(&live).expect("made");
    assert_eq!(outputs.live().map(drop), Err(Error::ForeignLive(live.clone())));
    assert_eq!(outputs.check_writable(), Err(Error::ForeignLive(live)));
}

#[test]
fn errors_tell_path_operation_cause_and_advice() {
    let error = |operation, errno| {
        Error::Io {
            path: "/out/generations/.new-000002/key.pem".into(),
            operation,
            errno,
        }
        .to_string()
    };
    assert_eq!(
        error(Operation::Write, Errno::NOSPC),
        "cannot write /out/generations/.new-000002/key.pem: No space left on device; \
         the live certificate is untouched: free some space"
    );
    assert_eq!(
        error(Operation::SetGroup, Errno::PERM),
        "cannot set the group of /out/generations/.new-000002/key.pem: Operation not permitted; \
         give the daemon CAP_CHOWN, or make its user a member of that group"
    );
    assert_eq!(
        Outputs::new(options(Path::new("out"))).write(&pair()),
        Err(Error::Relative("out".into()))
    );
}

#[test]
fn what_a_write_would_meet_is_told_before_it_and_nothing_is_made() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("not/yet/there");
    assert_eq!(Outputs::new(options(&directory)).check(), Ok(()));
    assert!(!home.path().join("not").exists());

    fs::write(home.path().join("file"), "").expect("a file");
    let below_a_file = Outputs::new(options(&home.path().join("file/certificates"))).check();
    assert!(
        matches!(
            &below_a_file,
            Err(Error::Io {
                errno: Errno::NOTDIR,
                ..
            })
        ),
        "{below_a_file:?}"
    );
    let nobody = Options {
        owner: Some("no-such-user-of-dns01d".into()),
        ..options(&directory)
    };
    assert!(matches!(
        Outputs::new(nobody).check(),
        Err(Error::UnknownOwner(_))
    ));

    let open = home.path().join("open");
    fs::create_dir(&open).expect("a directory");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("a mode");
    let open = Outputs::new(options(&open));
    assert!(matches!(open.check(), Err(Error::Untrusted { .. })));

    let good = Outputs::new(options(&home.path().join("good")));
    good.write(&pair()).expect("written");
    assert_eq!(good.check(), Ok(()));
}
