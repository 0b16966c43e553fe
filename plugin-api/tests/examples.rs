//! The examples for authors, in C and in Rust, built as their first lines say and
//! used by one host in C: it cannot tell them apart.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = env!("CARGO_MANIFEST_DIR");

const TRANSCRIPT: &str = include_str!("memory.transcript");

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn cc(source: &str, made: &Path, more: &[&str]) {
    run(Command::new("cc")
        .current_dir(DIRECTORY)
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
            "include",
            source,
            "-o",
        ])
        .arg(made)
        .args(more));
}

fn host(directory: &Path) -> PathBuf {
    let host = directory.join("host");
    cc("tests/host.c", &host, &["-ldl"]);
    host
}

fn exports(library: &Path) -> Vec<String> {
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn the_c_example_is_a_plugin() {
    let directory = tempfile::tempdir().unwrap();
    let library = directory.path().join("libmemory.so");
    cc(
        "examples/memory.c",
        &library,
        &["-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs"],
    );
    assert_eq!(exports(&library), ["dns01_plugin_v1"]);
    assert_eq!(
        run(Command::new(host(directory.path())).arg(&library)),
        TRANSCRIPT
    );
}

#[test]
fn the_rust_example_is_a_plugin() {
    // `cargo test --test` builds no examples
    run(Command::new(env!("CARGO")).current_dir(DIRECTORY).args([
        "build",
        "--quiet",
        "--offline",
        "--example",
        "memory",
        "--message-format=json",
    ]));
    let profile = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned();
    let library = profile.with_file_name("debug").join("examples/libmemory.so");
    assert_eq!(
        exports(&library),
        ["dns01_plugin_v1"],
        "and nothing of its runtime"
    );
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        run(Command::new(host(directory.path())).arg(&library)),
        TRANSCRIPT
    );
}
