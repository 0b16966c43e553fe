//! The examples for authors: what a stranger builds from them passes.

use std::{path::Path, process::Command};

use crate::lab::{ROUNDS, Run, ZONE, compile, kit, write_private};

const PLUGIN_API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-api");

/// It publishes nowhere, keeps nothing, knows no secret and claims nothing.
const NOT_APPLICABLE: [&str; 11] = [
    "credentials",
    "dry-run",
    "long-value",
    "lost-handle",
    "missing-option",
    "mixed-batch",
    "new-process",
    "outside",
    "overlap",
    "secrets",
    "subzone",
];

fn passes(library: &Path, directory: &Path) {
    let options = directory.join("options.yaml");
    write_private(&options, "limit: 1000\n");
    let mut command = kit(library);
    command
        .args(["--no-dns", "--zone", ZONE, "--rounds", ROUNDS])
        .arg("--options")
        .arg(options);
    Run::of(&mut command).passed_but_for(&NOT_APPLICABLE);
}

#[test]
fn the_c_example_passes() {
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("libmemory.so");
    compile(
        &Path::new(PLUGIN_API).join("examples/memory.c"),
        &library,
        &["-Wl,-z,defs"],
    );
    passes(&library, directory.path());
}

#[test]
fn the_rust_example_passes() {
    // `cargo test --test` builds no examples
    let built = Command::new(env!("CARGO"))
        .current_dir(PLUGIN_API)
        .args(["build", "--quiet", "--offline", "--example", "memory"])
        .status()
        .unwrap();
    assert!(built.success());
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let library = profile.with_file_name("debug").join("examples/libmemory.so");
    let directory = tempfile::tempdir().unwrap();
    passes(&library, directory.path());
}
