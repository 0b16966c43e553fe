//! The pages on the rules have every rule of the header, and no other.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

const DIRECTORY: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(DIRECTORY).join(path)).unwrap()
}

/// `S1` of `S1 Every struct ...`.
fn rule(text: &str) -> Option<&str> {
    let word = text.split([' ', ':']).next()?;
    let (group, number) = word.split_at_checked(1)?;
    ("SMTCBX".contains(group) && number.parse::<u8>().is_ok()).then_some(word)
}

#[test]
fn every_rule_has_its_place_on_the_page_of_its_group() {
    let header = read("include/dns01_plugin.h");
    let rules: BTreeSet<&str> = header
        .lines()
        .filter_map(|line| rule(line.strip_prefix(" * ")?))
        .collect();
    assert!(rules.len() > 20, "{rules:?}");
    let mut explained = BTreeSet::new();
    for (group, page) in [
        ("S", "stability"),
        ("M", "memory"),
        ("T", "threads"),
        ("C", "cancellation"),
        ("B", "build"),
        ("X", "security"),
    ] {
        let text = read(&format!("docs/{page}.md"));
        for found in text.lines().filter_map(|line| line.strip_prefix("## ")) {
            let rule = rule(found).unwrap_or_else(|| panic!("{page}: {found}"));
            assert!(rule.starts_with(group), "{rule} is on the page {page}");
            assert!(explained.insert(rule.to_owned()), "{rule} twice");
        }
    }
    assert_eq!(explained, rules.into_iter().map(ToOwned::to_owned).collect());
}

#[test]
fn the_readme_names_what_is_there() {
    let readme = read("README.md");
    let links = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let mut local = 0;
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(Path::new(DIRECTORY).join(link).exists(), "{link}");
        local += 1;
    }
    assert!(local > 3);
    let minor = dns01_plugin_api::abi::ABI_MINOR;
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        readme.contains(&format!("**{version}**, ABI 1.{minor}:")),
        "its change is told"
    );
}

#[test]
fn the_package_has_what_an_author_needs() {
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(DIRECTORY)
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: BTreeSet<&str> = listed.lines().collect();
    for wanted in [
        "include/dns01_plugin.h",
        "include/v1.0/dns01_plugin.h",
        "docs/stability.md",
        "examples/tinyhost.c",
        "examples/tinyhost.rs",
        "examples/tinyhost-go/main.go",
        "examples/tinyhost.py",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        assert!(
            files.contains(wanted),
            "{wanted} is not in the package:\n{listed}"
        );
    }
}
