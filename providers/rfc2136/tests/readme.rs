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

/// The code block behind a heading word.
fn snippet(after: &str) -> &'static str {
    let block = README.split(after).nth(1).unwrap().split("```").nth(1);
    block.unwrap()
}

fn runs(command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `./dev setup` installs it"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program}: {said}");
    said
}

#[test]
fn bind_takes_the_snippet() {
    let snippet = snippet("BIND 9 (");
    assert!(snippet.contains("update-policy"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("named.conf");
    std::fs::write(&file, snippet.replace("\"...\"", "\"c2VjcmV0\"")).unwrap();
    let said = runs(Command::new("named-checkconf").arg(&file));
    assert!(said.is_empty(), "{said}");
}

#[test]
fn knot_takes_the_snippet() {
    let snippet = snippet("Knot DNS (");
    assert!(snippet.contains("update-owner-name"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("knot.conf");
    std::fs::write(&file, snippet.replace("secret: ...", "secret: c2VjcmV0")).unwrap();
    runs(Command::new("knotc").arg("--config").arg(&file).arg("conf-check"));
}

#[test]
fn powerdns_takes_the_commands() {
    const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
    const MAKE: &str =
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("pdns.db");
    runs(
        Command::new("python3")
            .args(["-c", MAKE])
            .arg(&database)
            .arg(SCHEMA),
    );
    let configuration = format!("launch=gsqlite3\ngsqlite3-database={}\n", database.display());
    std::fs::write(directory.path().join("pdns.conf"), configuration).unwrap();
    let pdnsutil = |arguments: &[&str]| {
        let place = format!("--config-dir={}", directory.path().display());
        runs(Command::new("pdnsutil").arg(place).args(arguments))
    };
    pdnsutil(&["create-zone", "acme.example.org"]);
    for line in snippet("PowerDNS Authoritative (").trim().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "pdnsutil");
        pdnsutil(&words[1..]);
    }
    let known = pdnsutil(&["get-meta", "acme.example.org"]);
    assert!(known.contains("TSIG-ALLOW-DNSUPDATE = dns01d"), "{known}");
}
