//! The file on disk, before anything of it runs.

use std::{io, path::Path};

use super::{
    Check, elf,
    verdict::{Seen, Trouble, failed, moot},
};
use crate::plugin::Library;

/// The one name that a plugin exports.
const ENTRY: &str = "dns01_plugin_v1";
/// More names than these drown the report.
const SHOWN: usize = 8;

/// One of the checks of the file.
pub(super) async fn check(check: Check, path: &Path) -> Seen {
    let path = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || match check {
        Check::File => safe(&path),
        Check::Exports => exports(&path),
        _ => segments(&path),
    });
    // only a runtime that goes down loses it
    looked.await.unwrap_or(Err(Trouble::Interrupted))
}

fn safe(path: &Path) -> Seen {
    match Library::open(path, None) {
        Ok(_) => Ok(format!(
            "a shared library for {}, safe from everybody but root and this user",
            std::env::consts::ARCH
        )),
        Err(error) => failed(error.to_string()),
    }
}

fn exports(path: &Path) -> Seen {
    let Some(exports) = read(path)?.exports else {
        return moot("the file has no table of sections to read its exports from");
    };
    let others: Vec<&str> = exports
        .iter()
        .map(String::as_str)
        .filter(|name| !is_entry(name))
        .collect();
    match others.as_slice() {
        [] => Ok(exports.join(", ")),
        [..] if others.len() > SHOWN => failed(format!(
            "it also exports {} and {} more",
            others[..SHOWN].join(", "),
            others.len() - SHOWN
        )),
        [..] => failed(format!("it also exports {}", others.join(", "))),
    }
}

/// A library may speak several majors side by side.
fn is_entry(name: &str) -> bool {
    let other_major = || {
        name.strip_prefix(ENTRY.trim_end_matches('1'))
            .is_some_and(|major| !major.is_empty() && major.chars().all(|c| c.is_ascii_digit()))
    };
    name == ENTRY || other_major()
}

fn segments(path: &Path) -> Seen {
    let elf = read(path)?;
    let faults: Vec<&str> = [
        (elf.writable_code, "a segment is writable and executable"),
        (
            elf.executable_stack,
            "it makes the stack of the process executable",
        ),
        (elf.text_relocations, "its code has relocations"),
    ]
    .into_iter()
    .filter_map(|(is, fault)| is.then_some(fault))
    .collect();
    if faults.is_empty() {
        Ok("code and data are apart".to_owned())
    } else {
        failed(faults.join("; "))
    }
}

fn read(path: &Path) -> Result<elf::Elf, Trouble> {
    elf::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Trouble::Moot("it is no library for this machine".to_owned()),
        _ => Trouble::Moot(format!("it cannot be read: {error}")),
    })
}
