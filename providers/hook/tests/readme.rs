//! The README says what the code does.
#![allow(clippy::unwrap_used)]

use dns01_hook::Hook;
use dns01_plugin_api::Provider;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_lists_every_option_and_no_other() {
    let table = README.split("### lego-exec").next().unwrap();
    let mut listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut declared: Vec<&str> = Hook::DESCRIPTION
        .options
        .iter()
        .map(|option| option.key())
        .collect();
    listed.sort_unstable();
    declared.sort_unstable();
    assert_eq!(listed, declared);
}
