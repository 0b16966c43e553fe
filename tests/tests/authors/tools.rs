//! Compilers, run as an author runs them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs it to a good end and returns what it printed; a missing tool fails the test.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{:?}: {error}; `./dev setup` installs it", command.get_program()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// What a library exports.
pub fn exports(library: &Path) -> Vec<String> {
    let symbols = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(ToOwned::to_owned)
        .collect()
}

/// Lets neither cargo nor go reach for the network, and both build what belongs to the project in its own
/// directory.
pub fn offline(command: &mut Command) -> &mut Command {
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env_remove("CARGO_TARGET_DIR")
}
