//! The README says what the code does.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use dns01_plugin_api::Provider;
use dns01_plugin_api::testing::TestHost;
use dns01_route53::Route53;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_lists_every_option_and_no_other() {
    let table = README.split("## Credentials").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    // a row may hold several: | `a`, `b` | default | meaning |
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let listed: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split(", ").map(|key| key.trim_matches('`')))
        .collect();
    let declared: BTreeSet<&str> = Route53::DESCRIPTION
        .options
        .iter()
        .map(|option| option.key())
        .collect();
    assert_eq!(listed, declared);
}

#[test]
fn every_example_opens_once_its_files_are_there() {
    let blocks: Vec<&str> = README
        .split("```yaml")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 5, "{blocks:?}");
    for block in blocks {
        let options = block.split("options:\n").nth(1).unwrap();
        let mut values = Vec::new();
        for line in options.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.trim().split_once(": ").unwrap();
            // a secret in a file, a list of one
            values.push((key, value.trim_matches(['[', ']', '{', '}'])));
        }
        let host = TestHost::start();
        host.open::<Route53>(&values)
            .unwrap_or_else(|refused| panic!("{block}: {}", refused.message));
    }
}

#[test]
fn the_policy_allows_the_four_actions_and_no_more() {
    let policy = README
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let actions: BTreeSet<&str> = statements
        .iter()
        .map(|statement| statement["Action"].as_str().unwrap())
        .collect();
    let used = [
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListHostedZonesByName",
        "route53:ListResourceRecordSets",
    ];
    assert_eq!(actions, BTreeSet::from(used));
    let conditions = &statements[0]["Condition"]["ForAllValues:StringEquals"];
    for (key, value) in [
        ("RecordTypes", "TXT"),
        ("Actions", "CREATE"),
        ("Actions", "DELETE"),
    ] {
        let allowed = conditions[format!("route53:ChangeResourceRecordSets{key}")]
            .as_array()
            .unwrap();
        assert!(allowed.iter().any(|allowed| allowed == value), "{key}: {value}");
    }
}
