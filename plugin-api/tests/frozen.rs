//! What was built against ABI 1.0 keeps working: its header is kept as it was, today's has all of it, and
//! plugins and hosts of different minors work together.
//!
//! The hosts here are `host.c`, which lends every struct at the end of a page that a forbidden one follows:
//! who touches a byte beyond `struct_size` crashes. The real host has its own tests of this.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks, clippy::unwrap_used)]

mod grown;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dns01_plugin_api::abi::{self, AbiStruct, InstanceInfo, Undersized};

const DIRECTORY: &str = env!("CARGO_MANIFEST_DIR");
/// What `sha256sum` says of the header of 1.0. It is never to be changed.
const SHA256: &str = "63fd4ee2535deec9ea2369b40b038a650f90acf78477aefe02be1eca82a54a7f";
/// What a C compiler saw in it.
const LAYOUT: &str = include_str!("../include/v1.0/layout.golden");

fn include(minor: &str) -> PathBuf {
    Path::new(DIRECTORY).join("include").join(minor)
}

fn header(minor: &str) -> String {
    std::fs::read_to_string(include(minor).join("dns01_plugin.h")).unwrap()
}

/// A directory with this text as its `dns01_plugin.h`.
fn directory_of(header: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("dns01_plugin.h"), header).unwrap();
    directory
}

fn cc(include: &Path, source: &Path, made: &Path, more: &[&str]) -> Output {
    Command::new("cc")
        .args(["-std=c99", "-Wall", "-Werror", "-I"])
        .arg(include)
        .arg(source)
        .arg("-o")
        .arg(made)
        .args(more)
        .output()
        .expect("the system's C compiler `cc` runs; ./dev setup installs it")
}

fn words(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{:?}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks a header for everything that 1.0 had; `Err` where something is missing.
fn layout_by(include: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut program = "#include <stdio.h>\n#include <dns01_plugin.h>\nint main(void) {\n".to_owned();
    for line in LAYOUT.lines() {
        let (name, rest) = line.split_once(' ').unwrap();
        if rest.starts_with("size ") {
            writeln!(
                program,
                "struct {name}_in {{ char c; {name} s; }};
                 printf(\"{name} size %zu align %zu\\n\", sizeof({name}), offsetof(struct {name}_in, s));"
            )
        } else if let Some((of, field)) = name.split_once('.') {
            writeln!(
                program,
                "printf(\"{name} at %zu size %zu\\n\", offsetof({of}, {field}), sizeof((({of} *)0)->{field}));"
            )
        } else if name == "DNS01_ENTRY_SYMBOL" {
            writeln!(program, "printf(\"{name} %s\\n\", {name});")
        } else {
            writeln!(program, "printf(\"{name} %lld\\n\", (long long)({name}));")
        }
        .unwrap();
    }
    program.push_str("return 0;\n}\n");
    let directory = tempfile::tempdir().unwrap();
    let (source, made) = (directory.path().join("layout.c"), directory.path().join("layout"));
    std::fs::write(&source, program).unwrap();
    let compiled = cc(include, &source, &made, &[]);
    if !compiled.status.success() {
        return Err(String::from_utf8_lossy(&compiled.stderr).into_owned());
    }
    Ok(entries(&words(&Command::new(made).output().unwrap())))
}

fn entries(layout: &str) -> BTreeMap<String, String> {
    layout
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

/// Size in `size 16 align 8`.
fn size(entry: &str) -> Option<u32> {
    entry.strip_prefix("size ")?.split(' ').next()?.parse().ok()
}

/// What a header changes of 1.0, beyond what S1 allows: a higher minor, structs that have grown.
fn broken_by(include: &Path) -> Vec<String> {
    let now = match layout_by(include) {
        Ok(now) => now,
        Err(missing) => return vec![missing],
    };
    let allowed = |name: &str, then: &str, now: &str| match name {
        "DNS01_ABI_MINOR" => now.parse::<u32>().unwrap() >= then.parse().unwrap(),
        name if grown::STRUCTS.contains(&name) => {
            size(now) >= size(then) && now.ends_with("align 8") && then.ends_with("align 8")
        }
        _ => now == then,
    };
    entries(LAYOUT)
        .into_iter()
        .filter(|(name, then)| !allowed(name, then, &now[name]))
        .map(|(name, then)| format!("{name}: was {then}, is {}", now[&name]))
        .collect()
}

#[test]
fn the_header_of_1_0_is_as_it_was_released() {
    let path = include("v1.0").join("dns01_plugin.h");
    let output = Command::new("sha256sum").arg(&path).output();
    let sum = words(&output.expect("sha256sum of coreutils runs"));
    assert!(
        sum.starts_with(SHA256),
        "include/v1.0 is what plugins were built from: restore it, and make changes in include/dns01_plugin.h"
    );
    assert_eq!(layout_by(&include("v1.0")), Ok(entries(LAYOUT)));
}

#[test]
fn todays_header_has_all_of_1_0_where_it_was() {
    assert_eq!(broken_by(&include("")), Vec::<String>::new());
}

#[test]
fn growth_at_the_end_is_the_only_change_that_passes() {
    let today = header("");
    let later = directory_of(&grown::grown(&today));
    assert_eq!(broken_by(later.path()), Vec::<String>::new());

    // the checks of sizes at the header's end would stop most of these before; they change with it here
    let unchecked = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("DNS01_SIZE_IS("))
            .map(|line| format!("{line}\n"));
        lines.collect::<String>()
    };
    for (what, from, to, seen) in [
        (
            "a constant is renumbered",
            "#define DNS01_E_AUTH 201",
            "#define DNS01_E_AUTH 211",
            "DNS01_E_AUTH: was 201, is 211",
        ),
        (
            "a constant is gone",
            "#define DNS01_OPT_SECRET 0x02u",
            "#define DNS01_OPT_SECRECY 0x02u",
            "DNS01_OPT_SECRET",
        ),
        (
            "fields are swapped",
            "  uint32_t message_cap;   /* >= 1024                                          */\n  uint32_t handle_cap;",
            "  uint32_t handle_cap;\n  uint32_t message_cap;",
            "dns01_result.handle_cap: was at 44 size 4, is at 40 size 4",
        ),
        (
            "a field is renamed",
            "  dns01_str key_authorization;",
            "  dns01_str key_auth;",
            "key_authorization",
        ),
        (
            "a field is widened",
            "  int32_t cancel_fd;",
            "  int64_t cancel_fd;",
            "dns01_call.cancel_fd: was at 24 size 4, is at 24 size 8",
        ),
        (
            "a field is put in the middle",
            "  dns01_batch_fn sync;",
            "  dns01_batch_fn verify;\n  dns01_batch_fn sync;",
            "dns01_plugin.sync",
        ),
        (
            "a struct shrinks",
            "  const dns01_option_desc *const *options;\n",
            "",
            "options",
        ),
        (
            "the frozen struct grows",
            "  size_t len;\n} dns01_str;",
            "  size_t len;\n  size_t cap;\n} dns01_str;",
            "dns01_str: was size 16 align 8, is size 24 align 8",
        ),
    ] {
        assert!(today.contains(from), "{what}: the header has changed its words");
        let changed = directory_of(&unchecked(&today.replacen(from, to, 1)));
        let broken = broken_by(changed.path()).join("\n");
        assert!(broken.contains(seen), "{what}: {broken}");
    }
}

/// The plugin `memory` of a header, and a host of a header.
struct Built {
    name: &'static str,
    plugin: PathBuf,
    host: PathBuf,
}

fn build(directory: &Path, name: &'static str, include: &Path) -> Built {
    let made = |what: &str| directory.join(format!("{name}-{what}"));
    let built = Built {
        name,
        plugin: made("memory.so"),
        host: made("host"),
    };
    let source = |path: &str| Path::new(DIRECTORY).join(path);
    let plugin = &["-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,defs"];
    words(&cc(include, &source("examples/memory.c"), &built.plugin, plugin));
    words(&cc(include, &source("tests/host.c"), &built.host, &["-ldl"]));
    built
}

/// The plugin `memory` in Rust, of today.
fn rust_memory() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .current_dir(DIRECTORY)
        .args(["build", "--quiet", "--offline", "--example", "memory"])
        .output()
        .unwrap();
    words(&output);
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("examples/libmemory.so")
}

#[test]
fn hosts_and_plugins_of_every_minor_work_together() {
    let directory = tempfile::tempdir().unwrap();
    let later = directory_of(&grown::grown(&header("")));
    let built = [
        build(directory.path(), "1.0", &include("v1.0")),
        build(directory.path(), "today", &include("")),
        build(directory.path(), "1.7", later.path()),
    ];
    let rust = rust_memory();
    for host in &built {
        let plugins = built.iter().map(|built| (built.name, &built.plugin));
        for (plugin, library) in plugins.chain([("rust", &rust)]) {
            let said = words(&Command::new(&host.host).arg(library).output().unwrap());
            assert_eq!(
                said,
                include_str!("memory.transcript"),
                "plugin of {plugin} in a host of {}",
                host.name
            );
        }
    }
}

#[test]
fn a_host_smaller_than_1_0_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(directory.path(), "today", &include(""));
    for library in [&built.plugin, &rust_memory()] {
        let said = Command::new(&built.host)
            .arg(library)
            .arg("small")
            .output()
            .unwrap();
        assert_eq!(words(&said), "no table\n", "{}", library.display());
    }
}

/// `dns01_instance_info` as the Rust side of a later minor would know it.
#[derive(Clone, Copy)]
#[repr(C)]
struct LaterInfo {
    now: InstanceInfo,
    later: u64,
}

unsafe impl AbiStruct for LaterInfo {
    const FLOOR: u32 = InstanceInfo::FLOOR;
    const NAME: &'static str = InstanceInfo::NAME;
}

#[test]
fn the_rust_side_of_a_later_minor_touches_nothing_beyond_a_struct_of_1_0() {
    let info = |struct_size, max_batch| InstanceInfo {
        struct_size,
        max_batch,
        ..InstanceInfo::default()
    };
    // 64 bytes of the other side, and what happens to lie behind them
    let mut made = LaterInfo {
        now: info(64, 7),
        later: 0xdead_beef,
    };
    let read = unsafe { abi::read(&raw const made) }.ok().unwrap();
    assert_eq!((read.now.max_batch, read.later), (7, 0), "absent counts as zero");

    let known = LaterInfo {
        now: info(72, 9),
        later: 1,
    };
    assert_eq!(unsafe { abi::write(&raw mut made, &known) }, Ok(()));
    assert_eq!(
        (made.now.struct_size, made.now.max_batch, made.later),
        (64, 9, 0xdead_beef)
    );

    made.now.struct_size = 63;
    let refused = Undersized {
        name: "dns01_instance_info",
        found: Some(63),
        floor: 64,
    };
    assert_eq!(unsafe { abi::read(&raw const made) }.err(), Some(refused));
    assert_eq!(unsafe { abi::write(&raw mut made, &known) }, Err(refused));
    assert_eq!(made.now.max_batch, 9);
}
