use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

/// A file that the checks take for a library of this machine.
fn plausible(directory: &Path) -> PathBuf {
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    let path = directory.join("plugin.so");
    fs::write(&path, bytes).expect("a writable directory");
    set_mode(&path, 0o644);
    path
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
}

#[test]
fn a_library_that_others_can_change_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = plausible(directory.path());
    assert!(Library::open(&path, None).is_ok());

    for mode in [0o664, 0o646] {
        set_mode(&path, mode);
        let error = Library::open(&path, None).expect_err("writable");
        assert_eq!(
            error,
            LibraryError::Writable {
                path: path.clone(),
                mode
            }
        );
    }
    set_mode(&path, 0o644);

    set_mode(directory.path(), 0o777);
    let error = Library::open(&path, None).expect_err("in a writable directory");
    assert_eq!(
        error,
        LibraryError::Writable {
            path: directory.path().to_owned(),
            mode: 0o777
        }
    );
    set_mode(directory.path(), 0o1777);
    assert!(Library::open(&path, None).is_ok(), "sticky, and the file is ours");
}

#[test]
fn a_link_is_judged_by_both_of_its_ends() {
    let safe = tempfile::tempdir().expect("a directory");
    let open = tempfile::tempdir().expect("a directory");
    let path = plausible(open.path());
    let link = safe.path().join("link.so");
    std::os::unix::fs::symlink(&path, &link).expect("a writable directory");
    assert!(Library::open(&link, None).is_ok());
    set_mode(open.path(), 0o777);
    assert!(matches!(
        Library::open(&link, None),
        Err(LibraryError::Writable { .. })
    ));
}

#[test]
fn what_is_no_library_is_refused_in_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("script.so");
    fs::write(&script, "#!/bin/sh\necho this is not a library\n").expect("a writable directory");
    set_mode(&script, 0o644);
    assert_eq!(
        Library::open(&script, None).expect_err("a script"),
        LibraryError::NotElf { path: script }
    );

    let missing = directory.path().join("missing.so");
    let text = Library::open(&missing, None).expect_err("missing").to_string();
    assert!(text.ends_with("there is no such file"), "{text}");
    assert!(matches!(
        Library::open(directory.path(), None),
        Err(LibraryError::NotAFile { .. })
    ));
    assert!(matches!(
        Library::open(Path::new("plugin.so"), None),
        Err(LibraryError::Relative { .. })
    ));

    let fifo = directory.path().join("fifo.so");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a writable directory");
    assert!(
        matches!(Library::open(&fifo, None), Err(LibraryError::NotAFile { .. })),
        "and does not wait"
    );
}

#[test]
fn another_machine_is_named_with_ours() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = plausible(directory.path());
    let mut bytes = fs::read(&path).expect("our own file");
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    fs::write(&path, bytes).expect("our own file");
    let text = Library::open(&path, None).expect_err("riscv").to_string();
    assert_eq!(
        text,
        format!(
            "{} is for riscv64; this machine is {}",
            path.display(),
            std::env::consts::ARCH
        )
    );
}

#[test]
fn a_pin_holds_the_exact_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = plausible(directory.path());
    let pin = openssl::sha::sha256(&fs::read(&path).expect("our own file"));
    assert!(Library::open(&path, Some(&pin)).is_ok());
    let mut bytes = fs::read(&path).expect("our own file");
    bytes.push(0);
    fs::write(&path, bytes).expect("our own file");
    assert!(matches!(
        Library::open(&path, Some(&pin)),
        Err(LibraryError::Pin { .. })
    ));
}

#[test]
fn a_changed_file_has_another_identity() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = plausible(directory.path());
    let before = Library::open(&path, None).expect("a library").identity();
    assert_eq!(Library::open(&path, None).expect("a library").identity(), before);
    set_mode(&path, 0o600);
    assert_ne!(Library::open(&path, None).expect("a library").identity(), before);
}
