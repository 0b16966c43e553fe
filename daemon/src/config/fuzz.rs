//! What can stand in a configuration, for the fuzzer and for the tests that run on its corpus.

use std::path::Path;

use super::{
    NoDescriptions, Presence,
    build::{self, Parts},
    findings::Findings,
    load::understand,
    raw::Root,
    report, summary,
    yaml::Content,
};

/// A main file for another machine, without what it includes: a configuration, or faults.
pub(crate) fn configuration(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let path = Path::new("dns01d.yaml");
    let mut findings = Findings::default();
    let mut parts = Parts::default();
    let content = Content::Configuration;
    if let Some((document, root)) = understand::<Root>(path, text.to_owned(), None, content, &mut findings) {
        parts.main(document, root);
    }
    let files = vec![path.to_owned()];
    let config = build::build(parts, files, &NoDescriptions, Presence::Assumed, &mut findings);
    let failed = findings.has_errors();
    let faults = findings.finish();
    for shown in [report::text(&faults), report::json(&faults).to_string()] {
        let obeyed = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(obeyed), "{shown:?}");
    }
    match config {
        Some(config) if !failed => {
            summary::text(&config);
            summary::json(&config);
        }
        _ => assert!(faults.errors() > 0, "refused without an error"),
    }
}
