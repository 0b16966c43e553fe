//! docs/writing-a-provider.md: its commands are run, its configuration is loaded, its links lead somewhere.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use dns01d::config::{NoDescriptions, Presence, load_with};
use lab::{daemon::built, process::free_port};

use crate::tools::repository;

fn guide() -> String {
    fs::read_to_string(repository("docs/writing-a-provider.md")).unwrap()
}

/// The fenced blocks of a language, in order.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    text.split(&begin)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Runs the ten minutes: every command of the guide, in one shell, with ports that are free here.
fn follow(blocks: &[&str], directory: &Path) -> Output {
    let dns01d = built("dns01d");
    let path = format!(
        "{}:{}",
        dns01d.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let (api, dns) = (free_port().unwrap(), free_port().unwrap());
    let script = format!(
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n{}",
        blocks.concat()
    );
    let script = script
        .replace("8053", &api.to_string())
        .replace("8054", &dns.to_string());
    Command::new("bash")
        .current_dir(directory)
        .arg("-c")
        .arg(script)
        .env("PATH", path)
        .env("HOME", directory)
        .env("DNS01D_PLUGIN_HOST", built("dns01-plugin-host"))
        .env_remove("DNS01D_CONFIG")
        .output()
        .expect("bash runs")
}

fn words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// All blocks, of which the last runs the kit.
fn ten_minutes(guide: &str) -> Vec<&str> {
    let blocks = blocks(guide, "sh");
    assert!(blocks.last().unwrap().starts_with("dns01d provider test "));
    blocks
}

#[test]
fn ten_minutes_lead_to_a_plugin_that_is_built_tested_and_described() {
    let (guide, directory) = (guide(), tempfile::tempdir().unwrap());
    let blocks = ten_minutes(&guide);
    let said = words(&follow(&blocks[..blocks.len() - 1], directory.path()));
    for expected in ["every promise was kept", "build/libdns01_mydns.so", "mydns"] {
        assert!(said.contains(expected), "no {expected} in:\n{said}");
    }
}

#[test]
fn ten_minutes_lead_to_a_plugin_that_passes_the_kit() {
    let (guide, directory) = (guide(), tempfile::tempdir().unwrap());
    let said = words(&follow(&ten_minutes(&guide), directory.path()));
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn the_commands_of_each_language_are_those_that_a_new_project_prints() {
    let (guide, directory) = (guide(), tempfile::tempdir().unwrap());
    for language in ["rust", "c", "go"] {
        let output = Command::new(built("dns01d"))
            .current_dir(directory.path())
            .args(["provider", "new", "mydns", "--lang", language, "--path", language])
            .output()
            .unwrap();
        let said = words(&output);
        let printed = said.lines().filter_map(|line| line.strip_prefix("  "));
        for command in printed.skip(1) {
            assert!(
                guide.contains(&format!("| `{command}` |")),
                "{language}: {command}"
            );
        }
        let library = said
            .split_whitespace()
            .find(|word| word.contains("libdns01_mydns.so"));
        let library = library.unwrap().trim_end_matches('.');
        assert!(
            guide.contains(&format!("| `{library}` |")),
            "{language}: {library}"
        );
    }
}

#[test]
fn the_configuration_in_the_guide_loads() {
    let guide = guide();
    let snippets = blocks(&guide, "yaml");
    assert!(!snippets.is_empty());
    for snippet in snippets {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dns01d.yaml");
        let rest = "cas: { ca: { directory: https://ca.example.org/directory, agree-terms: true } }\n\
                    certificates: { one: { names: [example.org] } }\n";
        fs::write(&file, format!("{rest}{snippet}")).unwrap();
        load_with(&file, &NoDescriptions, Presence::Assumed).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn every_link_of_the_guide_leads_somewhere() {
    let guide = guide();
    let links = guide
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let mut local = 0;
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(repository("docs").join(link).exists(), "{link}");
        local += 1;
    }
    assert!(local > 10);
}
