//! The README says what the code does.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use dns01_plugin_api::Provider;
use dns01_plugin_api::testing::TestHost;
use dns01_rfc2136::Rfc2136;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_lists_every_option_and_no_other() {
    let table = README.split("## What the server needs").next().unwrap();
    let listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let declared: Vec<&str> = Rfc2136::DESCRIPTION
        .options
        .iter()
        .map(|option| option.key())
        .collect();
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(listed), sorted(declared));
    // each is really taken: a key that the provider does not know is refused by name
    let refused = TestHost::start()
        .open::<Rfc2136>(&[("server", "192.0.2.1"), ("nonsense", "1")])
        .unwrap_err();
    assert!(refused.message.contains("`nonsense`"));
}

#[test]
fn bind_takes_the_snippet() {
    let snippet = README
        .split("BIND 9")
        .nth(1)
        .unwrap()
        .split("```")
        .nth(1)
        .unwrap();
    assert!(snippet.contains("update-policy"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("named.conf");
    std::fs::write(&file, snippet.replace("\"...\"", "\"c2VjcmV0\"")).unwrap();
    let output = Command::new("named-checkconf")
        .arg(&file)
        .output()
        .expect("BIND 9 is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
