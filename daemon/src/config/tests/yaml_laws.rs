use proptest::prelude::*;

use super::*;

/// Text made of what YAML and this configuration are made of: far more of it
/// gets past the scanner than of any text.
fn almost_yaml() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "cas",
        "providers",
        "certificates",
        "names",
        "options",
        "include",
        "defaults",
        "output",
        "hook",
        "a",
        "*.b",
        "é",
        "1",
        "0640",
        "true",
        "~",
        ": ",
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "\n  ",
        "\n    ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "&a ",
        "*a ",
        "!t ",
        "<<",
        "---\n",
        "...\n",
        "? ",
        "%",
        "@",
        "`",
        "\t",
        "\r\n",
        "\u{feff}",
        "\0",
        "30s",
        "https://a",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A value that fits nowhere in particular.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[ -~]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = prop::sample::select(vec![
            "library",
            "zones",
            "options",
            "names",
            "ca",
            "key",
            "output",
            "hook",
            "directory",
            "agree-terms",
            "contacts",
            "command",
            "file",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(key, inner, 0..4).prop_map(|map| {
                let map: serde_json::Map<_, _> = map
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect();
                map.into()
            }),
        ]
    })
}

fn any_root() -> impl Strategy<Value = serde_json::Value> {
    let key = prop::sample::select(vec![
        "state-directory",
        "include",
        "log",
        "control",
        "plugins",
        "dns",
        "cas",
        "providers",
        "defaults",
        "certificates",
        "engine",
        "shutdown",
        "x",
    ]);
    prop::collection::hash_map(key, any_value(), 0..6).prop_map(|map| {
        let map: serde_json::Map<_, _> = map
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        map.into()
    })
}

fn never_panics(text: &str) {
    let site = Site::new();
    match site.load(text) {
        Ok(config) => {
            summary::text(&config);
            summary::json(&config);
            report::text(&config.warnings);
        }
        Err(faults) => {
            assert!(faults.errors() > 0, "refused without an error: {text}");
            report::text(&faults);
            report::json(&faults);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic(text in ".{0,200}") {
        never_panics(&text);
    }

    #[test]
    fn nothing_like_yaml_makes_the_loader_panic(text in almost_yaml()) {
        never_panics(&text);
    }

    #[test]
    fn no_value_at_any_key_makes_the_loader_panic(root in any_root()) {
        never_panics(&root.to_string());
    }

    #[test]
    fn every_fault_of_a_well_formed_file_has_a_line(root in any_root()) {
        let site = Site::new();
        if let Err(faults) = site.load(&root.to_string()) {
            for fault in faults.iter() {
                prop_assert!(fault.place.excerpt.is_some(), "{:?}", fault);
            }
        }
    }
}

#[test]
fn an_included_directory_is_a_fault_of_the_line_that_names_it() {
    let site = Site::new();
    for pattern in [".", "..", "/"] {
        let faults = site
            .load(&format!("include: [ {pattern} ]\n"))
            .expect_err("a fault");
        let fault = faults.iter().next().expect("a fault");
        assert_eq!(fault.path, "include[0]", "{faults}");
        assert!(fault.place.excerpt.is_some(), "{faults}");
    }
}

#[test]
fn a_duplicate_is_found_at_every_level_with_both_lines() {
    let site = Site::new();
    let faults = site
        .load(
            "log:\n  level: info\n  level: warn\nproviders:\n  a:\n    library: x\n    options:\n      k: 1\n      k: 2\nlog: {}\ndns:\n  zones:\n    z.test: { authorities: [192.0.2.1], authorities: [] }\n",
        )
        .expect_err("faults");
    let lines: Vec<_> = faults
        .iter()
        .map(|fault| {
            let line = |place: &Place| {
                place
                    .excerpt
                    .as_ref()
                    .map(|excerpt| excerpt.line)
                    .unwrap_or_default()
            };
            (fault.path.clone(), line(&fault.place), line(&fault.related[0].0))
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("log.level".to_owned(), 3, 2),
            ("providers.a.options.k".to_owned(), 9, 8),
            ("log".to_owned(), 10, 1),
            ("dns.zones.\"z.test\".authorities".to_owned(), 13, 13),
        ]
    );
}

#[test]
fn an_unknown_key_with_a_child_of_its_own_name_is_reported_once() {
    let site = Site::new();
    let faults = site
        .load("log: { levl: { levl: { levl: 1 } } }\n")
        .expect_err("a fault");
    assert_eq!(whats(&faults), ["log.levl: unknown key `levl`"]);
}

#[test]
fn later_elements_keep_their_number_and_line_when_earlier_ones_are_refused() {
    let site = Site::new();
    let faults = site
        .load(&with(
            "certificates:\n  a:\n    names:\n    - 1\n    - b.test\n    - 2\n    - bad name\n",
        ))
        .expect_err("faults");
    let places: Vec<_> = faults
        .iter()
        .map(|fault| {
            (
                fault.path.as_str(),
                fault.place.excerpt.as_ref().map(|excerpt| excerpt.line),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("certificates.a.names[0]", Some(8)),
            ("certificates.a.names[2]", Some(10)),
            ("certificates.a.names[3]", Some(11)),
        ]
    );
}

#[test]
fn empty_mappings_and_an_empty_file_are_defaults_with_a_warning() {
    let site = Site::new();
    for text in [
        "",
        "# nothing\n",
        "{}",
        "certificates:\nproviders:\ncas:\nlog:\n",
        "\u{feff}log: {}\n",
    ] {
        let config = site
            .load(text)
            .unwrap_or_else(|faults| panic!("{text:?}: {faults}"));
        assert_eq!(config.warnings.warnings(), 1, "{text:?}");
        assert_eq!(config.state_directory, PathBuf::from(DEFAULT_STATE_DIRECTORY));
    }
}

#[test]
fn windows_line_ends_count_as_lines() {
    let site = Site::new();
    let faults = site
        .load("log:\r\n  level: info\r\n  colour: 1\r\n")
        .expect_err("a fault");
    let excerpt = faults
        .iter()
        .next()
        .and_then(|fault| fault.place.excerpt.clone())
        .expect("a line");
    assert_eq!(
        (excerpt.line, excerpt.column, excerpt.text.as_deref()),
        (3, 3, Some("  colour: .."))
    );
}
