//! hook in each of its conventions, with programs that update BIND by `nsupdate`, in a plugin host that runs as a user
//! without rights, as it does in service.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use lab::{
    acme_sh::ACME_SH,
    daemon::{built, unprivileged_host},
};

use crate::lab::{Lab, Run, SUBZONE, write_private};

/// The program that the provider's README shows.
const UPDATE_ZONE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../providers/hook/examples/update-zone"
);
/// Each round runs two programs, and the provider's process keeps nothing of them.
const ROUNDS: &str = "24";

/// Which options are required depends on the convention, so the provider declares none as required.
const NOTHING_REQUIRED: &str = "missing-option";
/// Names, paths and secrets: every text may be one.
const NOTHING_TO_MISTAKE: &str = "malformed-option";
/// Programs run one after the other.
const ONE_AT_A_TIME: &str = "overlap";
/// A program of lego's may never have met two values at a name.
const ONE_VALUE: [&str; 2] = ["foreign-values", "two-values"];
/// What a program prints is kept for its removal by certbot's convention alone.
const NO_HANDLES: &str = "new-process";
/// The convention tells of the challenges of dns-01, whose values are short.
const NEEDS_LONG_VALUES: &str = "long-value";

/// A server, and programs that a user without rights may run.
struct Stage {
    lab: Lab,
    programs: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Stage {
        let programs = tempfile::Builder::new().prefix("dns01-hook").tempdir().unwrap();
        fs::set_permissions(programs.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Stage {
            lab: Lab::new().await,
            programs,
        }
    }

    /// A file that the programs' user may read and run.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.programs.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The example's path and its first arguments.
    fn update_zone(&self) -> (PathBuf, [String; 3]) {
        let program = self.file("update-zone", &fs::read_to_string(UPDATE_ZONE).unwrap());
        let addr = self.lab.bind.addr();
        let arguments = [
            addr.ip().to_string(),
            addr.port().to_string(),
            self.lab.key.name().to_owned(),
        ];
        (program, arguments)
    }

    /// The same as a command of a shell.
    fn update_command(&self) -> (PathBuf, String) {
        let (program, arguments) = self.update_zone();
        let command = format!("{} {}", program.display(), arguments.join(" "));
        (program, command)
    }

    fn kit(&self, user: u32, options: &str) -> Command {
        let library = built("libdns01_hook.so");
        let mut command = self
            .lab
            .kit_of_rounds(&library, &self.lab.options_of(options), ROUNDS);
        command.args(["--subzone", SUBZONE, "--allow-exec"]).env(
            "DNS01D_PLUGIN_HOST",
            unprivileged_host(self.programs.path(), user),
        );
        command
    }

    async fn passes(&self, user: u32, options: &str, not_applicable: &[&str]) {
        let run = Run::of(&mut self.kit(user, options));
        let mut not_applicable = [
            not_applicable,
            &[NOTHING_REQUIRED, NOTHING_TO_MISTAKE, ONE_AT_A_TIME],
        ]
        .concat();
        not_applicable.sort_unstable();
        run.passed_but_for(&not_applicable);
        assert_eq!(run.report["sandbox"]["missing"], serde_json::json!([]));
        assert!(run.report["left"].as_array().unwrap().is_empty());
    }
}

fn list(items: &[&str]) -> String {
    serde_json::to_string(items).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_passes_as_a_program_of_lego() {
    let stage = Stage::new().await;
    let (program, arguments) = stage.update_zone();
    let options = format!(
        "program: {}\narguments: {}\nstdin: {{ file: {} }}\n",
        program.display(),
        list(&arguments.each_ref().map(String::as_str)),
        stage.lab.secret().display()
    );
    stage
        .passes(64_300, &options, &[&ONE_VALUE[..], &[NO_HANDLES]].concat())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_does_not_repeat_a_secret_that_nsupdate_cannot_read() {
    let stage = Stage::new().await;
    let (program, arguments) = stage.update_zone();
    let mut child = Command::new(program)
        .args(arguments)
        .args(["present", "_acme-challenge.example.test.", "v"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"not!base64-SECRET\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("is not in base64") && !said.contains("SECRET"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_as_a_program_of_lego_in_raw_mode() {
    let stage = Stage::new().await;
    let (update, command) = stage.update_command();
    let program = stage.file(
        "raw",
        &format!(
            "#!/bin/sh\n[ \"$2\" = -- ] || exit 64\nvalue=$(printf %s \"$5\" | openssl dgst -sha256 -binary | basenc \
             --base64url | tr -d =)\nexec {command} \"$1\" \"_acme-challenge.$3.\" \"$value\"\n"
        ),
    );
    let options = format!(
        "convention: lego-exec-raw\nprogram: {}\nfiles: {}\nstdin: {{ file: {} }}\n",
        program.display(),
        list(&[text(&update)]),
        stage.lab.secret().display()
    );
    let not_applicable = [&ONE_VALUE[..], &[NO_HANDLES, NEEDS_LONG_VALUES]].concat();
    stage.passes(64_301, &options, &not_applicable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_as_hooks_of_certbot() {
    let stage = Stage::new().await;
    let (update, command) = stage.update_command();
    let hook = |name: &str, before: &str, verb: &str, after: &str| {
        stage.file(
            name,
            &format!(
                "#!/bin/sh\n{before}\n{command} {verb} \"_acme-challenge.$CERTBOT_DOMAIN.\" \"$CERTBOT_VALIDATION\" || \
                 exit\n{after}\n"
            ),
        )
    };
    let auth = hook("auth", "", "present", "echo \"id of $CERTBOT_VALIDATION\"");
    // after a crash the output may be lost
    let known = "case $CERTBOT_AUTH_OUTPUT in '' | \"id of $CERTBOT_VALIDATION\") ;; *) exit 64 ;; esac";
    let cleanup = hook("cleanup", known, "cleanup", "");
    let options = format!(
        "convention: certbot-hook\nauth-hook: {}\ncleanup-hook: {}\nfiles: {}\nstdin: {{ file: {} }}\n",
        auth.display(),
        cleanup.display(),
        list(&[text(&update)]),
        stage.lab.secret().display()
    );
    stage.passes(64_302, &options, &[NEEDS_LONG_VALUES]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_as_a_dnsapi_of_acme_sh() {
    let stage = Stage::new().await;
    let (update, command) = stage.update_command();
    stage.file("acme.sh/acme.sh", ACME_SH);
    // most of acme.sh's return 1 for whatever went wrong; this one hands on who must act
    stage.file(
        "acme.sh/dnsapi/dns_test.sh",
        &format!(
            "#!/usr/bin/env sh\ndns_test_add() {{ printf %s \"$TEST_Key\" | {command} present \"$1.\" \"$2\"; \
             }}\ndns_test_rm() {{ printf %s \"$TEST_Key\" | {command} cleanup \"$1.\" \"$2\"; }}\n"
        ),
    );
    let variable = stage.lab.path("variable.secret");
    write_private(&variable, &format!("TEST_Key={}", stage.lab.key.secret_base64()));
    let options = format!(
        "convention: acme-sh\ntree: {}\napi: dns_test\nfiles: {}\nvariables: [{{ file: {} }}]\n",
        stage.programs.path().join("acme.sh").display(),
        list(&[text(&update)]),
        variable.display()
    );
    stage.passes(64_303, &options, &[NO_HANDLES]).await;
}
