//! Whatever is wrong with a configuration, no report shows what may be a secret.

use super::*;

const CANARY: &str = "c4n4ry";

#[test]
fn no_report_shows_what_stands_under_options_or_environment() {
    let site = Site::new();
    let inside = [
        "tsig-secret: c4n4ry",
        "tsig-secret: c4n4ry\n      tsig-secret: c4n4ry",
        "tsig-secret: [a, {x: c4n4ry}]",
        "tsig-secret: { fil: c4n4ry }",
        "tsig-secret: { command: { x: c4n4ry } }",
        "tsig-secret: { timeout: c4n4ry }",
        "tsig-secret: { file: a, timeout: c4n4ry }",
        "tsig-secret: |\n        c4n4ry\n        second",
        "tsig-secret: \"c4n4ry",
        "tsig-secret: 'c4n4ry\n  x: 1",
        "tsig-secret: c4n4ry: x",
        "tsig-secret: *c4n4ry",
        "tsig-secret: &a c4n4ry",
        "tsig-secret: !c4n4ry x",
        "tsig-secret: [c4n4ry",
        "tsig-secret: {x: c4n4ry",
        "tsig secret c4n4ry: 1",
        "tsig-secret c4n4ry",
        "tsig secret c4n4ry: 1\n      tsig secret c4n4ry: 1",
        "tsig-secret: { c4n4ry }",
        "tsig-secret: { c4n4ry: 1, c4n4ry: 2 }",
        "tsig-secret: [{ c4n4ry }, 5]",
        "tsig-secret: { credential: { c4n4ry: 1 } }",
        "tsig-secret: \"c4n4ry\\0\"",
        "tsig-secret: \"c4n4ry\\q\"",
        "\ttsig-secret: c4n4ry",
        "tsig-secret: @c4n4ry",
        "tsig-secret: %c4n4ry",
        "tsig-secret: `c4n4ry",
    ];
    let mut refused = 0;
    for value in inside {
        for part in ["options", "environment"] {
            let flow = value.replace('\n', " ");
            for text in [
                with(&format!(
                    "  b:\n    library: x\n    zones: [b.test]\n    {part}:\n      {value}\n    unknown: 1\n"
                )),
                with(&format!(
                    "  b: {{ library: x, {part}: {{ {flow} }}, unknown: 1 }}\n"
                )),
                format!("providers: {{ b: {{ library: x, {part}: {{ {flow} }}, unknown: 1 }} }}\n"),
            ] {
                let Err(faults) = site.load(&text) else { continue };
                refused += 1;
                for shown in [faults.to_string(), report::json(&faults).to_string()] {
                    assert!(!shown.contains(CANARY), "{text}\n{shown}");
                }
            }
        }
    }
    assert!(refused > inside.len() * 4, "only {refused} were refused");
}

#[test]
fn no_report_shows_what_stands_under_an_external_account() {
    let site = Site::new();
    let inside = [
        "hmac-key: c4n4ry",
        "hmac-key: c4n4ry\n      hmac-key: c4n4ry",
        "hmac-key: { fil: c4n4ry }",
        "hmac-key: { command: { x: c4n4ry } }",
        "hmac-key: [c4n4ry]",
        "hmac-key: \"c4n4ry",
        "hmac-key: c4n4ry: x",
        "hmac-key: *c4n4ry",
        "hmac-key: !c4n4ry x",
        "hmac-key: [c4n4ry",
        "hmac-key: { c4n4ry }",
        "hmac_key: c4n4ry",
        "hmac: c4n4ry",
        "hmac key c4n4ry: 1",
        "hmac-key c4n4ry",
        "kid: c4n4ry c4n4ry",
        "algorithm: c4n4ry",
        "\thmac-key: c4n4ry",
        "hmac-key: `c4n4ry",
    ];
    let mut refused = 0;
    for value in inside {
        let flow = value.replace('\n', " ");
        for text in [
            format!("cas:\n  lab:\n    external-account:\n      {value}\n"),
            format!("cas:\n  lab: {{ external-account: {{ {flow} }}, unknown: 1 }}\n"),
            format!("cas:\n  lab:\n    external-acount:\n      {value}\n"),
            format!("cas:\n  lab:\n    eab:\n      {value}\n"),
            format!("cas:\n  lab:\n    external-account: {flow}\n"),
        ] {
            let Err(faults) = site.load(&text) else { continue };
            refused += 1;
            for shown in [faults.to_string(), report::json(&faults).to_string()] {
                assert!(!shown.contains(CANARY), "{text}\n{shown}");
            }
        }
    }
    assert!(refused > inside.len() * 4, "only {refused} were refused");
}

#[test]
fn no_report_shows_a_secret_that_slipped_out_of_its_place() {
    let site = Site::new();
    for (number, text) in [
        "providers:\n  b:\n    library: x\n    api-token: c4n4ry\n",
        "providers:\n  b:\n    library: x\n    option: { api-token: c4n4ry, x: [c4n4ry] }\n",
        "providers:\n  b:\n    library: x\n    Environment:\n      TOKEN: c4n4ry\n",
        "providers:\n  b: { library: x, api-token: c4n4ry, zones: 5 }\n",
        "providers:\n  b: c4n4ry\n",
        "providers:\n  b: [c4n4ry]\n",
        "providers:\n  b: *c4n4ry\n",
        "providers:\n  b:\n    api-token: *c4n4ry\n",
        "provider: { b: { options: { api-token: c4n4ry } } }\n",
        "provider:\n  b: { options: { api-token: c4n4ry, api-token: c4n4ry } }\n",
        "provider:\n  b:\n    options:\n      api-token: !x c4n4ry\n",
        "provider:\n  b:\n    options:\n      api-token: \"c4n4ry\n",
        "certificates:\n  a: { names: [a.test], options: { api-token: c4n4ry } }\n",
        "cas: { le: { directory: 5, api-token: c4n4ry } }\n",
        "api-token: c4n4ry\n",
    ]
    .into_iter()
    .enumerate()
    {
        let faults = site.load(text).expect_err(text);
        for shown in [faults.to_string(), report::json(&faults).to_string()] {
            assert!(!shown.contains(CANARY), "{number}: {text}\n{shown}");
        }
    }
}

#[test]
fn a_configuration_never_prints_an_options_value() {
    let site = Site::new();
    let config = site
        .load("providers:\n  a:\n    library: x\n    options: { token: c4n4ry }\n")
        .expect("a configuration");
    assert!(!format!("{config:?}").contains(CANARY));
}

#[test]
fn a_secret_file_that_others_can_read_is_refused_with_the_command_to_run() {
    let site = Site::new();
    let secret = site.write("tsig.secret", CANARY);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("a mode");
    site.write("libdns01_x.so", "");
    let report = site.report_here(
        "plugins: { host: /bin/sh, directories: [HERE] }\nproviders:\n  a:\n    library: x\n    options: { tsig-secret: { file: HERE/tsig.secret } }\n",
    );
    insta::assert_snapshot!(report);
}

#[test]
fn a_secret_stands_in_the_file_only_where_the_operator_allows_it_and_nobody_else_reads_it() {
    let site = Site::new();
    let provider = "providers:\n  a:\n    library: x\n    options: { server: s, tsig-secret: c4n4ry }\n";
    let library = super::options::library_of("x");
    let refused = |text: &str| {
        let faults = site.load_with(text, &library).expect_err("refused");
        assert!(!faults.to_string().contains(CANARY), "{faults}");
        whats(&faults)[0].clone()
    };
    assert!(refused(provider).contains("is written into the configuration"));

    let allowed = format!("allow-inline-secrets: true\n{provider}");
    let config = site
        .load_with(&allowed, &library)
        .unwrap_or_else(|faults| panic!("{faults}"));
    let read = config.providers[0].source.read().expect("options");
    assert!(
        read.iter()
            .any(|option| option.secret && option.value.expose() == CANARY)
    );
    assert!(!format!("{config:?}").contains(CANARY));

    // the parts of an included file count by that file's own permissions
    let part = site.write("part.yaml", provider);
    fs::set_permissions(&part, fs::Permissions::from_mode(0o644)).expect("a mode");
    let including = "allow-inline-secrets: true\ninclude: [part.yaml]\n";
    let said = refused(including);
    assert!(
        said.contains("everybody on this machine can read it (mode 0644)"),
        "{said}"
    );
}

#[test]
fn a_variable_takes_a_secret_from_its_source_and_never_in_clear_unasked() {
    let site = Site::new();
    site.write("key", "c4n4ry\n");
    let provider =
        |variables: &str| format!("providers:\n  a: {{ library: x, environment: {{ {variables} }} }}\n");
    let config = site
        .load(&provider(
            "AWS_REGION: eu-west-1, AWS_SECRET_ACCESS_KEY: { file: HERE/key }",
        ))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let ProviderConfig { options, source, .. } = &config.providers[0];
    assert_eq!(options.environment.keys().collect::<Vec<_>>(), ["AWS_REGION"]);
    let read = source.environment().expect("a variable");
    let [(name, value)] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!((name.as_str(), value.expose()), ("AWS_SECRET_ACCESS_KEY", CANARY));

    let inline = provider("AWS_SECRET_ACCESS_KEY: c4n4ry");
    let faults = site.load(&inline).expect_err("refused");
    assert!(!faults.to_string().contains(CANARY), "{faults}");
    assert!(
        faults.to_string().contains("is written into the configuration"),
        "{faults}"
    );
    let config = site
        .load(&format!("allow-inline-secrets: true\n{inline}"))
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert!(!format!("{config:?}").contains(CANARY));
}

#[test]
fn a_secret_is_read_anew_each_time() {
    let site = Site::new();
    let secret = site.write("token", "one\n");
    let config = site
        .load("providers:\n  a:\n    library: x\n    options: { zone: example.org, token: { file: HERE/token } }\n")
        .expect("a configuration");
    let read = || {
        let values = config.providers[0].source.read().expect("options");
        values
            .into_iter()
            .map(|option| (option.key, option.value.expose().to_owned(), option.secret))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        read(),
        [
            ("token".into(), "one".into(), true),
            ("zone".into(), "example.org".into(), false)
        ]
    );
    fs::write(&secret, "two\n").expect("a file");
    assert_eq!(read()[0].1, "two");
    fs::remove_file(&secret).expect("gone");
    let error = config.providers[0].source.read().expect_err("no file");
    assert!(
        error.starts_with("option token: cannot read the secret file"),
        "{error}"
    );
}
