//! `dns01d provider new`: what it writes is built and tested by the commands that it prints, and then serves
//! in the real plugin host.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use dns01d::plugin::MemoryState;
use lab::daemon::built;

use crate::instance::{instance_of, present, record, remove};
use crate::tinyhost::{TOKEN, TinyHost};
use crate::tools::{exports, offline, repository, run};

#[tokio::test]
async fn a_new_project_in_c_works_as_it_stands() {
    works("c", &[]).await;
}

#[tokio::test]
async fn a_new_project_in_rust_works_as_it_stands() {
    let api = repository("plugin-api");
    works("rust", &["--plugin-api", api.to_str().unwrap()]).await;
}

#[tokio::test]
#[cfg_attr(not(go), ignore = "Go is not installed")]
async fn a_new_project_in_go_works_as_it_stands() {
    works("go", &[]).await;
}

fn new(arguments: &[&str], directory: &Path) -> Output {
    Command::new(built("dns01d"))
        .current_dir(directory)
        .args(["provider", "new"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The commands that `provider new` prints: those after its first line, which begin with two spaces.
fn next(said: &str) -> String {
    let commands: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(commands.len(), 3, "{said}");
    format!("set -e\n{}", commands.join("\n"))
}

async fn works(language: &str, more: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [&["my-dns", "--lang", language], more].concat();
    let output = new(&arguments, directory.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tested = run(offline(
        Command::new("sh")
            .current_dir(directory.path())
            .args(["-c", &next(&said)]),
    ));
    let proof = match language {
        "c" => "every promise was kept",
        _ => "ok",
    };
    assert!(tested.contains(proof), "{tested}");

    if language == "rust" {
        let project = directory.path().join("my-dns");
        run(Command::new("cargo")
            .current_dir(project)
            .args(["fmt", "--check"]));
    }
    let library = library(&directory.path().join("my-dns"));
    assert_eq!(exports(&library), ["dns01_plugin_v1"]);
    let host = TinyHost::start().await;
    let provider = instance_of(
        library,
        &[("endpoint", &host.api, false), ("token", TOKEN, true)],
        Arc::new(MemoryState::default()),
        |_| {},
    );
    assert_eq!(provider.describe().await.expect("described").id, "my-dns");
    let records = [record("example.test", "new")];
    present(&provider, &records).await;
    assert_eq!(host.txt("_acme-challenge.example.test").await, ["new"]);
    remove(&provider, &records).await;
    assert!(host.txt("_acme-challenge.example.test").await.is_empty());
}

fn library(project: &Path) -> PathBuf {
    let places = ["build", "target/release"].map(|place| project.join(place).join("libdns01_my_dns.so"));
    places
        .into_iter()
        .find(|path| path.is_file())
        .expect("the built library")
}

#[test]
fn nothing_is_overwritten_and_a_wrong_wish_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    assert!(new(&["mine", "--lang", "c"], directory.path()).status.success());
    let source = directory.path().join("mine/mine.c");
    std::fs::write(&source, "changed").unwrap();
    for (arguments, status, words) in [
        (
            &["mine", "--lang", "c"][..],
            1,
            "mine is there already: give another place with --path, or remove it",
        ),
        (
            &["Mine", "--lang", "c"],
            2,
            "lower-case letters, digits and single dashes",
        ),
        (&["../mine", "--lang", "c"], 2, "lower-case letters"),
        (&["mine", "--lang", "cobol"], 2, "[possible values: rust, c, go]"),
        (
            &["other", "--lang", "go", "--plugin-api", "."],
            1,
            "--plugin-api is for --lang rust",
        ),
        (
            &["other", "--lang", "rust", "--plugin-api", "mine"],
            1,
            "mine is not the dns01-plugin-api crate",
        ),
    ] {
        let output = new(arguments, directory.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(source).unwrap(), "changed");
    assert!(!directory.path().join("other").exists());
    assert!(
        new(&["mine", "--lang", "c", "--path", "deep/er"], directory.path())
            .status
            .success()
    );
    assert!(directory.path().join("deep/er/mine.c").is_file());
}

#[test]
fn a_published_rust_project_depends_on_the_published_crate() {
    let directory = tempfile::tempdir().unwrap();
    assert!(
        new(&["mine", "--lang", "rust"], directory.path())
            .status
            .success()
    );
    let manifest = std::fs::read_to_string(directory.path().join("mine/Cargo.toml")).unwrap();
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    assert!(
        manifest.contains(&format!("\ndns01-plugin-api = \"{version}\"\n")),
        "{manifest}"
    );
}
