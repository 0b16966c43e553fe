//! The header, the Rust types and a recorded copy say the same.
//!
//! A C program made from the header prints each size, offset and constant. It is
//! compared with Rust's view, and with `layout.golden`: within ABI 1 that file
//! may gain lines for appended fields and new constants, no line may change.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use dns01_plugin_api::abi::{self, cap, kind, log_level, option_flag, provider_flag, result_flag, status};

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/dns01_plugin.h");

/// What Rust says, in the lines that the C program prints, and that program.
#[derive(Default)]
struct Views {
    rust: String,
    c: String,
    constants: BTreeSet<&'static str>,
    structs: BTreeSet<&'static str>,
}

impl Views {
    fn size<T>(&mut self, name: &'static str) {
        self.structs.insert(name);
        writeln!(
            self.rust,
            "{name} size {} align {}",
            size_of::<T>(),
            align_of::<T>()
        )
        .unwrap();
        writeln!(
            self.c,
            "struct {name}_align {{ char c; {name} s; }};
             printf(\"{name} size %zu align %zu\\n\", sizeof({name}), offsetof(struct {name}_align, s));"
        )
        .unwrap();
    }

    fn field(&mut self, name: &str, field: &str, offset: usize, size: usize) {
        writeln!(self.rust, "{name}.{field} at {offset} size {size}").unwrap();
        writeln!(
            self.c,
            "printf(\"{name}.{field} at %zu size %zu\\n\", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));"
        )
        .unwrap();
    }

    fn constant(&mut self, name: &'static str, value: i64) {
        self.constants.insert(name);
        writeln!(self.rust, "{name} {value}").unwrap();
        writeln!(self.c, "printf(\"{name} %lld\\n\", (long long)({name}));").unwrap();
    }
}

/// Size in bytes of the field that `project` reaches.
fn field_size<T, F>(_project: impl Fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Records structs with all their fields; fails where the fields leave a gap, so
/// that none can be forgotten.
macro_rules! structs {
    ($views:ident; $($type:ident $c:literal { $($field:ident),* $(,)? })*) => {$(
        $views.size::<abi::$type>($c);
        let mut end = 0;
        $(
            let (at, size) = (offset_of!(abi::$type, $field), field_size(|s: &abi::$type| &s.$field));
            assert_eq!(at, end, "a gap or a forgotten field before {}.{}", $c, stringify!($field));
            end = at + size;
            $views.field($c, stringify!($field), at, size);
        )*
        assert_eq!(end, size_of::<abi::$type>(), "a forgotten field at the end of {}", $c);
    )*};
}

macro_rules! constants {
    ($views:ident; $($name:ident = $value:expr;)*) => {$(
        $views.constant(stringify!($name), i64::try_from($value).unwrap());
    )*};
}

fn views() -> Views {
    let mut views = Views::default();
    structs! { views;
        Str "dns01_str" { ptr, len }
        Call "dns01_call" { struct_size, attempt, call_id, timeout_ms, cancel_fd, reserved0 }
        Record "dns01_record" {
            struct_size, ttl, fqdn, value, zone, identifier, challenge_name, token, key_authorization, handle,
            kind, reserved0,
        }
        ResultSlot "dns01_result" {
            struct_size, status, retry_after_ms, native_code, flags, message, handle, message_cap, handle_cap,
        }
        OptionValue "dns01_option" { struct_size, flags, key, value }
        Host "dns01_host" {
            struct_size, abi_minor, name, version, log, is_cancelled, state_put, state_get, get_extension,
        }
        OptionDesc "dns01_option_desc" { struct_size, flags, key, help, default_value }
        Provider "dns01_provider" { struct_size, flags, id, title, url, option_count, reserved0, options }
        InstanceInfo "dns01_instance_info" {
            struct_size, max_batch, caps, max_values_per_name, min_ttl, min_call_interval_ms,
            propagation_initial_ms, propagation_interval_ms, propagation_timeout_ms, kinds, reserved0,
        }
        Plugin "dns01_plugin" {
            struct_size, abi_minor, name, version, license, provider_count, reserved0, providers, open, close,
            info, present, remove, sync, check, setup, get_extension,
        }
    }
    constants! { views;
        DNS01_ABI_MAJOR = abi::ABI_MAJOR;
        DNS01_ABI_MINOR = abi::ABI_MINOR;
        DNS01_OK = status::OK;
        DNS01_PENDING = status::PENDING;
        DNS01_E_TRANSIENT = status::TRANSIENT;
        DNS01_E_RATE_LIMITED = status::RATE_LIMITED;
        DNS01_E_CANCELLED = status::CANCELLED;
        DNS01_E_PERMANENT = status::PERMANENT;
        DNS01_E_AUTH = status::AUTH;
        DNS01_E_ZONE_NOT_FOUND = status::ZONE_NOT_FOUND;
        DNS01_E_CONFIG = status::CONFIG;
        DNS01_E_UNSUPPORTED = status::UNSUPPORTED;
        DNS01_E_INTERNAL = status::INTERNAL;
        DNS01_UNSET = status::UNSET;
        DNS01_LOG_ERROR = log_level::ERROR;
        DNS01_LOG_WARN = log_level::WARN;
        DNS01_LOG_INFO = log_level::INFO;
        DNS01_LOG_DEBUG = log_level::DEBUG;
        DNS01_LOG_TRACE = log_level::TRACE;
        DNS01_KIND_DNS01 = kind::DNS01;
        DNS01_KIND_ACCOUNT = kind::ACCOUNT;
        DNS01_KIND_PERSIST = kind::PERSIST;
        DNS01_KIND_CANARY = kind::CANARY;
        DNS01_RESULT_NO_CHANGE = result_flag::NO_CHANGE;
        DNS01_RESULT_IN_SYNC = result_flag::IN_SYNC;
        DNS01_OPT_REQUIRED = option_flag::REQUIRED;
        DNS01_OPT_SECRET = option_flag::SECRET;
        DNS01_OPT_FILE = option_flag::FILE;
        DNS01_OPT_INTEGER = option_flag::INTEGER;
        DNS01_OPT_BOOLEAN = option_flag::BOOLEAN;
        DNS01_OPT_DURATION = option_flag::DURATION;
        DNS01_OPT_LIST = option_flag::LIST;
        DNS01_PROVIDER_OPEN_CONFIG = provider_flag::OPEN_CONFIG;
        DNS01_PROVIDER_EXECS = provider_flag::EXECS;
        DNS01_CAP_CONCURRENT = cap::CONCURRENT;
        DNS01_CAP_ATOMIC_BATCH = cap::ATOMIC_BATCH;
        DNS01_CAP_STATELESS_REMOVE = cap::STATELESS_REMOVE;
        DNS01_CAP_NEEDS_KEY_AUTH = cap::NEEDS_KEY_AUTH;
        DNS01_CAP_FOLLOWS_CNAME = cap::FOLLOWS_CNAME;
        DNS01_CAP_CANCELS = cap::CANCELS;
    }
    views
}

/// Runs the system's compiler and panics with what it says if it refuses.
fn compile(arguments: &[&str], source: &Path) {
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(Path::new(HEADER).parent().unwrap())
        .args(arguments)
        .arg(source)
        .output()
        .expect("the system's C compiler `cc` runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn said_by_c(program: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (source, binary) = (directory.path().join("layout.c"), directory.path().join("layout"));
    let text = format!(
        "#include <stdio.h>\n#include <dns01_plugin.h>\nint main(void) {{\n{program}
         printf(\"DNS01_ENTRY_SYMBOL %s\\n\", DNS01_ENTRY_SYMBOL);\nreturn 0;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    compile(&["-std=c99", "-o", binary.to_str().unwrap()], &source);
    let output = Command::new(&binary).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn c_and_rust_agree_on_every_size_offset_and_constant() {
    let mut views = views();
    writeln!(
        views.rust,
        "DNS01_ENTRY_SYMBOL {}",
        abi::ENTRY_SYMBOL.to_str().unwrap()
    )
    .unwrap();
    assert_eq!(said_by_c(&views.c), views.rust);
}

#[test]
fn abi_1_never_changes() {
    let golden = include_str!("layout.golden");
    let now = said_by_c(&views().c);
    assert_eq!(
        now, golden,
        "ABI 1 changed: only additions may be recorded in layout.golden. Now:\n{now}"
    );
}

#[test]
fn nothing_in_the_header_goes_unchecked() {
    let views = views();
    let header = std::fs::read_to_string(HEADER).unwrap();
    let not_numbers = [
        "DNS01_PLUGIN_H",
        "DNS01_EXPORT",
        "DNS01_HAS(p,",
        "DNS01_ENTRY_SYMBOL",
        "DNS01_SIZE_IS(type,",
    ];
    let defined: BTreeSet<&str> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split_whitespace().next())
        .filter(|name| !not_numbers.contains(name))
        .collect();
    assert_eq!(defined, views.constants);

    let structs: BTreeSet<&str> = header
        .lines()
        .filter_map(|line| line.strip_prefix("typedef struct ")?.strip_suffix(" {"))
        .collect();
    assert_eq!(structs, views.structs);
}

#[test]
fn floors_are_the_sizes_of_1_0() {
    use abi::AbiStruct as _;
    let floors = [
        (abi::Call::NAME, abi::Call::FLOOR),
        (abi::Record::NAME, abi::Record::FLOOR),
        (abi::ResultSlot::NAME, abi::ResultSlot::FLOOR),
        (abi::OptionValue::NAME, abi::OptionValue::FLOOR),
        (abi::Host::NAME, abi::Host::FLOOR),
        (abi::OptionDesc::NAME, abi::OptionDesc::FLOOR),
        (abi::Provider::NAME, abi::Provider::FLOOR),
        (abi::InstanceInfo::NAME, abi::InstanceInfo::FLOOR),
        (abi::Plugin::NAME, abi::Plugin::FLOOR),
    ];
    // while the minor is 0 the floor is the size; later minors keep these numbers
    let golden = include_str!("layout.golden");
    for (name, floor) in floors {
        assert!(
            golden.contains(&format!("{name} size {floor} align 8\n")),
            "{name} {floor}"
        );
    }
}

#[test]
fn header_compiles_as_c99_c11_and_cxx11_without_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("header.c");
    // twice: the guard holds; the macros and types are used as an author would
    let text = "#include <dns01_plugin.h>\n#include <dns01_plugin.h>\n\
        static const dns01_plugin table = {sizeof(dns01_plugin), DNS01_ABI_MINOR, \"x\", \"1\", 0, 0, 0, 0, \
        0, 0, 0, 0, 0, 0, 0, 0, 0};\n\
        const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {\n\
        return DNS01_HAS(host, dns01_host, get_extension) ? &table : (const dns01_plugin *)0;\n}\n";
    std::fs::write(&source, text).unwrap();
    for language in [
        ["-xc", "-std=c99"],
        ["-xc", "-std=c11"],
        ["-xc++", "-std=c++11"],
        ["-xc++", "-std=c++20"],
    ] {
        compile(&[language[0], language[1], "-fsyntax-only"], &source);
    }
}

#[test]
fn a_packing_pragma_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("packed.c");
    std::fs::write(&source, "#pragma pack(push, 1)\n#include <dns01_plugin.h>\n").unwrap();
    let include = Path::new(HEADER).parent().unwrap();
    let output = Command::new("cc")
        .arg("-fsyntax-only")
        .arg("-I")
        .arg(include)
        .arg(&source)
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && refusal.contains("has_wrong_alignment"),
        "{refusal}"
    );
}
