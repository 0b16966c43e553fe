//! Plugins run under what the shipped systemd unit allows the daemon and its children.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::lab::{HOST, Lab, ask};

/// The system calls of the unit, by systemd's own reading of its groups.
fn allowed() -> BTreeSet<String> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/systemd/dns01d.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let mut calls = members("@default");
    for list in unit
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        let (forbid, list) = match list.strip_prefix('~') {
            Some(rest) => (true, rest),
            None => (false, list),
        };
        for call in list.split_whitespace().flat_map(members) {
            if forbid {
                calls.remove(&call);
            } else {
                calls.insert(call);
            }
        }
    }
    calls
}

fn members(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let output = Command::new("systemd-analyze")
        .args(["syscall-filter", name])
        .output()
        .expect("systemd-analyze");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text
        .lines()
        .skip(1)
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(members).collect()
}

/// A host that is started under the unit's filter: EPERM for the rest, as `SystemCallErrorNumber=` says.
fn under_the_filter(directory: &Path, before: &str) -> PathBuf {
    let mut steps = String::new();
    for call in allowed() {
        let _ = write!(
            steps,
            "#ifdef SYS_{call}\n BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, SYS_{call}, 0, 1), \
             BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW),\n#endif\n"
        );
    }
    let source = format!(
        "#include <errno.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n#include <stddef.h>\n\
         #include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
         struct sock_filter steps[] = {{\n\
         BPF_STMT(BPF_LD|BPF_W|BPF_ABS, offsetof(struct seccomp_data, nr)),\n{steps}\
         BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ERRNO|EPERM)}};\n\
         int main(int argc, char **argv) {{\n\
         struct sock_fprog filter = {{sizeof steps / sizeof *steps, steps}};\n\
         if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &filter)) return 125;\n\
         execv(argv[1], argv + 1);\n return 126;\n}}\n"
    );
    let (file, program, script, host) = (
        directory.join("unit.c"),
        directory.join("unit"),
        directory.join("host"),
        // where any user may enter: the sources may lie in a home
        directory.join("dns01-plugin-host"),
    );
    fs::copy(HOST, &host).expect("room for a copy");
    fs::write(&file, source).expect("our own directory");
    let status = Command::new("cc")
        .arg("-w")
        .arg("-o")
        .arg(&program)
        .arg(&file)
        .status()
        .expect("cc runs");
    assert!(status.success());
    let text = format!(
        "#!/bin/sh\nexec {before} {} {} \"$@\"\n",
        program.display(),
        host.display()
    );
    fs::write(&script, text).expect("our own directory");
    for path in [directory, &program, &script] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    script
}

async fn a_plugin_works_after(before: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let lab = Lab::with(&[], |options| {
        options.executable = under_the_filter(directory.path(), before)
    });
    let text = ask(&lab.instance(), "facts").await;
    assert!(
        text.contains("core=0 dumpable=0") && text.contains("nnp=1 session=1"),
        "{text}"
    );
    for result in ask(&lab.instance(), "rights").await.split_whitespace() {
        assert!(result.ends_with("=DONE"), "{result}");
    }
}

#[tokio::test]
async fn plugins_run_in_the_shipped_unit() {
    // with what capabilities the tests have
    a_plugin_works_after("").await;
    if rustix::process::geteuid().is_root() {
        a_plugin_works_after(
            "setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all",
        )
        .await;
    }
}
