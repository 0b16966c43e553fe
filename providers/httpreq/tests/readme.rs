//! The README says what the code does.
#![allow(clippy::unwrap_used)]

use dns01_httpreq::HttpReq;
use dns01_plugin_api::Provider;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_lists_every_option_and_no_other() {
    let table = README.split("## What the portal must do").next().unwrap();
    let listed = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let declared = HttpReq::DESCRIPTION.options.iter().map(|option| option.key());
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(listed.collect()), sorted(declared.collect()));
}
