//! Says whether Go is here: tests that need it are counted as ignored where it is not.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(go)");
    println!("cargo::rerun-if-changed=build.rs");
    match go() {
        Some(program) => {
            println!("cargo::rustc-cfg=go");
            println!("cargo::rerun-if-changed={}", program.display());
        }
        // it may be installed any time; where it is found, the rest of PATH does not matter
        None => println!("cargo::rerun-if-env-changed=PATH"),
    }
}

fn go() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join("go"))
        .find(|program| program.is_file())
}
