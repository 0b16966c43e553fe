//! The README says what the code does.
#![allow(clippy::unwrap_used)]

use dns01_cloudflare::Cloudflare;
use dns01_plugin_api::Provider;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_lists_every_option_and_no_other() {
    let table = README.split("## What the token needs").next().unwrap();
    let mut listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut declared: Vec<&str> = Cloudflare::DESCRIPTION
        .options
        .iter()
        .map(|it| it.key())
        .collect();
    listed.sort_unstable();
    declared.sort_unstable();
    assert_eq!(listed, declared);
}
